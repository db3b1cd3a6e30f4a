//! Which change is named, and when none is.

use jiff::{SignedDuration, Timestamp};
use reports::cause::Verdict;
use reports::incident::{Incident, Severity, Tag};
use reports::report::{Kind, Report};
use storage::record::{Change, ChangeKind, Gap, Known, MountHow, Reason, Record};

use crate::story::*;

fn incidents(records: Vec<Record>) -> Vec<Incident> {
    match report(records, &settings(), Kind::Incidents) {
        Report::Incidents(report) => report.incidents,
        Report::Slo(_) | Report::Timeline(_) => unreachable!(),
    }
}

fn only(records: Vec<Record>) -> Incident {
    let mut incidents = incidents(records);
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    incidents.remove(0)
}

/// Results of a morning with one failing stretch, and changes.
fn morning(
    fails: impl Fn(&str, Timestamp, i64) -> Option<Reason>,
    changes: impl IntoIterator<Item = Change>,
) -> Vec<Record> {
    let mut records = results(window("11:00:00", "13:00:00"), fails);
    records.extend(changes.into_iter().map(Record::Change));
    records
}

fn named(incident: &Incident) -> (Verdict, Vec<&str>, Option<&str>) {
    let top = incident.causes.first().filter(|_| incident.verdict == Verdict::Change);
    let changes = top.map(|cause| cause.changes.iter().map(String::as_str).collect()).unwrap_or_default();
    (incident.verdict, changes, top.and_then(|cause| cause.trigger.as_deref()))
}

#[test]
fn a_secret_that_lay_dormant_is_named_with_the_rollout_that_put_it_in_force() {
    let changes = [rotation("11:30:07"), rollout("c-18", "12:05:00", "12:13:00")];
    let incident = only(morning(rolling("12:05:00", "12:13:00", "12:20:00"), changes));
    assert_eq!(named(&incident), (Verdict::Change, vec!["c-17"], Some("c-18")));
    assert_eq!(incident.durations_s.mitigate, None);
    assert!(incident.healthy.contains(&"orchestrator/login".to_owned()));
    assert!(incident.healthy.contains(&"orchestrator/api_key".to_owned()));
}

#[test]
fn a_secret_in_a_volume_is_named_alone_while_login_and_key_stay_healthy() {
    let fails = |probe: &str, time, _| {
        let fails =
            matches!(probe, "jwt" | "jwt-held" | "can-execute") && time >= at("12:04:00") && time < at("12:40:00");
        fails.then_some(Reason::SignatureInvalid)
    };
    let mut secret = rotation("12:03:07");
    secret.mounts[0].how = MountHow::Volume;
    let incident = only(morning(fails, [secret, rollout("c-16", "11:20:00", "11:22:00")]));
    assert_eq!(named(&incident), (Verdict::Change, vec!["c-17"], None));
    assert!(incident.causes[0].probability > 0.9, "{:#?}", incident.causes);
    assert_eq!(incident.severity, Severity::Major);
    // The first pods may have gone unseen, but not before the secret was changed.
    assert!(incident.start.lo >= at("12:03:07") && incident.start.hi <= at("12:04:01"), "{:?}", incident.start);
}

#[test]
fn a_revoked_key_is_named_and_its_return_is_the_mitigation() {
    let fails = |probe: &str, time, _| {
        (probe == "api_key" && time >= at("12:00:10") && time < at("12:20:00")).then_some(Reason::ApiKeyRejected)
    };
    let back = Change { id: "c-20".into(), reverts: Some("c-19".into()), ..key_revoked("12:19:45") };
    let incident = only(morning(fails, [key_revoked("12:00:05"), back]));
    assert_eq!(named(&incident), (Verdict::Change, vec!["c-19"], None));
    assert_eq!(incident.mitigation.unwrap().change, "c-20");
    assert!(incident.durations_s.recover.unwrap() > 1_100.0);
}

#[test]
fn without_a_change_none_is_named() {
    let fails = |probe: &str, time, _| {
        (probe == "login" && time >= at("12:00:00") && time < at("12:20:00")).then_some(Reason::ServerError)
    };
    let incident = only(morning(fails, []));
    assert_eq!(incident.verdict, Verdict::None);
    assert_eq!(incident.severity, Severity::Critical);
    assert_eq!(incident.background, "only the login fails: the identity provider behind it");
    assert!(!incident.blind_spots.is_empty());
}

#[test]
fn a_change_of_metadata_is_not_to_blame_for_an_outage_of_the_login() {
    let fails = |probe: &str, time, _| {
        (probe == "login" && time >= at("12:00:00") && time < at("12:20:00")).then_some(Reason::Timeout)
    };
    let refreshed = Change { data_changed: Some(Known::No), ..rotation("11:59:30") };
    let elsewhere = Change { targets: vec!["shop".into()], ..rollout("c-12", "11:59:00", "12:00:00") };
    assert_eq!(only(morning(fails, [refreshed, elsewhere])).verdict, Verdict::None);
}

