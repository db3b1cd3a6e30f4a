//! `GET /metrics`: what the daemon measures of itself, for Prometheus.

use std::fmt;
use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, extract};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::recorder::Written;
use crate::recorder::health::Health;
use crate::web::State;

const OPENMETRICS: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// `GET /metrics`.
pub(super) fn routes(state: State) -> Router {
    let mut registry = Registry::with_prefix("authprobe");
    registry.register("build", "The version that runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    registry.register_collector(Box::new(Recording(state.recording)));
    Router::new().route("/metrics", get(metrics)).with_state(Arc::new(registry))
}

async fn metrics(extract::State(registry): extract::State<Arc<Registry>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// How it stands with recording, as it is at each scrape.
#[derive(Debug)]
struct Recording(watch::Receiver<Health>);

impl Collector for Recording {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Health { written: Written { kept, lost }, waiting, trouble } = self.0.borrow().clone();
        let records = ConstCounter::new(kept);
        let kind = records.metric_type();
        let mut family = encoder.encode_descriptor("store_records", "Records that were to be stored", None, kind)?;
        records.encode(family.encode_family(&[("outcome", "kept")])?)?;
        ConstCounter::new(lost).encode(family.encode_family(&[("outcome", "lost")])?)?;
        let waiting = ConstGauge::new(i64::try_from(waiting).unwrap_or(i64::MAX));
        let kind = waiting.metric_type();
        let help = "Records that wait in memory for the store";
        waiting.encode(encoder.encode_descriptor("store_waiting_records", help, None, kind)?)?;
        let writable = ConstGauge::new(i64::from(trouble.is_none()));
        let kind = writable.metric_type();
        let help = "Whether the store takes what is recorded: 1 or 0";
        writable.encode(encoder.encode_descriptor("store_writable", help, None, kind)?)
    }
}
