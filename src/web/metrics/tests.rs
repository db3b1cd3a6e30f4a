//! What a scrape says, before anything was probed and after.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use storage::record::{Expect, Outcome, Phases, ProbeKind, ProbeResult, Reason, Record, Variant};

use super::*;
use crate::config;

const CONFIG: &str = r#"
targets:
  - name: 'a "b\'
    url: http://127.0.0.1:1
    every: 30s
    probes:
      login: { path: /login, username: { env: HOME }, password: { env: HOME }, token: /t }
      permission: [ { name: no-admin, request: GET /admin, expect: deny } ]
slos:
  - { name: all, probes: ["*/*"], objective: 99, latency: 1s }
corrections:
  - { from: 2026-11-01T02:00:00Z, until: 2026-11-01T03:00:00Z, category: maintenance }
"#;

fn moment() -> Moment {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("authprobe.yaml");
    std::fs::write(&file, CONFIG).unwrap();
    let config::Config { agent, targets, judging, .. } = config::load(&file).unwrap().config;
    let tally = Tally::new(&agent, "d1".into(), &targets, &judging, Path::new("/nowhere/a.db"));
    let (recorder, tally) = (Recorder::default(), Arc::new(tally));
    Moment {
        recorder,
        queued: 0,
        judged: None,
        tally,
        receivers: BTreeMap::new(),
        reports: BTreeMap::new(),
        now: at("04:00:00"),
    }
}

fn at(time: &str) -> Timestamp {
    format!("2026-11-01T{time}Z").parse().unwrap()
}

fn result(probe: &str, time: &str, outcome: Outcome, reason: Option<Reason>, took_us: u64) -> Record {
    Record::Result(ProbeResult {
        time: at(time),
        target: "a \"b\\".into(),
        probe: probe.into(),
        kind: ProbeKind::Login,
        expect: Expect::Allow,
        variant: Variant::Valid,
        agent: "local".into(),
        outcome,
        reason,
        status: Some(200),
        took_us,
        phases_us: Some(Phases { resolve: 1, connect: 2, tls: 3, processing: 4, transfer: 5 }),
        every_s: Some(30.0),
        detail: None,
    })
}

