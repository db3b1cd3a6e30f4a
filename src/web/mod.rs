//! What the daemon answers to others over HTTP: whether it is well, its metrics, and changes that it is told of.

mod changes;
mod flux;
mod health;
mod metrics;
pub(crate) mod serve;
pub(crate) mod state;
pub(crate) mod token;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::routing::{get, post};
use probes::credential::Source;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::web::state::State;

/// Longest body of a request, in bytes.
const LONGEST_BODY: usize = 1024 * 1024;
/// Longest time from the head of a request to its answer, the body of the request included.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Where it answers, and who may write.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `HOST:PORT`; port 0 takes any that is free.
    pub(crate) listen: String,
    /// The bearer token of those who write.
    pub(crate) api_token: Option<Source>,
}

/// Everything that is answered.
fn router(state: Arc<State>) -> Router {
    let nosniff = HeaderValue::from_static("nosniff");
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::scrape))
        .route("/api/v1/changes", post(changes::take))
        .route("/api/v1/changes/flux", post(flux::take))
        .with_state(state)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, ANSWER_WITHIN))
        .layer(RequestBodyLimitLayer::new(LONGEST_BODY))
        .layer(CatchPanicLayer::new())
        .layer(SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, nosniff))
        .layer(SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
}
