//! Which failures are one incident, how bad it is, and what is special about it.

use jiff::{SignedDuration, Timestamp};
use reports::cause::model::Model;
use reports::incident::{Incident, Severity, Tag};
use reports::input::Input;
use reports::settings::Settings;
use storage::record::{ChangeKind, ProbeResult, Reason, Record};
use storage::window::Window;

use crate::story::{at, change, result, window};

/// Results of four probes of each target at each agent; `fails` says why one of them fails.
fn fleet(
    targets: &[&str],
    agents: &[&str],
    fails: impl Fn(&str, &str, &str, Timestamp) -> Option<Reason>,
) -> Vec<Record> {
    let mut records = Vec::new();
    let Window { from, until } = window("11:00:00", "13:30:00");
    let mut slot = from;
    while slot < until {
        for (place, agent) in agents.iter().enumerate() {
            for (column, target) in targets.iter().enumerate() {
                for (row, probe) in ["login", "jwt", "api_key", "can-execute"].into_iter().enumerate() {
                    let offset = 1_000 * place + 5_000 * column + 700 * row;
                    let time = slot + SignedDuration::from_millis(offset as i64);
                    let told = result(probe, time, fails(target, agent, probe, time));
                    let (target, agent) = ((*target).to_owned(), (*agent).to_owned());
                    records.push(Record::Result(ProbeResult { target, agent, ..told }));
                }
            }
        }
        slot += SignedDuration::from_secs(30);
    }
    records
}

fn judge(records: Vec<Record>) -> Vec<Incident> {
    let model = Model::built_in().unwrap();
    reports::incident::incidents(&Input::from_records(records), &Settings::default(), &model)
}

fn between(from: &str, until: &str, time: Timestamp) -> bool {
    at(from) <= time && time < at(until)
}

#[test]
fn one_identity_provider_behind_two_targets_is_one_incident() {
    let found = judge(fleet(&["billing", "shop"], &["local"], |_, _, probe, time| {
        (probe == "login" && between("12:00:03", "12:20:00", time)).then_some(Reason::ServerError)
    }));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].severity, Severity::Critical);
    assert_eq!(found[0].blast.targets, ["billing", "shop"]);
    assert_eq!((found[0].blast.probes_failing, found[0].blast.probes_healthy), (2, 6));
    assert_eq!(found[0].tags, []);
}

#[test]
fn two_targets_that_fail_in_different_ways_at_once_are_two_incidents_that_know_each_other() {
    let found = judge(fleet(&["billing", "shop"], &["local"], |target, _, probe, time| {
        let during = between("12:00:03", "12:20:00", time);
        match (target, probe) {
            ("billing", "api_key") if during => Some(Reason::ApiKeyRejected),
            ("shop", "can-execute") if during => Some(Reason::PermissionDenied),
            _ => None,
        }
    }));
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].concurrent, [found[1].id.clone()]);
    assert_eq!(found[1].concurrent, [found[0].id.clone()]);
    assert!(found.iter().all(|incident| incident.severity == Severity::Major));
}

#[test]
fn two_causes_with_the_same_failures_at_once_are_two_incidents() {
    let mut records = fleet(&["billing", "shop"], &["local"], |_, _, probe, time| {
        (probe == "api_key" && between("12:00:20", "12:20:00", time)).then_some(Reason::ApiKeyRejected)
    });
    for target in ["billing", "shop"] {
        let revoked = change(&format!("c-{target}"), "12:00:10", ChangeKind::ApiKey, &format!("api_key/{target}"));
        let touches_probe = Some(storage::record::Known::Yes);
        records.push(Record::Change(storage::record::Change {
            targets: vec![target.to_owned()],
            touches_probe,
            ..revoked
        }));
    }
    let found = judge(records);
    let causes: Vec<_> = found.iter().map(|incident| incident.causes[0].changes.clone()).collect();
    assert_eq!(causes, [["c-billing"], ["c-shop"]]);
}

#[test]
fn two_incidents_that_overlap_on_one_target_stay_two() {
    let found = judge(fleet(&["shop"], &["local"], |_, _, probe, time| match probe {
        "api_key" if between("12:00:00", "12:30:00", time) => Some(Reason::ApiKeyRejected),
        "can-execute" if between("12:08:00", "12:40:00", time) => Some(Reason::PermissionDenied),
        _ => None,
    }));
    assert_eq!(found.len(), 2);
}