#[test]
fn a_change_after_the_onset_is_never_named() {
    let fails = |probe: &str, time, _| {
        (probe == "api_key" && time >= at("12:00:00") && time < at("12:20:00")).then_some(Reason::ApiKeyRejected)
    };
    let incident = only(morning(fails, [key_revoked("12:01:00")]));
    assert_eq!(incident.verdict, Verdict::None);
    assert!(incident.causes.is_empty());
}

#[test]
fn a_blind_feed_is_told_and_keeps_anybody_from_being_sure() {
    let fails = |probe: &str, time, _| {
        (probe == "api_key" && time >= at("12:00:00") && time < at("12:20:00")).then_some(Reason::ApiKeyRejected)
    };
    let mut records = morning(fails, []);
    let (from, until) = (at("11:50:00"), at("12:02:00"));
    records.push(Record::Gap(Gap { feed: "postgres".into(), from, until, why: "connection lost".into() }));
    let incident = only(records);
    assert!(incident.none_probability <= 0.9);
    assert!(incident.blind_spots[0].contains("postgres was blind"));
}

#[test]
fn what_must_be_refused_and_is_let_in_twice_is_a_security_incident() {
    let let_in = [at("12:00:00"), at("12:00:30")];
    let fails = |probe: &str, time: Timestamp, _| {
        let slot = time - SignedDuration::from_millis(550);
        (probe == "jwt-tampered" && let_in.contains(&slot)).then_some(Reason::UnexpectedlyAllowed)
    };
    let incident = only(morning(fails, []));
    assert_eq!(incident.severity, Severity::Security);
    assert_eq!(incident.episodes[0].failed, 2);
}

#[test]
fn two_flakes_an_hour_apart_are_no_incident() {
    let fails = |_: &str, _, slot: i64| (slot == 40 || slot == 160).then_some(Reason::Timeout);
    let fails = |probe: &str, time, slot| if probe == "jwt" { fails(probe, time, slot) } else { None };
    assert_eq!(incidents(morning(fails, [])), []);
}

#[test]
fn missing_results_never_end_an_incident() {
    let fails = |probe: &str, time, _| (probe == "login" && time >= at("12:00:00")).then_some(Reason::ServerError);
    let mut records = morning(fails, []);
    records.retain(|record| !matches!(record, Record::Result(result) if result.time >= at("12:10:00")));
    let incident = only(records);
    assert_eq!((incident.end, incident.closed_at, incident.durations_s.recover), (None, None, None));
}

#[test]
fn an_incident_inside_a_maintenance_is_kept_and_tagged() {
    let found = incidents(day());
    let first = &found[0];
    assert_eq!(first.tags, [Tag::DuringMaintenance]);
    assert_eq!(first.verdict, Verdict::None);
    assert_eq!(first.budget, []);
    let kept: Vec<_> = found.iter().map(|incident| (incident.severity, named(incident).1)).collect();
    let expected = [
        (Severity::Critical, vec![]),
        (Severity::Minor, vec!["c-17"]),
        (Severity::Major, vec!["c-19"]),
        (Severity::Security, vec![]),
    ];
    assert_eq!(kept, expected);
}

#[test]
fn everything_moved_by_a_week_is_judged_the_same() {
    let week = SignedDuration::from_hours(24 * 7);
    let later = |time: Option<Timestamp>| time.map(|time| time + week);
    let moved = day().into_iter().map(|record| match record {
        Record::Result(result) => Record::Result(storage::record::ProbeResult { time: result.time + week, ..result }),
        Record::Change(change) => Record::Change(Change {
            time: later(change.time),
            until: later(change.until),
            progress: change.progress.iter().map(|(at, share)| (*at + week, *share)).collect(),
            ..change
        }),
        Record::Gap(gap) => Record::Gap(Gap { from: gap.from + week, until: gap.until + week, ..gap }),
        Record::Verdict(verdict) => Record::Verdict(verdict),
    });
    let input = reports::input::Input::from_records(moved);
    let model = reports::cause::model::Model::built_in().unwrap();
    let judge = |input: &reports::input::Input| {
        reports::incident::incidents(input, &reports::settings::Settings::default(), &model)
    };
    let before = judge(&reports::input::Input::from_records(day()));
    let after = judge(&input);
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.start.lo + week, after.start.lo);
        assert_eq!((named(before), before.none_probability), (named(after), after.none_probability));
    }
}