fn lines(metrics: &str, part: &str) -> String {
    metrics
        .lines()
        .filter(|line| line.contains(part) && !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn what_can_be_counted_is_there_from_the_start() {
    let metrics = encoded(moment()).unwrap();
    insta::assert_snapshot!(lines(&metrics, "authprobe_results") + &lines(&metrics, "authprobe_reasons"), @r#"
    authprobe_results_total{target="a \"b\\",probe="login",agent="local",outcome="success"} 0
    authprobe_results_total{target="a \"b\\",probe="login",agent="local",outcome="failure"} 0
    authprobe_results_total{target="a \"b\\",probe="login",agent="local",outcome="skipped"} 0
    authprobe_results_total{target="a \"b\\",probe="login",agent="local",outcome="invalid"} 0
    authprobe_results_total{target="a \"b\\",probe="no-admin",agent="local",outcome="success"} 0
    authprobe_results_total{target="a \"b\\",probe="no-admin",agent="local",outcome="failure"} 0
    authprobe_results_total{target="a \"b\\",probe="no-admin",agent="local",outcome="skipped"} 0
    authprobe_results_total{target="a \"b\\",probe="no-admin",agent="local",outcome="invalid"} 0
    authprobe_reasons_total{target="a \"b\\",probe="no-admin",agent="local",outcome="failure",reason="unexpectedly_allowed"} 0
    "#);
    insta::assert_snapshot!(lines(&metrics, "authprobe_slo_events"), @r#"
    authprobe_slo_events_total{slo="all",event="good"} 0
    authprobe_slo_events_total{slo="all",event="bad"} 0
    authprobe_slo_events_total{slo="all",event="no_data"} 0
    authprobe_slo_events_total{slo="all",event="invalid"} 0
    authprobe_slo_events_total{slo="all",event="excluded"} 0
    "#);
    assert_eq!(lines(&metrics, "probe_success"), "", "nobody knows yet");
}

#[test]
fn the_newest_execution_is_told_and_a_skipped_one_is_none() {
    let moment = moment();
    moment.tally.count(&[
        result("login", "01:00:30", Outcome::Failure, Some(Reason::Timeout), 2_000_000),
        result("login", "01:00:00", Outcome::Success, None, 1000),
        result("login", "01:01:00", Outcome::Skipped, Some(Reason::Overlap), 0),
        result("not-configured", "01:01:00", Outcome::Success, None, 0),
    ]);
    let metrics = encoded(moment).unwrap();
    insta::assert_snapshot!(lines(&metrics, "{target=\"a \\\"b\\\\\",probe=\"login\""), @r#"
    probe_success{target="a \"b\\",probe="login",agent="local"} 0.0
    probe_duration_seconds{target="a \"b\\",probe="login",agent="local"} 2.0
    probe_http_status_code{target="a \"b\\",probe="login",agent="local"} 200.0
    probe_http_duration_seconds{target="a \"b\\",probe="login",agent="local",phase="resolve"} 0.000001
    probe_http_duration_seconds{target="a \"b\\",probe="login",agent="local",phase="connect"} 0.000002
    probe_http_duration_seconds{target="a \"b\\",probe="login",agent="local",phase="tls"} 0.000003
    probe_http_duration_seconds{target="a \"b\\",probe="login",agent="local",phase="processing"} 0.000004
    probe_http_duration_seconds{target="a \"b\\",probe="login",agent="local",phase="transfer"} 0.000005
    authprobe_newest_result_timestamp_seconds{target="a \"b\\",probe="login",agent="local"} 1793494830.0
    authprobe_results_total{target="a \"b\\",probe="login",agent="local",outcome="success"} 1
    authprobe_results_total{target="a \"b\\",probe="login",agent="local",outcome="failure"} 1
    authprobe_results_total{target="a \"b\\",probe="login",agent="local",outcome="skipped"} 1
    authprobe_results_total{target="a \"b\\",probe="login",agent="local",outcome="invalid"} 0
    authprobe_reasons_total{target="a \"b\\",probe="login",agent="local",outcome="failure",reason="timeout"} 1
    authprobe_reasons_total{target="a \"b\\",probe="login",agent="local",outcome="skipped",reason="overlap"} 1
    "#);
    assert!(!metrics.contains("not-configured"));
}

#[test]
fn an_objective_counts_a_slow_success_as_bad_and_nothing_inside_a_correction() {
    let moment = moment();
    moment.tally.count(&[
        result("login", "01:00:00", Outcome::Success, None, 1_000_000),
        result("login", "01:00:30", Outcome::Success, None, 1_000_001),
        result("no-admin", "01:00:30", Outcome::Failure, Some(Reason::UnexpectedlyAllowed), 1),
        result("login", "01:01:00", Outcome::Skipped, Some(Reason::Overlap), 0),
        result("login", "01:01:30", Outcome::Invalid, Some(Reason::ProberClock), 0),
        result("login", "02:30:00", Outcome::Failure, Some(Reason::Timeout), 0),
    ]);
    insta::assert_snapshot!(lines(&encoded(moment).unwrap(), "authprobe_slo_events"), @r#"
    authprobe_slo_events_total{slo="all",event="good"} 1
    authprobe_slo_events_total{slo="all",event="bad"} 2
    authprobe_slo_events_total{slo="all",event="no_data"} 1
    authprobe_slo_events_total{slo="all",event="invalid"} 1
    authprobe_slo_events_total{slo="all",event="excluded"} 1
    "#);
}

#[test]
fn both_formats_tell_the_same_series() {
    let moment = moment();
    moment.tally.committed(Duration::from_millis(3));
    let newer = encoded(moment).unwrap();
    let series = |text: &str| lines(text, "");
    assert_eq!(series(&newer), series(&older::older(&newer)));
}