#[test]
fn one_failure_seen_by_two_agents_is_one_incident() {
    let found = judge(fleet(&["shop"], &["east", "west"], |_, _, probe, time| {
        (probe == "jwt" && between("12:00:00", "12:30:00", time)).then_some(Reason::SignatureInvalid)
    }));
    assert_eq!((found.len(), found[0].episodes.len()), (1, 2));
    assert_eq!(found[0].tags, []);
}

#[test]
fn what_only_one_of_two_agents_cannot_reach_is_on_the_side_of_the_prober() {
    let found = judge(fleet(&["billing", "shop"], &["east", "west"], |_, agent, _, time| {
        (agent == "east" && between("12:00:00", "12:30:00", time)).then_some(Reason::Timeout)
    }));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].tags, [Tag::ProberSide]);
}

#[test]
fn an_only_agent_that_reaches_nothing_at_all_is_cut_off() {
    let unreachable = |targets: &'static [&str]| {
        fleet(&["billing", "shop"], &["local"], move |target, _, _, time| {
            (targets.contains(&target) && between("12:00:00", "12:30:00", time)).then_some(Reason::Connect)
        })
    };
    assert_eq!(judge(unreachable(&["billing", "shop"]))[0].tags, [Tag::ProberSide]);
    assert_eq!(judge(unreachable(&["shop"]))[0].tags, []);
}

#[test]
fn an_outage_of_two_intervals_of_every_probe_is_found() {
    let found = judge(fleet(&["shop"], &["local"], |_, _, _, time| {
        between("12:00:00", "12:01:00", time).then_some(Reason::ServerError)
    }));
    assert_eq!((found.len(), found[0].severity), (1, Severity::Critical));
}

#[test]
fn going_down_and_up_is_one_flapping_incident() {
    let found = judge(fleet(&["shop"], &["local"], |_, _, probe, time| {
        let minute = time.duration_since(at("12:00:00")).as_secs() / 60;
        (probe == "login" && between("12:00:00", "12:40:00", time) && minute % 6 < 3).then_some(Reason::ServerError)
    }));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].tags, [Tag::Flapping]);
}

#[test]
fn one_replica_of_three_is_a_minor_incident_and_not_flapping() {
    let found = judge(fleet(&["shop"], &["local"], |_, _, probe, time| {
        let slot = (time.as_second() / 30) as u64;
        let unlucky = slot.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        (probe == "jwt" && between("12:00:00", "13:00:00", time) && unlucky.is_multiple_of(3))
            .then_some(Reason::ServerError)
    }));
    assert_eq!((found.len(), found[0].severity, found[0].tags.len()), (1, Severity::Minor, 0));
}

/// Durations of logins that scatter around 40 ms and follow the day, and what a factor makes of them.
fn timed(records: Vec<Record>, factor: impl Fn(Timestamp) -> f64) -> Vec<Record> {
    let timed = |record| match record {
        Record::Result(result) => {
            let noise = (result.time.as_millisecond() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
            // The sum of three uniform numbers is nearly normal.
            let part = |bits: u32| f64::from((noise >> bits) as u32 & 0x3FF) / 1024.0 - 0.5;
            let scatter = (part(0) + part(10) + part(20)) * 0.8;
            let hour = result.time.duration_since(at("11:00:00")).as_secs_f64() / 3600.0;
            let rhythm = 0.3 * (hour / 24.0 * std::f64::consts::TAU).sin();
            let took_us = (40_000.0 * (scatter + rhythm).exp() * factor(result.time)) as u64;
            Record::Result(ProbeResult { took_us, ..result })
        }
        record => record,
    };
    records.into_iter().map(timed).collect()
}

#[test]
fn a_probe_that_became_slower_than_it_was_is_a_minor_incident_without_an_objective() {
    let healthy = || fleet(&["shop"], &["local"], |_, _, _, _| None);
    assert_eq!(judge(timed(healthy(), |_| 1.0)).len(), 0);
    let found = judge(timed(healthy(), |time| if between("12:30:00", "13:10:00", time) { 2.0 } else { 1.0 }));
    assert_eq!((found.len(), found[0].severity), (1, Severity::Minor));
    assert!(found[0].episodes.iter().all(|episode| episode.reason == Some(Reason::Slow)));
    assert!(found[0].start.lo <= at("12:30:00") && at("12:30:00") <= found[0].start.hi, "{:?}", found[0].start);
}

#[test]
fn some_slow_answers_while_a_pod_starts_are_no_incident() {
    let healthy = fleet(&["shop"], &["local"], |_, _, _, _| None);
    assert_eq!(judge(timed(healthy, |time| if between("12:30:00", "12:32:00", time) { 5.0 } else { 1.0 })).len(), 0);
}
