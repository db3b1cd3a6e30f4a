//! What must not change a judgement does not, and what must does.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use jiff::{SignedDuration, Timestamp};
use scenarios::cases::{self, Case};
use scenarios::judge::judge_records;
use scenarios::scene::Played;
use scenarios::score::reported::{Reported, incidents};
use serde_json::Value;
use storage::record::{Change, ChangeKind, Gap, Known, ProbeResult, Record};

/// Cases in which one change is behind one incident.
const BY_CHANGE: [&str; 5] = [
    "signing_secret_at_the_verifier",
    "rollout_of_the_issuer",
    "api_key_revoked",
    "dormant_secret_then_restart",
    "certificate_reaches_its_end",
];
const SEEDS: std::ops::Range<u64> = 2000..2004;

fn case(name: &str) -> Case {
    cases::all().into_iter().find(|case| case.name == name).unwrap()
}

fn report(played: &Played, records: Vec<Record>, now: Timestamp) -> Value {
    judge_records(records, &played.settings, now).unwrap().report
}

/// The played scenes of which the first incident is about the first true one, with that incident.
fn scenes() -> Vec<(Played, Reported)> {
    let scenes = BY_CHANGE.iter().flat_map(|name| SEEDS.map(move |seed| cases::play(&case(name), seed, 30)));
    let judged = scenes.filter(|played| played.truth.incidents.iter().any(|is| is.visible)).map(|played| {
        let said = main_incident(&played, &report(&played, played.records.clone(), played.now)).unwrap();
        (played, said)
    });
    judged.collect()
}

/// The incident with most of the true one's series.
fn main_incident(played: &Played, report: &Value) -> Option<Reported> {
    let series = &played.truth.incidents[0].series;
    let common =
        |incident: &Reported| incident.episodes.iter().filter(|episode| series.contains(&episode.series)).count();
    incidents(report).into_iter().filter(|incident| common(incident) > 0).max_by_key(|incident| common(incident))
}

fn top(incident: &Reported) -> (String, Vec<String>) {
    let named = incident.causes.first().filter(|_| incident.verdict == "change");
    (incident.verdict.clone(), named.map(|cause| cause.changes.clone()).unwrap_or_default())
}

/// Every change that a right answer names.
fn true_changes(played: &Played) -> Vec<String> {
    played.truth.incidents[0].accepted.iter().flat_map(|answer| answer.changes.clone()).collect()
}

fn shifted(record: &Record, by: SignedDuration) -> Record {
    let later = |time: Timestamp| time + by;
    match record.clone() {
        Record::Result(result) => Record::Result(ProbeResult { time: later(result.time), ..result }),
        Record::Gap(gap) => Record::Gap(Gap { from: later(gap.from), until: later(gap.until), ..gap }),
        Record::Change(change) => Record::Change(Change {
            time: change.time.map(later),
            time_lo: change.time_lo.map(later),
            time_hi: change.time_hi.map(later),
            until: change.until.map(later),
            known_at: change.known_at.map(later),
            progress: change.progress.iter().map(|(at, share)| (later(*at), *share)).collect(),
            ..change
        }),
        verdict @ Record::Verdict(_) => verdict,
    }
}

#[test]
fn another_day_gives_the_same_verdict() {
    for (played, said) in scenes() {
        let by = SignedDuration::from_hours(24 * 45 + 7);
        let moved = played.records.iter().map(|record| shifted(record, by)).collect();
        let again = main_incident(&played, &report(&played, moved, played.now + by)).unwrap();
        assert_eq!(top(&again), top(&said), "{} {}", played.truth.case, played.truth.seed);
        assert!((again.none - said.none).abs() < 1e-6);
    }
}

#[test]
fn the_order_of_arrival_changes_no_byte() {
    for (played, _) in scenes() {
        let first = report(&played, played.records.clone(), played.now);
        let mut turned = played.records.clone();
        turned.reverse();
        let middle = turned.len() / 3;
        turned.rotate_left(middle);
        assert_eq!(report(&played, turned, played.now).to_string(), first.to_string());
    }
}

#[test]
fn the_same_records_twice_change_no_byte() {
    for (played, _) in scenes() {
        let first = report(&played, played.records.clone(), played.now);
        let twice = played.records.iter().chain(&played.records).cloned().collect();
        assert_eq!(report(&played, twice, played.now).to_string(), first.to_string());
    }
}

#[test]
fn an_unrelated_change_hardly_moves_the_answer() {
    for (played, said) in scenes() {
        let onset = played.truth.incidents[0].onset;
        let unrelated = Change {
            id: "c-unrelated".into(),
            time: Some(onset - SignedDuration::from_secs(20)),
            kind: ChangeKind::Rollout,
            object: "Deployment/elsewhere/app".into(),
            targets: vec!["elsewhere".into()],
            source: "kubernetes".into(),
            ..Change::default()
        };
        let mut records = played.records.clone();
        records.push(Record::Change(unrelated));
        let again = main_incident(&played, &report(&played, records, played.now)).unwrap();
        assert_eq!(top(&again), top(&said), "{} {}", played.truth.case, played.truth.seed);
        let dropped = |incident: &Reported| incident.causes.first().map_or(0.0, |cause| cause.probability);
        assert!(dropped(&said) - dropped(&again) < 0.02, "{} {}", played.truth.case, played.truth.seed);
    }
}