#[test]
fn a_change_elsewhere_hardly_moves_the_answer() {
    let changes = [rotation("11:30:07"), rollout("c-18", "12:05:00", "12:13:00")];
    let fails = || rolling("12:05:00", "12:13:00", "12:20:00");
    let before = only(morning(fails(), changes.clone()));
    let elsewhere = |number| Change {
        targets: vec!["shop".into()],
        object: format!("Deployment/shop/{number}"),
        ..rollout(&format!("x-{number}"), "12:04:30", "12:06:00")
    };
    let after = only(morning(fails(), changes.clone().into_iter().chain([elsewhere(0)])));
    assert_eq!(named(&before), named(&after));
    assert!(before.causes[0].probability - after.causes[0].probability < 0.02);
    let busy = only(morning(fails(), changes.into_iter().chain((0..50).map(elsewhere))));
    assert_eq!(named(&before), named(&busy));
    assert_eq!(ChangeKind::Secret, after.causes[0].kind);
}

/// What three real replicas behind a round robin answered, while their secret was changed and they were replaced.
#[test]
fn a_rolling_rotation_as_it_was_seen_in_life_is_put_down_to_the_secret() {
    let seen: serde_json::Value = serde_json::from_str(include_str!("rolling_rotation.json")).unwrap();
    let moment = |seconds: f64| at("12:00:00") + SignedDuration::from_millis((seconds * 1000.0) as i64);
    let mut records = Vec::new();
    for probe in seen["probes"].as_array().unwrap() {
        for (name, key) in [("login", "login"), ("jwt", "fresh"), ("jwt-held", "held"), ("api_key", "apikey")] {
            let refused = (probe[key][0] != 200).then_some(Reason::TokenRejected);
            let told = result(name, moment(probe["t"].as_f64().unwrap()), refused);
            records.push(Record::Result(storage::record::ProbeResult { every_s: Some(1.0), ..told }));
        }
    }
    let moments: Vec<_> =
        seen["events"].as_array().unwrap().iter().map(|event| moment(event[0].as_f64().unwrap())).collect();
    let secret = Change { time: Some(moments[0]), ..rotation("12:00:00") };
    let (begins, ends) = (moments[1], moments[10]);
    let progress = vec![(moments[2], 0.33), (moments[5], 0.67), (moments[8], 1.0)];
    let rollout = Change { time: Some(begins), until: Some(ends), progress, ..rollout("c-18", "12:00:00", "12:00:30") };
    records.extend([secret, rollout].map(Record::Change));
    let incident = only(records);
    assert_eq!(named(&incident), (Verdict::Change, vec!["c-17"], Some("c-18")));
    assert!(incident.causes[0].probability > 0.9, "{:#?}", incident.causes);
    assert_eq!(incident.healthy, ["orchestrator/api_key", "orchestrator/login"]);
}

/// A change of a kind at 12:00:05, and what fails from 12:00:30 to 12:20:00 with which reason.
fn after_a(kind: ChangeKind, failing: &[&str], reason: Reason) -> Incident {
    let fails = |probe: &str, time, _| {
        (failing.contains(&probe) && time >= at("12:00:30") && time < at("12:20:00")).then_some(reason)
    };
    only(morning(fails, [change("c-1", "12:00:05", kind, "object/of/it")]))
}

const TOKENS: &[&str] = &["jwt", "jwt-held", "can-execute"];
const ALL: &[&str] = &["login", "jwt", "jwt-held", "jwt-tampered", "api_key", "can-execute"];

#[test]
fn each_kind_of_change_is_named_for_the_failures_that_it_brings() {
    let cases = [
        (ChangeKind::JwksReplace, TOKENS, Reason::SignatureInvalid),
        (ChangeKind::JwksReplace, TOKENS, Reason::KeyUnknown),
        (ChangeKind::SigningSwitch, TOKENS, Reason::KeyUnknown),
        (ChangeKind::JwksRemove, &["jwt-held"], Reason::KeyUnknown),
        (ChangeKind::Rbac, &["can-execute"], Reason::PermissionDenied),
        (ChangeKind::Rollout, &["can-execute"], Reason::PermissionDenied),
        (ChangeKind::ApiKey, &["api_key"], Reason::ApiKeyRejected),
        (ChangeKind::Expiry, TOKENS, Reason::TokenExpired),
        (ChangeKind::Expiry, ALL, Reason::Tls),
        (ChangeKind::Certificate, ALL, Reason::Tls),
        (ChangeKind::Rollout, ALL, Reason::ServerError),
        (ChangeKind::Deploy, ALL, Reason::Connect),
        (ChangeKind::UpstreamRotation, TOKENS, Reason::SignatureInvalid),
    ];
    for (kind, failing, reason) in cases {
        let incident = after_a(kind, failing, reason);
        assert_eq!(named(&incident).1, ["c-1"], "{kind} {reason}: {:#?}", incident.causes);
    }
}

