//! Whether the daemon lives, and whether it does what it is for.

use axum::Router;
use axum::extract;
use axum::http::StatusCode;
use axum::routing::get;

use crate::web::{Phase, State};

/// `GET /healthz` and `GET /readyz`.
pub(super) fn routes(state: State) -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).with_state(state)
}

/// 200 while it probes and what it sees can be kept, else 503 and why.
async fn ready(extract::State(state): extract::State<State>) -> (StatusCode, String) {
    let phase = *state.phase.borrow();
    let recording = state.recording.borrow();
    let (status, says) = match phase {
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting".to_owned()),
        Phase::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping".to_owned()),
        Phase::Running if recording.trouble.is_some() => (StatusCode::SERVICE_UNAVAILABLE, recording.to_string()),
        Phase::Running => (StatusCode::OK, "ready".to_owned()),
    };
    (status, says + "\n")
}