#[test]
fn without_its_cause_an_incident_has_none() {
    for (played, _) in scenes() {
        let accepted = true_changes(&played);
        let mut records = played.records.clone();
        records.retain(|record| !matches!(record, Record::Change(change) if accepted.contains(&change.id)));
        let again = main_incident(&played, &report(&played, records, played.now)).unwrap();
        let trigger = &played.truth.incidents[0].accepted[0].triggers;
        let (verdict, named) = top(&again);
        // A restart that put a secret in force may be named in place of the secret.
        let restart = named.iter().all(|change| trigger.contains(change)) && !trigger.is_empty();
        assert!(verdict != "change" || restart, "{} {} names {named:?}", played.truth.case, played.truth.seed);
    }
}

#[test]
fn a_change_after_the_onset_is_never_named() {
    for (played, _) in scenes() {
        let accepted = true_changes(&played);
        let late =
            played.truth.incidents[0].onset + SignedDuration::from_secs_f64(6.0 * played.truth.incidents[0].every);
        let mut records = played.records.clone();
        for record in &mut records {
            if let Record::Change(change) = record
                && accepted.contains(&change.id)
            {
                (change.time, change.time_lo, change.time_hi, change.until) = (Some(late), None, None, None);
                (change.known_at, change.progress) = (Some(late), Vec::new());
            }
        }
        let again = main_incident(&played, &report(&played, records, played.now)).unwrap();
        let (_, named) = top(&again);
        assert!(
            named.iter().all(|change| !accepted.contains(change)),
            "{} {} names {named:?}",
            played.truth.case,
            played.truth.seed
        );
    }
}

#[test]
fn half_as_many_probes_make_the_onset_wider_and_the_answer_no_other() {
    for (played, said) in scenes().into_iter().filter(|(played, _)| played.truth.incidents[0].full) {
        let mut seen = std::collections::BTreeMap::<(String, String, String), usize>::new();
        let mut records = Vec::new();
        for record in &played.records {
            match record {
                Record::Result(result) => {
                    let key = (result.target.clone(), result.probe.clone(), result.agent.clone());
                    let count = seen.entry(key).or_default();
                    *count += 1;
                    if count.is_multiple_of(2) {
                        let every_s = result.every_s.map(|every| every * 2.0);
                        records.push(Record::Result(ProbeResult { every_s, ..result.clone() }));
                    }
                }
                Record::Change(_) | Record::Gap(_) | Record::Verdict(_) => records.push(record.clone()),
            }
        }
        let Some(again) = main_incident(&played, &report(&played, records, played.now)) else { continue };
        let width = |incident: &Reported| incident.start.1.duration_since(incident.start.0);
        assert!(width(&again) >= width(&said), "{} {}", played.truth.case, played.truth.seed);
        let (verdict, named) = top(&again);
        assert!(
            verdict == "ambiguous" || (verdict, named.clone()) == top(&said) || top(&said).0 != "change",
            "{} {}: {named:?}",
            played.truth.case,
            played.truth.seed
        );
    }
}

#[test]
fn other_names_give_the_same_verdict() {
    for (played, said) in scenes() {
        let name = played.truth.incidents[0].series[0].target.clone();
        let mut settings = played.settings.clone();
        if let Some(link) = settings.links.remove(&name) {
            settings.links.insert("renamed".into(), link);
        }
        let records = played.records.iter().cloned().map(|record| match record {
            Record::Result(result) if result.target == name => {
                Record::Result(ProbeResult { target: "renamed".into(), ..result })
            }
            Record::Change(mut change) => {
                for target in change.targets.iter_mut().filter(|target| **target == name) {
                    "renamed".clone_into(target);
                }
                Record::Change(change)
            }
            other => other,
        });
        let judged = judge_records(records.collect(), &settings, played.now).unwrap();
        let mut renamed = played.clone();
        for series in &mut renamed.truth.incidents[0].series {
            "renamed".clone_into(&mut series.target);
        }
        let again = main_incident(&renamed, &judged.report).unwrap();
        assert_eq!(top(&again), top(&said), "{} {}", played.truth.case, played.truth.seed);
        assert!((again.none - said.none).abs() < 1e-6);
    }
}

#[test]
fn a_blind_feed_makes_an_unseen_change_likelier() {
    for (played, _) in scenes() {
        let accepted = true_changes(&played);
        let onset = played.truth.incidents[0].onset;
        let mut records = played.records.clone();
        records.retain(|record| !matches!(record, Record::Change(change) if accepted.contains(&change.id)));
        // One change that might be it, so that none is not certain anyway.
        records.push(Record::Change(Change {
            id: "c-maybe".into(),
            time: Some(onset - SignedDuration::from_secs(30)),
            kind: ChangeKind::Secret,
            object: "Secret/x/y".into(),
            targets: vec![played.truth.incidents[0].series[0].target.clone()],
            data_changed: Some(Known::Unknown),
            source: "kubernetes".into(),
            ..Change::default()
        }));
        let seeing = main_incident(&played, &report(&played, records.clone(), played.now)).unwrap();
        records.push(Record::Gap(Gap {
            feed: "kubernetes".into(),
            from: onset - SignedDuration::from_secs(600),
            until: onset + SignedDuration::from_secs(60),
            why: "watch lost".into(),
        }));
        let blind = main_incident(&played, &report(&played, records, played.now)).unwrap();
        let maybe = |incident: &Reported| {
            incident.causes.iter().find(|cause| cause.changes == ["c-maybe"]).map_or(0.0, |cause| cause.probability)
        };
        assert!(
            maybe(&blind) <= maybe(&seeing) + 1e-9,
            "{} {}: {} {}",
            played.truth.case,
            played.truth.seed,
            maybe(&blind),
            maybe(&seeing)
        );
    }
}
