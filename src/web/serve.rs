//! Listens, accepts so many connections at once, and ends them in time.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::web::router;
use crate::web::state::{Parts, Phase, State};

/// Connections served at once; further ones wait in the socket's queue.
const CONNECTIONS: usize = 256;
/// Longest wait for the head of a request, on an idle connection too.
const HEAD: Duration = Duration::from_secs(15);
/// Header fields of a request, and bytes of its head.
const FIELDS: usize = 64;
const BUFFER: usize = 16 * 1024;
/// Requests under way at the end have this long.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// The address that the server is reached at, taken before anything else is started.
pub(crate) struct Address(TcpListener);

/// The running server.
pub(crate) struct Web {
    phase: watch::Sender<Phase>,
    stop: CancellationToken,
    give_up: CancellationToken,
    tasks: TaskTracker,
}

impl Address {
    /// Takes `HOST:PORT`.
    ///
    /// # Errors
    /// When it is taken, or is none of this machine's.
    pub(crate) async fn take(listen: &str) -> anyhow::Result<Self> {
        match TcpListener::bind(listen).await {
            Ok(listener) => Ok(Self(listener)),
            Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
                "another program listens on {listen}: give another `listen`, for example `127.0.0.1:0` for any port \
                 that is free, or end the other"
            ),
            Err(error) => Err(error).with_context(|| format!("`listen: {listen}` cannot be used")),
        }
    }

    /// The address, with the port that was taken.
    pub(crate) fn taken(&self) -> Option<SocketAddr> {
        self.0.local_addr().ok()
    }
}

impl Web {
    /// Answers at the address, and says at first that the daemon is starting.
    ///
    /// # Errors
    /// When the system does not say which address was taken.
    pub(crate) fn start(address: Address, parts: Parts) -> anyhow::Result<Self> {
        let Address(listener) = address;
        info!("listening on http://{}", listener.local_addr().context("the address that was taken")?);
        let (phase, now) = watch::channel(Phase::Starting);
        let web = Self {
            phase,
            stop: CancellationToken::new(),
            give_up: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let router = router(Arc::new(State::new(parts, now)));
        let accepting = accept(listener, router, web.stop.clone(), web.give_up.clone(), web.tasks.clone());
        let stop = web.stop.clone();
        web.tasks.spawn(async move { stop.run_until_cancelled(accepting).await });
        Ok(web)
    }

    /// Notes how far the daemon is.
    pub(crate) fn tell(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Takes no more requests, and waits for those under way, but not for long.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        self.tasks.close();
        if time::timeout(STOP_WITHIN, self.tasks.wait()).await.is_err() {
            warn!("{} connections did not end within {STOP_WITHIN:?} and are given up", self.tasks.len());
            self.give_up.cancel();
            self.tasks.wait().await;
        }
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    give_up: CancellationToken,
    tasks: TaskTracker,
) -> Infallible {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await;
        let Ok((stream, peer)) = listener.accept().await else {
            // No file descriptor is free; there may be one soon.
            time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (router, stop, give_up) = (router.clone(), stop.clone(), give_up.clone());
        tasks.spawn(async move {
            give_up.run_until_cancelled(connection(stream, peer, router, stop)).await;
            drop(slot);
        });
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    let service = TowerToHyperService::new(router.layer(Extension(peer.ip())));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_headers(FIELDS).max_buf_size(BUFFER);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // A client that goes away is as good an end as any.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
