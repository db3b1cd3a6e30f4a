//! What the daemon answers to others over HTTP: pages, its API, whether it is well, its metrics, and changes that it is
//! told of.

pub(crate) mod access;
mod api;
mod changes;
mod desk;
mod flux;
mod found;
mod health;
pub(crate) mod kept;
mod metrics;
mod pages;
mod present;
mod probe;
mod problem;
pub(crate) mod reading;
pub(crate) mod serve;
mod sessions;
mod span;
pub(crate) mod state;
mod tail;
pub(crate) mod token;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use probes::credential::Source;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::config::check::web::on_loopback;
use crate::web::access::Reach;
use crate::web::problem::problem;
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
    /// Whether a reverse proxy stands before it, and decides who may read.
    pub(crate) behind_proxy: bool,
}

impl Settings {
    /// Who reaches the daemon.
    pub(crate) fn reach(&self) -> Reach {
        match (self.behind_proxy, on_loopback(&self.listen)) {
            (true, _) => Reach::Proxy,
            (false, true) => Reach::Loopback,
            (false, false) => Reach::Others,
        }
    }
}

/// What pages may do: show what this server sends, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Everything that is answered.
fn router(state: Arc<State>) -> Router {
    let gate = from_fn_with_state(Arc::clone(&state), access::gate);
    let limit = from_fn_with_state(Arc::clone(&state), access::limit);
    let read = pages::guarded().merge(api::read()).layer(gate.clone()).merge(pages::open()).layer(limit);
    // A run takes as long as its scraper waits, which may be longer than an answer otherwise takes.
    let probe = Router::new().route("/probe", get(probe::answer)).layer(gate).with_state(Arc::clone(&state));
    let mut router = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::scrape))
        .route("/api/v1/changes", post(changes::take))
        .route("/api/v1/changes/flux", post(flux::take))
        .merge(read)
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .with_state(state)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, ANSWER_WITHIN))
        .merge(probe)
        .layer(RequestBodyLimitLayer::new(LONGEST_BODY))
        .layer(CatchPanicLayer::new());
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With `no-referrer` a form of our own would come without its origin.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        router = router.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)));
    }
    let unless_said = HeaderValue::from_static("no-store");
    router.layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, unless_said))
}

async fn nothing() -> Response {
    problem(
        StatusCode::NOT_FOUND,
        "there is nothing of this name: `/` leads to the pages, `/api/v1/openapi.json` to the API",
    )
}

async fn not_so() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "this cannot be asked in this way: the field `Allow` says how")
}
