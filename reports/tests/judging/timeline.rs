//! What a timeline shows, in which order, with which part and where it comes from.

use jiff::SignedDuration;
use reports::formats::{Format, Layout, render};
use reports::input::Input;
use reports::report::{Kind, Report, Request, TimelineReport, build_from};
use reports::settings::Settings;
use reports::timeline::{Item, Kind as What, LeftOut, Role, SourceKind};
use storage::record::{Change, ChangeKind, Decision, Gap, Reason, Record, Verdict};
use storage::window::Window;

use crate::story::*;

fn timeline(records: Vec<Record>, window: Option<Window>, incident: Option<&str>) -> TimelineReport {
    told(records, &Settings::default(), window, incident)
}

fn told(records: Vec<Record>, settings: &Settings, window: Option<Window>, incident: Option<&str>) -> TimelineReport {
    let request = Request { incident: incident.map(str::to_owned), ..request(Kind::Timeline, window) };
    match build_from(&Input::from_records(records), settings, &request).unwrap() {
        Report::Timeline(report) => report,
        Report::Slo(_) | Report::Incidents(_) => unreachable!(),
    }
}

/// One probe fails from a moment on for twenty minutes.
fn outage(probe: &'static str, from: &str) -> Vec<Record> {
    let from = at(from);
    let until = from + SignedDuration::from_mins(20);
    results(window("11:00:00", "15:00:00"), move |name, time, _| {
        (name == probe && from <= time && time < until).then_some(Reason::ApiKeyRejected)
    })
}

fn find<'a>(report: &'a TimelineReport, title: &str) -> (usize, &'a Item) {
    let found = report.items.iter().enumerate().find(|(_, item)| item.title.contains(title));
    found.unwrap_or_else(|| unreachable!("{title} in {:#?}", report.items))
}

fn names(item: &Item, of: SourceKind) -> Vec<&str> {
    item.evidence.iter().filter(|source| source.of == of).map(|source| source.name.as_str()).collect()
}

/// The id of the only incident.
fn incident_of(report: &TimelineReport) -> String {
    let detected = report.items.iter().find(|item| item.title.ends_with("detected")).unwrap();
    names(detected, SourceKind::Incident)[0].to_owned()
}

#[test]
fn where_intervals_overlap_causes_stand_before_their_effects() {
    let mut records = outage("api_key", "13:00:05");
    records.push(Record::Change(key_revoked("13:00:05")));
    let back = Change { reverts: Some("c-19".into()), summary: "key enabled".into(), ..key_revoked("13:20:04") };
    records.push(Record::Change(Change { id: "c-20".into(), ..back }));
    let report = timeline(records, None, None);
    let (fails, onset) = find(&report, "begins to fail");
    let (revoked, trigger) = find(&report, "key revoked");
    assert!(onset.at.lo < trigger.at.lo && trigger.at.lo < onset.at.hi, "they overlap: {onset:?}");
    let order = [revoked, fails, find(&report, "detected").0, find(&report, "key enabled").0];
    assert!(order.is_sorted(), "{order:?}");
    let (recovers, end) = find(&report, "recovers");
    assert!(end.at.lo < at("13:20:04") && find(&report, "key enabled").0 < recovers);
    assert!(recovers < find(&report, " over").0);
    assert_eq!((trigger.role, find(&report, "key enabled").1.role), (Role::Trigger, Role::Mitigation));
}

