//! The documents of OpenSLO v1 as they are written, and objectives as our configuration writes them.

use serde::Serialize;

/// One document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<S> {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) metadata: Metadata,
    pub(super) spec: S,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display_name: Option<String>,
}

/// Where the metrics are.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DataSource {
    pub(super) description: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) connection_details: Connection,
}

#[derive(Debug, Serialize)]
pub(super) struct Connection {
    pub(super) url: &'static str,
}

/// An objective.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    pub(super) description: String,
    pub(super) service: String,
    pub(super) indicator: Indicator,
    pub(super) time_window: [TimeWindow; 1],
    pub(super) budgeting_method: &'static str,
    pub(super) objectives: [Objective; 1],
}

#[derive(Debug, Serialize)]
pub(super) struct Indicator {
    pub(super) metadata: Metadata,
    pub(super) spec: IndicatorSpec,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IndicatorSpec {
    pub(super) ratio_metric: RatioMetric,
}

#[derive(Debug, Serialize)]
pub(super) struct RatioMetric {
    pub(super) counter: bool,
    pub(super) good: Metric,
    pub(super) total: Metric,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metric {
    pub(super) metric_source: MetricSource,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetricSource {
    pub(super) metric_source_ref: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) spec: Query,
}

#[derive(Debug, Serialize)]
pub(super) struct Query {
    pub(super) query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authprobe: Option<Own>,
}

/// What the format has no word for, in the words of our configuration.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Own {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) probes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) window: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) slice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) slice_target: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) missing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_coverage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TimeWindow {
    pub(super) duration: String,
    pub(super) is_rolling: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) calendar: Option<Calendar>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Calendar {
    pub(super) start_time: &'static str,
    pub(super) time_zone: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Objective {
    pub(super) display_name: String,
    pub(super) target_percent: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time_slice_target: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time_slice_window: Option<String>,
}

/// The part of our configuration that holds objectives.
#[derive(Debug, Serialize)]
pub(super) struct Slos {
    pub(super) slos: Vec<Written>,
}

/// An objective of our configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) probes: Vec<String>,
    pub(super) objective: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) window: Option<Window>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) slice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) slice_target: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) missing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_coverage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<String>,
}

/// A window of our configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Window {
    Rolling(String),
    Calendar { calendar: &'static str, timezone: String },
}
