//! What the daemon answers over HTTP.

mod health;
mod metrics;

use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tracing::{info, warn};

use crate::recorder::health::Health;

/// A request that takes longer is answered with 408.
const LIMIT: Duration = Duration::from_secs(10);

/// Longest body of a request, in bytes.
const LONGEST_BODY: usize = 1024 * 1024;

/// Connections that are kept open get this long to end when the daemon stops.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// What the answers tell of.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// How it stands with recording.
    pub(crate) recording: watch::Receiver<Health>,
    /// What the daemon is about.
    pub(crate) phase: watch::Receiver<Phase>,
}

/// What the daemon is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It prepares itself.
    Starting,
    /// It probes.
    Running,
    /// It ends.
    Stopping,
}

/// The running server.
pub(crate) struct Web {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Takes `HOST:PORT` for the server.
///
/// # Errors
/// When nobody can listen there.
pub(crate) async fn listen(at: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(at)
        .await
        .with_context(|| format!("nobody can listen at {at}: end what uses it, or choose another `listen`"))?;
    info!("listening at http://{}", listener.local_addr()?);
    Ok(listener)
}

impl Web {
    /// Answers until [`Web::finish`].
    pub(crate) fn start(listener: TcpListener, state: State) -> Self {
        let stop = CancellationToken::new();
        let server = axum::serve(listener, router(state)).with_graceful_shutdown(stop.clone().cancelled_owned());
        let task = tokio::spawn(async move {
            if let Err(failure) = server.await {
                warn!("the HTTP server ended: {failure}");
            }
        });
        Self { stop, task }
    }

    /// Ends it; who keeps a connection open is not waited for.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        let abort = self.task.abort_handle();
        if tokio::time::timeout(STOP_WITHIN, self.task).await.is_err() {
            abort.abort();
        }
    }
}

fn router(state: State) -> Router {
    Router::new()
        .merge(health::routes(state.clone()))
        .merge(metrics::routes(state))
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, LIMIT))
        .layer(RequestBodyLimitLayer::new(LONGEST_BODY))
}