#[test]
fn what_cannot_be_the_cause_keeps_its_place() {
    let mut records = outage("api_key", "13:00:05");
    records.push(Record::Change(key_revoked("13:00:05")));
    records.push(Record::Change(change("c-30", "13:00:06", ChangeKind::Note, "")));
    let report = timeline(records, None, None);
    let order = [find(&report, "key revoked").0, find(&report, "begins to fail").0, find(&report, "note").0];
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn every_item_names_where_it_comes_from() {
    let report = told(day(), &settings(), Some(window("10:00:00", "15:00:00")), None);
    assert!(report.items.iter().all(|item| !item.evidence.is_empty()), "{:#?}", report.items);
    let (_, fails) = find(&report, "orchestrator/api_key begins to fail");
    assert_eq!(names(fails, SourceKind::Series), ["orchestrator/api_key@local"]);
    assert_eq!(names(fails, SourceKind::Result), ["orchestrator/api_key@local 2026-11-01T13:00:30.65Z"]);
    let (_, recovers) = find(&report, "orchestrator/api_key recovers");
    assert_eq!(names(recovers, SourceKind::Result), ["orchestrator/api_key@local 2026-11-01T13:20:00.65Z"]);
    let (_, revoked) = find(&report, "key revoked");
    assert_eq!(names(revoked, SourceKind::Change), ["c-19"]);
    assert_eq!(names(revoked, SourceKind::Incident), names(fails, SourceKind::Incident));
    let Report::Slo(slo) = crate::story::report(day(), &settings(), Kind::Slo) else { unreachable!() };
    assert_eq!(names(find(&report, "maintenance").1, SourceKind::Correction), [slo.corrections[0].id.as_str()]);
}

#[test]
fn what_people_said_stands_as_a_note_wherever_it_was_said() {
    let records = || {
        let mut records = outage("api_key", "13:00:05");
        records.push(Record::Change(key_revoked("13:00:05")));
        records
    };
    let incident = incident_of(&timeline(records(), None, None));
    let said = |id: &str, decision, incident: &str| {
        Record::Verdict(Verdict {
            id: id.into(),
            time: at("23:00:00"),
            incident: incident.into(),
            decision,
            changes: vec!["c-19".into()],
            trigger: None,
            kind: Some(ChangeKind::ApiKey),
            targets: vec!["orchestrator".into()],
            start: Some(at("13:00:05")),
            lag_s: Some(1.0),
            lag: None,
            author: "sre".into(),
            reason: "seen \u{202e}<b>".into(),
        })
    };
    let with_verdicts = || {
        let mut records = records();
        records.push(said("v-1", Decision::Confirmed, &incident));
        records.push(said("v-2", Decision::Rejected, "i-elsewhere"));
        records
    };
    for (window, one) in [(None, None), (Some(window("13:05:00", "13:10:00")), None), (None, Some(incident.as_str()))] {
        let report = timeline(with_verdicts(), window, one);
        let notes: Vec<&Item> = report.items.iter().filter(|item| item.kind == What::Note).collect();
        let [note] = notes.as_slice() else { unreachable!("{notes:#?}") };
        assert_eq!((note.at.lo, note.known_at, note.role), (at("23:00:00"), at("23:00:00"), Role::Context));
        assert_eq!(note.title, format!("the cause of incident {incident} is confirmed"));
        assert!(note.detail.starts_with("it was c-19: seen") && note.detail.contains("says sre"), "{}", note.detail);
        assert_eq!(names(note, SourceKind::Verdict), ["v-1"]);
        assert_eq!(
            (names(note, SourceKind::Incident), names(note, SourceKind::Change)),
            (vec![&*incident], vec!["c-19"])
        );
    }
    let all = timeline(with_verdicts(), Some(window("12:00:00", "23:30:00")), None);
    assert_eq!(find(&all, "i-elsewhere is rejected").1.role, Role::Unrelated);
    let page = render(&Report::Timeline(all).into(), Format::Text, Layout::default());
    assert!(page.contains("\\u{202e}") && !page.contains('\u{202e}'), "{page}");
}

#[test]
fn a_gap_says_what_it_hides_and_is_shown_where_it_reaches_into_the_window() {
    let gap = |feed: &str, from: &str, until: &str| {
        Record::Gap(Gap { feed: feed.into(), from: at(from), until: at(until), why: "refused".into() })
    };
    let mut records = outage("api_key", "13:00:05");
    let blind = window("12:00:00", "12:10:00");
    records.retain(|record| !matches!(record, Record::Result(result) if blind.contains(result.time)));
    records.push(gap("prober", "12:00:00", "12:10:00"));
    records.push(gap("postgres", "12:50:00", "13:05:00"));
    records.push(gap("jwks", "14:50:00", "14:55:00"));
    records.push(Record::Change(Change { time: Some(at("11:10:00")), ..key_revoked("11:10:00") }));
    let report = timeline(records, Some(window("12:05:00", "15:00:00")), None);
    let (_, prober) = find(&report, "prober was blind");
    assert_eq!((prober.at.lo, prober.at.hi, prober.role), (at("12:00:00"), at("12:10:00"), Role::Context));
    assert_eq!(prober.detail, "refused; hides about 120 executions of 6 probes");
    let (_, postgres) = find(&report, "postgres was blind");
    let incident = incident_of(&report);
    assert_eq!(
        postgres.detail,
        format!(
            "refused; hides changes of the kinds that it tells of, such as api_key; what is behind {incident} may be among it"
        )
    );
    assert_eq!(names(postgres, SourceKind::Incident), [incident.as_str()]);
    let (_, jwks) = find(&report, "jwks was blind");
    assert_eq!(jwks.role, Role::Unrelated);
    assert_eq!(jwks.detail, "refused; hides the changes that it would have told of");
}

#[test]
fn what_lasts_into_the_window_is_shown_with_its_beginning() {
    let mut records = outage("api_key", "13:00:05");
    records.push(Record::Change(rollout("c-18", "12:58:00", "13:06:00")));
    let report = timeline(records, Some(window("13:05:00", "13:10:00")), None);
    for title in ["begins to fail", "detected", "rollout"] {
        assert!(find(&report, title).1.at.hi < at("13:05:00"));
    }
    assert!(report.items.iter().all(|item| !item.title.contains("recovers")));
}

#[test]
fn a_note_without_a_target_is_about_every_incident() {
    let mut records = outage("api_key", "13:00:05");
    let note = |id: &str, clock: &str| {
        Record::Change(Change { targets: Vec::new(), ..change(id, clock, ChangeKind::Note, "") })
    };
    records.extend([note("c-1", "13:10:00"), note("c-2", "13:30:00"), note("c-3", "14:30:00")]);
    let incident = incident_of(&timeline(records.clone(), None, None));
    let report = timeline(records, None, Some(&incident));
    let notes: Vec<_> = report
        .items
        .iter()
        .filter(|item| item.kind == What::Note)
        .flat_map(|item| names(item, SourceKind::Change))
        .collect();
    assert_eq!(notes, ["c-1", "c-2"]);
}

#[test]
fn incidents_of_the_same_time_stand_in_the_timeline_of_one_and_in_its_report() {
    let mut records = outage("api_key", "13:00:05");
    let shop = outage("login", "12:50:05").into_iter().map(|record| match record {
        Record::Result(result) => Record::Result(storage::record::ProbeResult {
            target: "shop".into(),
            reason: result.reason.map(|_| Reason::Connect),
            ..result
        }),
        record => record,
    });
    records.extend(shop);
    let whole = timeline(records.clone(), None, None);
    assert!(whole.items.iter().all(|item| !item.title.contains("at the same time")));
    let detected: Vec<_> = whole.items.iter().filter(|item| item.title.ends_with("detected")).collect();
    let [shop, own] = [detected[0], detected[1]].map(|item| names(item, SourceKind::Incident)[0]);
    let one = timeline(records.clone(), None, Some(own));
    let (first, beside) = find(&one, "of shop lasts at the same time");
    assert_eq!((beside.role, beside.kind), (Role::Context, What::Alert));
    assert_eq!(names(beside, SourceKind::Incident), [shop, own]);
    assert!(beside.at.lo < at("12:51:00") && first < find(&one, "begins to fail").0);
    assert!(one.items.iter().all(|item| !item.title.contains("shop/login")));
    let page = render(&report(records, &Settings::default(), Kind::Incidents).into(), Format::Text, Layout::default());
    assert!(page.contains(&format!("concurrent {own}")) && page.contains(&format!("concurrent {shop}")), "{page}");
}

#[test]
fn a_page_is_a_symptom_of_the_incidents_of_its_objective_alone() {
    let settings =
        Settings { slos: vec![slo("keys", "*/api_key", 99.9), slo("logins", "*/login", 99.9)], ..Settings::default() };
    let mut records = outage("api_key", "13:00:05");
    // Three failures of the login, minutes apart: they burn the budget and are no incident.
    for record in &mut records {
        if let Record::Result(result) = record
            && result.probe == "login"
            && ["14:00:00", "14:02:00", "14:04:00"].iter().any(|clock| (result.time - at(clock)).get_seconds() == 0)
        {
            *result = crate::story::result("login", result.time, Some(Reason::Timeout));
        }
    }
    let report = told(records, &settings, None, None);
    let (fired, page) = find(&report, "objective keys: page fires");
    assert_eq!((page.role, names(page, SourceKind::Incident)), (Role::Symptom, vec![incident_of(&report).as_str()]));
    assert!(fired > find(&report, "begins to fail").0);
    let (_, page) = find(&report, "objective logins: page fires");
    assert_eq!((page.role, names(page, SourceKind::Incident)), (Role::Unrelated, Vec::new()));
}

#[test]
fn too_much_is_left_out_by_what_matters_least_and_counted() {
    let mut records = outage("api_key", "13:00:05");
    records.push(Record::Change(key_revoked("13:00:05")));
    let many = (0..12_000_i64).map(|number| {
        let time = Some(at("11:00:00") + SignedDuration::from_millis(number * 1_000));
        let targets = vec!["elsewhere".to_owned()];
        Record::Change(Change {
            time,
            targets,
            ..change(&format!("x-{number:05}"), "11:00:00", ChangeKind::Configmap, "ConfigMap/a/b")
        })
    });
    records.extend(many);
    let report = timeline(records.clone(), None, None);
    assert_eq!(report.items.len(), 10_000);
    let related = report.items.iter().filter(|item| item.role != Role::Unrelated).count();
    assert_eq!(report.left_out, [LeftOut { role: Role::Unrelated, count: 12_000 + related - 10_000 }]);
    assert!(find(&report, "key revoked").1.role == Role::Trigger);
    assert_eq!(names(report.items.last().unwrap(), SourceKind::Change), ["x-11999"]);
    let page = render(&Report::Timeline(report.clone()).into(), Format::Text, Layout::default());
    assert!(
        page.ends_with(&format!(
            "left out: {} unrelated; without --incident, or in a shorter window, they are shown\n",
            2_000 + related
        )),
        "{page}"
    );
    let one = timeline(records, None, Some(&incident_of(&report)));
    assert_eq!(one.items.len(), related);
    assert!(one.left_out[0].count > 5_000, "{:?}", one.left_out);
}
