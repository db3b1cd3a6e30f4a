//! What people say of an incident, and what it changes.

use reports::cause::overlay;
use reports::incident::Incident;
use reports::report::{Kind, Report};
use reports::said::{Answer, Author, Refused, verdict};
use reports::settings::Settings;
use storage::record::{Change, ChangeKind, Decision, Record, Verdict};

use crate::story::*;

fn incidents(records: Vec<Record>, settings: &Settings) -> (String, Vec<Incident>) {
    match report(records, settings, Kind::Incidents) {
        Report::Incidents(report) => (report.head.generated_from, report.incidents),
        Report::Slo(_) | Report::Timeline(_) => unreachable!(),
    }
}

/// The changes of the day.
fn changes() -> Vec<Change> {
    let change = |record| if let Record::Change(change) = record { Some(change) } else { None };
    day().into_iter().filter_map(change).collect()
}

fn author() -> Author {
    Author { name: "sre".into(), because: "seen".into(), now: at("14:30:00") }
}

/// The incident of the rotation that lay dormant, and what is said of it.
fn rotated(answer: Answer) -> (Incident, Verdict) {
    let incident = incidents(day(), &settings()).1.into_iter().find(|incident| {
        incident.causes.first().is_some_and(|cause| cause.changes == ["c-17"] && cause.trigger.is_some())
    });
    let incident = incident.unwrap();
    let said = verdict(&incident, answer, author(), &changes()).unwrap();
    (incident, said)
}

#[test]
fn a_verdict_carries_all_that_is_learned_from_it() {
    let (incident, said) = rotated(Answer::First);
    assert_eq!((said.decision, said.kind), (Decision::Confirmed, Some(ChangeKind::Secret)));
    assert_eq!((said.trigger.as_deref(), said.lag.as_deref()), (Some("c-18"), Some("activation")));
    assert_eq!(
        (said.targets.as_slice(), said.start),
        (&["orchestrator".to_owned()][..], Some(incident.start.middle()))
    );
    let from_rollout = incident.start.middle().duration_since(at("12:05:00")).as_secs_f64();
    assert!(said.lag_s.is_some_and(|lag| (lag - from_rollout).abs() < 0.001), "{said:?}");
    storage::check::check(&Record::Verdict(said.clone())).unwrap();
    // The same told by ids comes to the same.
    assert_eq!(rotated(Answer::Changes(vec!["c-17".into()], Some("c-18".into()))).1, said);
}

#[test]
fn what_is_no_cause_of_the_report_gives_a_delay_without_a_name() {
    let (incident, said) = rotated(Answer::Changes(vec!["c-17".into()], None));
    let after =
        incident.start.middle().duration_since(changes().iter().find(|one| one.id == "c-17").unwrap().time.unwrap());
    assert_eq!((said.lag, said.lag_s), (None, Some(after.as_secs_f64())));
    let (_, none) = rotated(Answer::Nothing);
    assert_eq!((none.kind, none.lag_s, none.changes.len()), (None, None, 0));
    let unknown = verdict(&incident, Answer::Changes(vec!["c-99".into()], None), author(), &changes());
    assert_eq!(unknown, Err(Refused::UnknownChange("c-99".into())));
    let quiet = Incident { causes: Vec::new(), ..incident };
    assert_eq!(verdict(&quiet, Answer::Wrong, author(), &changes()), Err(Refused::NothingNamed));
}

#[test]
fn a_verdict_is_shown_at_its_incident_and_leaves_its_causes_and_those_before_it_alone() {
    let (incident, said) = rotated(Answer::Wrong);
    let (digest, before) = incidents(day(), &settings());
    let mut records = day();
    let older = Verdict { time: at("14:00:00"), id: "other".into(), decision: Decision::Confirmed, ..said.clone() };
    records.extend([Record::Verdict(said.clone()), Record::Verdict(older.clone())]);
    let (other_digest, after) = incidents(records.clone(), &settings());
    assert_ne!(digest, other_digest);
    for (before, after) in before.iter().zip(&after) {
        if before.start.lo <= incident.start.lo {
            assert_eq!(before.causes, after.causes);
        }
        assert_eq!(after.confirmed.is_some(), after.id == incident.id);
    }
    let shown = after.iter().find_map(|incident| incident.confirmed.clone()).unwrap();
    assert_eq!((shown.decision, shown.by.as_deref()), (Decision::Rejected, Some("sre")));
    records.reverse();
    assert_eq!(incidents(records, &settings()), (other_digest, after));
}

#[test]
fn a_file_of_numbers_changes_the_report_and_its_digest() {
    let model = overlay::read("[prior]\nsecret = 0.0001\n").unwrap();
    let other = incidents(day(), &Settings { model, ..settings() });
    let built_in = incidents(day(), &settings());
    assert_ne!(other.0, built_in.0);
    assert_ne!(other.1, built_in.1);
}
