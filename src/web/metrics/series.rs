//! The metrics of each probe: what its newest execution said, under the names of the blackbox exporter, and counts.

use std::fmt;

use jiff::Timestamp;
use storage::record::{Outcome, Phases};

use crate::tally::results::{Newest, Series};
use crate::web::metrics::page::Page;

/// The labels of a probe.
type Labels<'a> = [(&'static str, &'a str); 3];

/// Writes them for every probe.
pub(super) fn write(page: &mut Page<'_>, agent: &str, all: &[Series]) -> fmt::Result {
    let seen: Vec<(Labels<'_>, Newest)> =
        all.iter().filter_map(|series| Some((labels(series, agent), series.newest?))).collect();
    newest(page, &seen)?;
    let times = seen.iter().map(|(labels, newest)| (*labels, seconds(newest.time)));
    page.gauges("authprobe_newest_result_timestamp_seconds", "When the newest execution of a probe began", times)?;
    let help = "Results of a probe by how they ended";
    let counts = all.iter().flat_map(|series| {
        let with = move |outcome: &Outcome| with(labels(series, agent), "outcome", outcome.as_str());
        let count = |outcome: &Outcome| series.outcomes.get(usize::from(outcome.code())).copied().unwrap_or_default();
        Outcome::ALL.iter().map(move |outcome| (with(outcome), count(outcome)))
    });
    page.counters("authprobe_results", help, counts)?;
    let help = "Results of a probe that were no success, by why; a reason appears when it was seen once";
    let reasons = all.iter().flat_map(|series| {
        let [target, probe, agent] = labels(series, agent);
        series.reasons.iter().map(move |((outcome, reason), count)| {
            ([target, probe, agent, ("outcome", outcome.as_str()), ("reason", reason.as_str())], *count)
        })
    });
    page.counters("authprobe_reasons", help, reasons)
}

/// Writes what executions said, under the names of the blackbox exporter.
pub(super) fn newest(page: &mut Page<'_>, seen: &[(Labels<'_>, Newest)]) -> fmt::Result {
    let success = seen.iter().map(|(labels, newest)| (*labels, if newest.success { 1.0 } else { 0.0 }));
    page.gauges("probe_success", "Whether the newest execution of a probe ended as it should", success)?;
    let took = seen.iter().map(|(labels, newest)| (*labels, micros(newest.took_us)));
    page.gauges("probe_duration_seconds", "How long the newest execution of a probe took", took)?;
    let status = seen.iter().filter_map(|(labels, newest)| Some((*labels, f64::from(newest.status?))));
    page.gauges("probe_http_status_code", "HTTP status of the answer to the newest execution of a probe", status)?;
    let help = "Where the time of the newest execution of a probe went";
    let phases = seen.iter().filter_map(|(labels, newest)| Some((labels, newest.phases?)));
    let rows = phases.flat_map(|(labels, took)| {
        phases_of(took).into_iter().map(move |(phase, took)| (with(*labels, "phase", phase), micros(took)))
    });
    page.gauges("probe_http_duration_seconds", help, rows)
}

/// Seconds since 1970.
pub(super) fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1e3
}

/// The phases as the blackbox exporter names them.
fn phases_of(Phases { resolve, connect, tls, processing, transfer }: Phases) -> [(&'static str, u64); 5] {
    [("resolve", resolve), ("connect", connect), ("tls", tls), ("processing", processing), ("transfer", transfer)]
}

fn labels<'a>(series: &'a Series, agent: &'a str) -> Labels<'a> {
    [("target", &series.target), ("probe", &series.probe), ("agent", agent)]
}

fn with<'a>([target, probe, agent]: Labels<'a>, name: &'static str, value: &'a str) -> [(&'static str, &'a str); 4] {
    [target, probe, agent, (name, value)]
}

fn micros(micros: u64) -> f64 {
    micros as f64 / 1e6
}
