//! `GET /metrics`: counts and states for Prometheus, as OpenMetrics or in the older text format.

mod alerts;
mod daemon;
mod judged;
mod older;
mod page;
mod reports;
mod run;
mod series;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use axum::extract;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;
use storage::record::ProbeResult;

use crate::alerts::health::State as Receiver;
use crate::judge::Judgement;
use crate::recorder::health::State as Recorder;
use crate::scheduled::counts::Counted;
use crate::tally::Tally;
use crate::web::metrics::page::Page;
use crate::web::metrics::run::Run;
use crate::web::state::State;

const OPEN_METRICS: &str = "application/openmetrics-text";
const OPEN_METRICS_ANSWER: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT_ANSWER: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that can be measured now.
pub(super) async fn scrape(extract::State(state): extract::State<Arc<State>>, headers: HeaderMap) -> Response {
    let Ok(_turn) = Arc::clone(&state.scrapes).acquire_owned().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let open = takes_open_metrics(&headers);
    let moment = Moment {
        recorder: state.health.now(),
        queued: state.records.max_capacity() - state.records.capacity(),
        judged: state.judged.borrow().clone(),
        tally: Arc::clone(&state.tally),
        receivers: state.alerts.now(),
        reports: state.reports.now(),
        now: Timestamp::now(),
    };
    // Thousands of series are written here, so it does not stand in the way of the probes.
    let written = tokio::task::spawn_blocking(move || encoded(moment).map(|metrics| in_format(metrics, open))).await;
    match written {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) | Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The metrics of one run that was asked for, in the format that the scraper takes.
pub(super) fn run(results: &[ProbeResult], headers: &HeaderMap) -> Response {
    match encoded(Run(results.to_vec())) {
        Ok(metrics) => in_format(metrics, takes_open_metrics(headers)),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The same as a text for people.
pub(super) fn of_run(results: &[ProbeResult]) -> Result<String, fmt::Error> {
    encoded(Run(results.to_vec()))
}

/// The daemon at one moment.
#[derive(Clone)]
struct Moment {
    recorder: Recorder,
    queued: usize,
    judged: Option<Arc<Judgement>>,
    tally: Arc<Tally>,
    receivers: BTreeMap<String, Receiver>,
    reports: BTreeMap<String, Counted>,
    now: Timestamp,
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moment").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Collector for Moment {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Moment { recorder, queued, judged, tally, receivers, reports, now } = self;
        let page = &mut Page(encoder);
        // Copied, so that what is counted meanwhile does not wait for what is written here.
        let (agent, all, objectives, changes) = {
            let results = tally.results();
            (results.agent.clone(), results.series().to_vec(), results.objectives.all().to_vec(), results.changes)
        };
        daemon::build(page, tally)?;
        series::write(page, &agent, &all)?;
        judged::events(page, &objectives)?;
        daemon::changes(page, &changes)?;
        if let Some(judgement) = judged {
            judged::write(page, judgement)?;
        }
        daemon::schedule(page, tally)?;
        daemon::store(page, tally, recorder, *queued)?;
        daemon::feeds(page, tally)?;
        alerts::write(page, receivers)?;
        reports::write(page, reports)?;
        daemon::tokens(page, tally, *now)
    }
}

fn takes_open_metrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|one| one.trim_start().starts_with(OPEN_METRICS))
}

fn encoded(collector: impl Collector) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector));
    let mut metrics = String::new();
    text::encode(&mut metrics, &registry)?;
    Ok(metrics)
}

fn in_format(metrics: String, open: bool) -> Response {
    if open {
        ([(header::CONTENT_TYPE, OPEN_METRICS_ANSWER)], metrics).into_response()
    } else {
        ([(header::CONTENT_TYPE, TEXT_ANSWER)], older::older(&metrics)).into_response()
    }
}

#[cfg(test)]
mod tests;