#[test]
fn a_change_that_cannot_bring_such_failures_is_not_named() {
    let cases = [
        (ChangeKind::Scale, ALL, Reason::Timeout),
        (ChangeKind::Maintenance, ALL, Reason::Timeout),
        (ChangeKind::Note, TOKENS, Reason::SignatureInvalid),
        (ChangeKind::ApiKey, &["login"], Reason::ServerError),
        (ChangeKind::JwksAdd, &["login"], Reason::Timeout),
        (ChangeKind::Rbac, &["login", "api_key", "can-execute"], Reason::ServerError),
    ];
    for (kind, failing, reason) in cases {
        let incident = after_a(kind, failing, reason);
        assert_eq!(incident.verdict, Verdict::None, "{kind} {reason}: {:#?}", incident.causes);
    }
}

#[test]
fn the_key_of_another_client_is_not_to_blame() {
    let fails = |probe: &str, time, _| {
        (probe == "api_key" && time >= at("12:00:30") && time < at("12:20:00")).then_some(Reason::ApiKeyRejected)
    };
    let another = Change { touches_probe: Some(Known::No), ..key_revoked("12:00:05") };
    assert_eq!(only(morning(fails, [another])).verdict, Verdict::None);
}

#[test]
fn a_secret_that_was_made_again_with_the_same_content_is_not_to_blame() {
    let fails = |probe: &str, time, _| {
        (TOKENS.contains(&probe) && time >= at("12:00:30") && time < at("12:20:00")).then_some(Reason::SignatureInvalid)
    };
    let mut same = Change { data_changed: Some(Known::No), ..rotation("12:00:05") };
    same.mounts[0].how = MountHow::Volume;
    assert_eq!(only(morning(fails, [same])).verdict, Verdict::None);
}

#[test]
fn a_change_that_found_the_failures_already_there_is_not_named() {
    let fails = |probe: &str, time, _| {
        (probe == "jwt" && time >= at("11:30:00") && time < at("12:20:00")).then_some(Reason::SignatureInvalid)
    };
    assert_eq!(only(morning(fails, [rotation("11:45:00")])).verdict, Verdict::None);
}

#[test]
fn a_rollout_that_only_slows_the_login_down_is_a_minor_incident_and_named() {
    let slow = |record| match record {
        Record::Result(result) if result.probe == "login" && result.time >= at("12:01:00") => {
            Record::Result(storage::record::ProbeResult { took_us: 900_000, ..result })
        }
        record => record,
    };
    let records = morning(|_, _, _| None, [rollout("c-18", "12:00:00", "12:03:00")]).into_iter().map(slow).collect();
    let limit = std::time::Duration::from_millis(500);
    let fast = reports::settings::Slo { latency: Some(limit), ..slo("fast", "*/login", 99.0) };
    let settings = reports::settings::Settings { slos: vec![fast], ..Default::default() };
    let Report::Incidents(report) = report(records, &settings, Kind::Incidents) else { unreachable!() };
    let incident = &report.incidents[0];
    assert_eq!((report.incidents.len(), incident.severity), (1, Severity::Minor));
    assert_eq!(incident.episodes[0].reason, Some(Reason::Slow));
    assert_eq!(named(incident).1, ["c-18"]);
    assert!(incident.budget[0].events > 100);
}

#[test]
fn thousands_of_changes_in_one_minute_get_a_clear_answer() {
    let fails = |probe: &str, time, _| {
        (TOKENS.contains(&probe) && time >= at("12:05:00") && time < at("12:20:00")).then_some(Reason::SignatureInvalid)
    };
    let moment = |number: i64| Some(at("12:03:00") + SignedDuration::from_millis(number * 12));
    let secrets = (0..5_000).map(|number| Change {
        id: format!("s-{number}"),
        time: moment(number),
        object: format!("Secret/llm-orchestrator/secret-{}", number % 2_500),
        ..rotation("12:03:00")
    });
    let restarts = (0..5_000).map(|number| Change {
        time: moment(number),
        workload: Some(WORKLOAD.into()),
        ..change(&format!("r-{number}"), "12:03:00", ChangeKind::Restart, "Pod/llm-orchestrator/orchestrator-1")
    });
    let incident = only(morning(fails, secrets.chain(restarts)));
    assert!(incident.causes.len() <= 10);
    let all = incident.none_probability + incident.causes.iter().map(|cause| cause.probability).sum::<f64>();
    assert!((0.0..=1.0).contains(&all) && incident.none_probability.is_finite(), "{all}");
    assert!(incident.causes.iter().all(|cause| cause.kind == ChangeKind::Secret), "{:#?}", incident.causes);
    let told = "4744 earlier restarts and rollouts were not weighed with dormant changes";
    assert!(incident.blind_spots.iter().any(|spot| spot == told), "{:?}", incident.blind_spots);
}
