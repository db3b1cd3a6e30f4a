//! Accepts connections on one socket and serves them, in plain text or TLS.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::demo::fault::Faults;
use crate::demo::wire::Wire;

/// Connections served at once; further ones wait in the socket's queue.
const CONNECTIONS: usize = 1024;
/// Longest wait for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Longest wait for a request head, on an idle connection too.
const IDLE: Duration = Duration::from_secs(75);

/// One listening socket and what it serves.
pub(crate) struct Front {
    /// Where connections come from.
    pub(crate) listener: TcpListener,
    /// Serves TLS with this, else plain text; HTTP/2 where its ALPN list says so.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// What answers.
    pub(crate) router: Router,
    /// Faults of the connections.
    pub(crate) faults: Arc<Faults>,
    /// Ends the front and its connections.
    pub(crate) stop: CancellationToken,
    /// Every task that is started is in here.
    pub(crate) tasks: TaskTracker,
}

/// Starts the front's tasks.
pub(crate) fn start(front: Front) {
    let tasks = front.tasks.clone();
    tasks.spawn(async move { front.stop.clone().run_until_cancelled(accept(front)).await });
}

/// Runs hyper's own tasks (HTTP/2 streams) where they are tracked and ended.
#[derive(Clone)]
struct Tracked {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl<F> Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(future).await });
    }
}

async fn accept(front: Front) -> Infallible {
    let Front { listener, tls, router, faults, stop, tasks } = front;
    let tls = tls.map(TlsAcceptor::from);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else {
            // No file descriptor is free; there may be one soon.
            time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (tls, router, faults) = (tls.clone(), router.clone(), Arc::clone(&faults));
        let tracked = Tracked { stop: stop.clone(), tasks: tasks.clone() };
        tracked.clone().execute(async move {
            connection(stream, tls, router, faults, tracked).await;
            drop(slot);
        });
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    faults: Arc<Faults>,
    tracked: Tracked,
) {
    let Some(tls) = tls else { return speak(Wire::new(stream, faults), router, tracked).await };
    if let Ok(Ok(stream)) = time::timeout(HANDSHAKE, tls.accept(stream)).await {
        speak(Wire::new(stream, faults), router, tracked).await;
    }
}

async fn speak<S>(wire: Wire<S>, router: Router, tracked: Tracked)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(tracked);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
    // A client that goes away is as good an end as any.
    let _ = builder.serve_connection(TokioIo::new(wire), TowerToHyperService::new(router)).await;
}
