//! `GET /metrics`: counts and states for Prometheus, as OpenMetrics or in the older text format.

use std::fmt;
use std::sync::Arc;

use axum::extract;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::recorder::health::{Health, State as Recorder};
use crate::web::state::State;

const OPEN_METRICS: &str = "application/openmetrics-text";
const OPEN_METRICS_ANSWER: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT_ANSWER: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that can be measured now.
pub(super) async fn scrape(extract::State(state): extract::State<Arc<State>>, headers: HeaderMap) -> Response {
    let Ok(metrics) = encoded(&state.health) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if accepted.flat_map(|value| value.split(',')).any(|one| one.trim_start().starts_with(OPEN_METRICS)) {
        ([(header::CONTENT_TYPE, OPEN_METRICS_ANSWER)], metrics).into_response()
    } else {
        ([(header::CONTENT_TYPE, TEXT_ANSWER)], older(&metrics)).into_response()
    }
}

/// Asks the parts of the daemon at each scrape; nothing is counted twice.
#[derive(Debug)]
struct Parts(Arc<Health>);

fn encoded(health: &Arc<Health>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("authprobe");
    registry.register_collector(Box::new(Parts(Arc::clone(health))));
    let mut metrics = String::new();
    text::encode(&mut metrics, &registry)?;
    Ok(metrics)
}

impl Collector for Parts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        build(&mut encoder)?;
        store(&mut encoder, &self.0.now())
    }
}

fn build(encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor("build_info", "The version that runs", None, MetricType::Gauge)?;
    let labels = [("version", env!("CARGO_PKG_VERSION"))];
    ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)
}

fn store(encoder: &mut DescriptorEncoder<'_>, recorder: &Recorder) -> Result<(), fmt::Error> {
    let Recorder { written, dropped, waiting, failing, trouble } = recorder;
    let help = "Series of probes that fail beyond doubt";
    let one = encoder.encode_descriptor("failing_series", help, None, MetricType::Gauge)?;
    ConstGauge::new(i64::try_from(*failing).unwrap_or(i64::MAX)).encode(one)?;
    let help = "Records that are in the store, and those that never reached it";
    let mut family = encoder.encode_descriptor("store_records", help, None, MetricType::Counter)?;
    for (state, count) in [("kept", written.kept), ("lost", written.lost)] {
        ConstCounter::new(count).encode(family.encode_family(&[("state", state)])?)?;
    }
    let help = "Of the lost records, those that had no room while the store could not be written";
    let one = encoder.encode_descriptor("store_dropped_records", help, None, MetricType::Counter)?;
    ConstCounter::new(*dropped).encode(one)?;
    let help = "Records in memory that are not in the store yet";
    let one = encoder.encode_descriptor("store_waiting_records", help, None, MetricType::Gauge)?;
    ConstGauge::new(i64::try_from(*waiting).unwrap_or(i64::MAX)).encode(one)?;
    let help = "Whether the store takes what is recorded";
    let one = encoder.encode_descriptor("store_writable", help, None, MetricType::Gauge)?;
    ConstGauge::new(i64::from(trouble.is_none())).encode(one)
}

/// The same in the text format that was there before OpenMetrics: a counter's ending belongs to its name there.
fn older(metrics: &str) -> String {
    let mut counters = Vec::new();
    for line in metrics.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter")) {
            counters.push(name);
        }
    }
    let mut text = String::with_capacity(metrics.len());
    for line in metrics.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) if counters.contains(&name) => {
                text.push_str(&format!("# {what} {name}_total {rest}"));
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_there_from_the_start() {
        insta::assert_snapshot!(encoded(&Arc::default()).unwrap(), @r#"
        # HELP authprobe_build_info The version that runs
        # TYPE authprobe_build_info gauge
        authprobe_build_info{version="0.1.0"} 1
        # HELP authprobe_failing_series Series of probes that fail beyond doubt
        # TYPE authprobe_failing_series gauge
        authprobe_failing_series 0
        # HELP authprobe_store_records Records that are in the store, and those that never reached it
        # TYPE authprobe_store_records counter
        authprobe_store_records_total{state="kept"} 0
        authprobe_store_records_total{state="lost"} 0
        # HELP authprobe_store_dropped_records Of the lost records, those that had no room while the store could not be written
        # TYPE authprobe_store_dropped_records counter
        authprobe_store_dropped_records_total 0
        # HELP authprobe_store_waiting_records Records in memory that are not in the store yet
        # TYPE authprobe_store_waiting_records gauge
        authprobe_store_waiting_records 0
        # HELP authprobe_store_writable Whether the store takes what is recorded
        # TYPE authprobe_store_writable gauge
        authprobe_store_writable 1
        # EOF
        "#);
    }

    #[test]
    fn the_older_format_has_the_ending_of_counters_in_their_names_and_no_end() {
        let newer =
            "# HELP a A counter\n# TYPE a counter\na_total 1\n# HELP b_a A gauge\n# TYPE b_a gauge\nb_a 1\n# EOF\n";
        let expected = "# HELP a_total A counter\n# TYPE a_total counter\na_total 1\n# HELP b_a A gauge\n# TYPE b_a gauge\nb_a 1\n";
        assert_eq!(older(newer), expected);
    }
}
