//! Writes objectives as OpenSLO documents whose indicators count our metrics.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use reports::settings::{self, Method, Missing, Period, Slo};

use super::shape::{
    Calendar, Connection, DataSource, Document, Indicator, IndicatorSpec, Metadata, Metric, MetricSource, Objective,
    Own, Query, RatioMetric, Spec, TimeWindow,
};
use super::{API_VERSION, BEGINNING, SOURCE, times};

/// The least coverage where an objective says none.
const USUAL_COVERAGE: f64 = 0.9;
/// Longest name, in characters.
const LONGEST_NAME: usize = 63;

/// Writes every objective as a document, after one for the source of the metrics. `probes` are all that are
/// configured, as `target/probe`.
///
/// # Errors
/// When YAML cannot be written.
pub(crate) fn export(slos: &[Slo], probes: &[String]) -> anyhow::Result<String> {
    let source = Document {
        api_version: API_VERSION,
        kind: "DataSource",
        metadata: Metadata { name: SOURCE.into(), display_name: Some("Metrics of authprobe".into()) },
        spec: DataSource {
            description: "A Prometheus that scrapes /metrics of authprobe",
            kind: "Prometheus",
            connection_details: Connection { url: "http://localhost:9090" },
        },
    };
    let written = |text: Result<String, _>| text.context("the objectives cannot be written");
    let mut text = written(serde_saphyr::to_string(&source))?;
    let mut names = BTreeSet::new();
    for slo in slos {
        text.push_str("---\n");
        text.push_str(&written(serde_saphyr::to_string(&document(slo, probes, &mut names)))?);
    }
    Ok(text)
}

fn document(slo: &Slo, probes: &[String], names: &mut BTreeSet<String>) -> Document<Spec> {
    let name = unique(&slo.name, names);
    let matchers = slo.matchers();
    let concerned = probes.iter().filter(|probe| matchers.iter().any(|matcher| matcher.is_match(probe)));
    let concerned: Vec<(&str, &str)> = concerned.filter_map(|probe| probe.split_once('/')).collect();
    let service = match concerned.first() {
        Some((target, _)) if concerned.iter().all(|(other, _)| other == target) => slug(target),
        Some(_) | None => "authentication".into(),
    };
    let (window, exact) = window(&slo.window);
    let slice = slo.slice.map(times::shorthand);
    let timeslices = slo.method == Method::Timeslices;
    let own = Own {
        name: (name != slo.name).then(|| slo.name.clone()),
        probes: slo.probes.clone(),
        window: exact,
        latency: slo.latency.map(duration),
        slice: slo.slice.filter(|_| !slice.as_ref().is_some_and(|(_, exact)| *exact)).map(duration),
        slice_target: (!timeslices && slo.slice_target < 1.0).then_some(slo.slice_target),
        missing: match slo.missing {
            Missing::Exclude => None,
            Missing::Bad => Some("bad".into()),
            Missing::Good => Some("good".into()),
        },
        min_coverage: (slo.min_coverage.to_bits() != USUAL_COVERAGE.to_bits()).then_some(slo.min_coverage),
        since: slo.since.map(|since| since.to_string()),
    };
    let metric = |outcomes: &str, own| Metric {
        metric_source: MetricSource {
            metric_source_ref: SOURCE,
            kind: "Prometheus",
            spec: Query { query: query(&concerned, outcomes), authprobe: own },
        },
    };
    let ratio_metric = RatioMetric {
        counter: true,
        good: metric("outcome=\"success\"", Some(own)),
        total: metric("outcome=~\"success|failure\"", None),
    };
    let limit = slo.latency.map(|limit| format!(" within {}", duration(limit))).unwrap_or_default();
    let metadata = Metadata { name: name.clone(), display_name: (name != slo.name).then(|| printable(&slo.name)) };
    Document {
        api_version: API_VERSION,
        kind: "SLO",
        metadata,
        spec: Spec {
            description: format!("{} % of the probes succeed{limit}", slo.objective),
            service,
            indicator: Indicator {
                metadata: Metadata { name: format!("{}-sli", name.trim_end_matches('-')), display_name: None },
                spec: IndicatorSpec { ratio_metric },
            },
            time_window: [window],
            budgeting_method: match slo.method {
                Method::Occurrences => "Occurrences",
                Method::Timeslices => "Timeslices",
                Method::RatioTimeslices => "RatioTimeslices",
            },
            objectives: [Objective {
                display_name: "Probes that succeed".into(),
                target_percent: slo.objective,
                time_slice_target: timeslices.then_some(slo.slice_target),
                time_slice_window: slice.map(|(written, _)| written),
            }],
        },
    }
}

/// A window, and its exact length where the format has no word for it.
fn window(period: &Period) -> (TimeWindow, Option<String>) {
    match period {
        Period::Rolling(length) => {
            let (written, exact) = times::shorthand(*length);
            let window = TimeWindow { duration: written, is_rolling: true, calendar: None };
            (window, (!exact).then(|| duration(*length)))
        }
        Period::Calendar(settings::Calendar { calendar, timezone }) => {
            let calendar_of = Calendar { start_time: BEGINNING, time_zone: timezone.clone() };
            let duration = times::of_period(*calendar).to_owned();
            (TimeWindow { duration, is_rolling: false, calendar: Some(calendar_of) }, None)
        }
    }
}

/// Counts the results of some probes.
fn query(probes: &[(&str, &str)], outcomes: &str) -> String {
    let mut by_target: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (target, probe) in probes {
        by_target.entry(target).or_default().push(probe);
    }
    let series = by_target.into_iter().map(|(target, probes)| {
        let probes: Vec<String> = probes.into_iter().map(regex::escape).collect();
        let (target, probes) = (label(target), label(&probes.join("|")));
        format!("authprobe_results_total{{target={target},probe=~{probes},{outcomes}}}")
    });
    let series: Vec<String> = series.collect();
    let series = if series.is_empty() {
        // Nothing is configured that it is about: nothing is counted.
        format!("authprobe_results_total{{target=\"\",{outcomes}}}")
    } else {
        series.join(" or ")
    };
    format!("sum({series})")
}

/// A label's value in quotes.
fn label(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

fn duration(length: std::time::Duration) -> String {
    humantime::format_duration(length).to_string()
}

/// A name of lower-case letters, digits and dashes that is not taken yet.
fn unique(name: &str, names: &mut BTreeSet<String>) -> String {
    let slug = slug(name);
    let mut unique = slug.clone();
    for number in 2_u32.. {
        if names.insert(unique.clone()) {
            break;
        }
        let ending = format!("-{number}");
        let begin: String = slug.chars().take(LONGEST_NAME - ending.len()).collect();
        unique = format!("{begin}{ending}");
    }
    unique
}

/// A text as a name of RFC 1123: at most 63 lower-case letters, digits and dashes, no dash at an end.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for one in text.chars() {
        match one.to_ascii_lowercase() {
            one if one.is_ascii_alphanumeric() => slug.push(one),
            _ if slug.is_empty() || slug.ends_with('-') => (),
            _ => slug.push('-'),
        }
    }
    let slug: String = slug.chars().take(LONGEST_NAME - "-sli".len()).collect();
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "objective".into() } else { slug.into() }
}

/// A text that every reader can show.
fn printable(text: &str) -> String {
    crate::output::printable(text)
}
