//! Objectives that go out and come back, and documents of others.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use reports::settings::{Calendar, CalendarUnit, Method, Missing, Period, Slo};
use serde::Deserialize;

use super::export::export;
use super::import::import;

#[derive(Debug, Deserialize)]
struct Read {
    slos: Vec<Slo>,
}

/// The objectives after a way out and back, and the lines that were said.
fn there_and_back(slos: &[Slo], probes: &[&str]) -> (Vec<Slo>, String) {
    let probes: Vec<String> = probes.iter().map(|probe| (*probe).to_owned()).collect();
    let text = export(slos, &probes).unwrap();
    let imported = import(&text).unwrap();
    let read: Read = serde_saphyr::from_str(&imported.text).unwrap();
    (read.slos, imported.notes.to_string())
}

fn period() -> impl Strategy<Value = Period> {
    let unit = prop_oneof![
        Just(CalendarUnit::Day),
        Just(CalendarUnit::Week),
        Just(CalendarUnit::Month),
        Just(CalendarUnit::Quarter),
        Just(CalendarUnit::Year)
    ];
    let zone = prop_oneof![Just("UTC"), Just("Europe/Paris"), Just("America/New_York")];
    prop_oneof![
        (300_u64..315_000_000).prop_map(|seconds| Period::Rolling(Duration::from_secs(seconds))),
        (1_u64..400).prop_map(|days| Period::Rolling(Duration::from_hours(24 * days))),
        (unit, zone).prop_map(|(calendar, zone)| Period::Calendar(Calendar { calendar, timezone: zone.into() })),
    ]
}

fn counting() -> impl Strategy<Value = (Method, Option<Duration>, f64)> {
    let share = prop_oneof![Just(1.0), 0.001..1.0_f64];
    (0..3_u8, 1_u64..100_000, share).prop_map(|(method, seconds, share)| match method {
        0 => (Method::Occurrences, None, share),
        1 => (Method::Timeslices, Some(Duration::from_secs(seconds)), share),
        _ => (Method::RatioTimeslices, Some(Duration::from_secs(seconds)), share),
    })
}

prop_compose! {
    fn objective()(
        name in "[^\\p{C}]{0,20}[a-zA-Z!-][^\\p{C}]{0,40}",
        probes in prop::collection::vec("[a-z*?-]{1,8}/[a-z_*\"'#: -]{1,8}", 1..4),
        objective in prop_oneof![Just(99.9), Just(99.95), 0.001..99.999_f64],
        window in period(),
        latency in prop::option::of(1_u64..100_000_000),
        (method, slice, slice_target) in counting(),
        missing in prop_oneof![Just(Missing::Exclude), Just(Missing::Bad), Just(Missing::Good)],
        min_coverage in prop_oneof![Just(0.9), 0.0..=1.0_f64],
        since in prop::option::of(0_i64..4_000_000_000),
    ) -> Slo {
        Slo {
            name, probes, objective, window, method, slice, slice_target, missing, min_coverage,
            latency: latency.map(Duration::from_micros),
            since: since.map(|second| Timestamp::from_second(second).unwrap()),
        }
    }
}

proptest! {
    #[test]
    fn a_valid_objective_comes_back_as_it_went(slos in prop::collection::vec(objective(), 0..4)) {
        let mut slos = slos;
        slos.retain(|slo| slo.check(None).is_empty());
        // Names are unique in a configuration.
        slos.sort_by(|one, other| one.name.cmp(&other.name));
        slos.dedup_by(|one, other| one.name == other.name);
        let (read, _) = there_and_back(&slos, &["api/login"]);
        prop_assert_eq!(read, slos);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(apiVersion: openslo/v1\n)?(kind: SLO\n)?(spec:\n  objectives: )?\\PC{0,60}") {
        let _ = import(&text);
    }
}

/// The objectives of the sample configuration.
const SAMPLE: &str = "
slos:
  - { name: auth, probes: [\"orchestrator/*\"], objective: 99.9, window: 28d, latency: 500ms }
  - { name: Log in, probes: [\"orchestrator/login\", \"idp/login\"], objective: 99.5,
      window: { calendar: month, timezone: Europe/Paris }, method: timeslices, slice: 5m, slice_target: 0.8 }
";

#[test]
fn exported_objectives_count_our_metrics() {
    let read: Read = serde_saphyr::from_str(SAMPLE).unwrap();
    let probes = ["orchestrator/login", "orchestrator/jwt", "idp/login"].map(str::to_owned);
    insta::assert_snapshot!(export(&read.slos, &probes).unwrap());
}

#[test]
fn of_exported_objectives_only_the_data_source_is_not_carried_over() {
    let read: Read = serde_saphyr::from_str(SAMPLE).unwrap();
    let (again, notes) = there_and_back(&read.slos, &["orchestrator/login"]);
    assert_eq!(again, read.slos);
    assert_eq!(notes, "1:1: not carried over: probes are the source of every objective here\n");
}

/// Documents as other tools write them.
const FOREIGN: &str = r#"
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout, displayName: Check-out}
spec:
  service: shop
  indicator:
    metadata: {name: checkout-sli}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Datadog, spec: {query: "sum:hits{code:200}"}}}
        total: {metricSource: {type: Datadog, spec: {query: "sum:hits{*}"}}}
  timeWindow:
    - {duration: 1M, calendar: {startTime: 2020-01-21 12:30:00, timeZone: America/New_York}}
  budgetingMethod: Timeslices
  objectives:
    - {displayName: good, target: 0.995, timeSliceTarget: 0.95, timeSliceWindow: 5}
    - {displayName: better, targetPercent: 99.9, timeSliceTarget: 0.95, timeSliceWindow: 1m}
  alertPolicies: [{alertPolicyRef: page}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: fast}
spec:
  indicatorRef: latency
  timeWindow: [{duration: 1Q, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{op: lte, value: 0.5, target: 0.99}]
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: latency}
spec: {thresholdMetric: {metricSource: {type: Prometheus, spec: {query: latency_seconds}}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: never-missed}
spec:
  service: shop
  indicator: {spec: {ratioMetric: {raw: {}, rawType: success}}}
  timeWindow: [{duration: 1Q, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 1.0}]
---
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: old}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: page}
"#;

#[test]
fn what_others_write_is_carried_over_as_far_as_it_goes() {
    let imported = import(FOREIGN).unwrap();
    assert_eq!(imported.count, 2);
    insta::assert_snapshot!(format!("{}---\n{}", imported.text, imported.notes));
    let read: Read = serde_saphyr::from_str(&imported.text).unwrap();
    assert!(read.slos.iter().all(|slo| slo.check(None).is_empty()));
}

#[test]
fn a_file_that_is_no_yaml_is_refused_with_its_place() {
    let mistake = import("apiVersion: openslo/v1\nkind: [SLO").unwrap_err();
    assert!(mistake.to_string().contains("this is no YAML"), "{mistake}");
    assert_eq!(import("").unwrap().count, 0);
}
