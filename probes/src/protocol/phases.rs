//! Times the phases of a request: marks are stamped where they happen, in the task of the request.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::{CertificateDer, ServerName};
use storage::record::Phases;
use tokio::net::lookup_host;
use tower::{Layer, Service};

use crate::sighting::Peer;

tokio::task_local! {
    /// The watch of the request that this task works on.
    static WATCH: Arc<Watch>;
}

/// A moment in the life of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mark {
    /// Name resolution begins.
    Resolve,
    /// The addresses are known.
    Resolved,
    /// The connector begins.
    Connect,
    /// The TLS handshake begins: TCP is connected.
    Handshake,
    /// The connection is ready for the request.
    Ready,
    /// The response head is there.
    Head,
    /// The body is read.
    End,
}

const MARKS: usize = 7;

/// Microseconds of each mark since the start, plus one; 0 is "not yet".
#[derive(Debug)]
pub(crate) struct Watch {
    start: Instant,
    /// When the request began that the marks speak of: the first, or one that a redirect led to.
    begun: AtomicU64,
    marks: [AtomicU64; MARKS],
    /// The phases of the requests before that one.
    before: Mutex<Phases>,
    /// The certificate that the server of the last handshake showed.
    peer: Mutex<Option<Peer>>,
}

impl Watch {
    pub(crate) fn start() -> Arc<Self> {
        let before = Mutex::new(Phases::default());
        let marks = Default::default();
        Arc::new(Self { start: Instant::now(), begun: AtomicU64::new(0), marks, before, peer: Mutex::default() })
    }

    /// Runs a request under this watch.
    pub(crate) fn around<F: Future>(self: &Arc<Self>, request: F) -> impl Future<Output = F::Output> {
        WATCH.scope(Arc::clone(self), request)
    }

    pub(crate) fn stamp(&self, mark: Mark) {
        self.marks[mark as usize].store(self.now() + 1, Ordering::Relaxed);
    }

    /// Ends a request and begins the next one, to which its answer led.
    pub(crate) fn lap(&self) {
        self.stamp(Mark::End);
        let sum = self.phases();
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = sum;
        self.begun.store(self.now(), Ordering::Relaxed);
        for mark in &self.marks {
            mark.store(0, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX - 1)
    }

    fn at(&self, mark: Mark) -> Option<u64> {
        self.marks[mark as usize].load(Ordering::Relaxed).checked_sub(1)
    }

    /// The phase that the request is in, in words; what a request that timed out was waiting for.
    pub(crate) fn waiting_for(&self) -> &'static str {
        if self.at(Mark::Head).is_some() {
            "the end of the body"
        } else if self.at(Mark::Ready).is_some() {
            "an answer"
        } else if self.at(Mark::Handshake).is_some() {
            "the TLS handshake"
        } else if self.at(Mark::Resolve).is_some() && self.at(Mark::Resolved).is_none() {
            "the name to resolve"
        } else {
            "a connection"
        }
    }

    /// The certificate that the server of the last handshake showed.
    pub(crate) fn peer(&self) -> Option<Peer> {
        self.peer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the TLS handshake is under way.
    pub(crate) fn handshaking(&self) -> bool {
        self.at(Mark::Handshake).is_some() && self.at(Mark::Ready).is_none()
    }

    /// Whether the name is still being resolved.
    pub(crate) fn resolving(&self) -> bool {
        self.at(Mark::Resolve).is_some() && self.at(Mark::Resolved).is_none()
    }

    /// The phases so far, of all requests together; the one that the last request is in ends now.
    pub(crate) fn phases(&self) -> Phases {
        let end = self.at(Mark::End).unwrap_or_else(|| self.now());
        let resolve =
            self.at(Mark::Resolve).map_or(0, |from| self.at(Mark::Resolved).unwrap_or(end).saturating_sub(from));
        let connect_from = self.at(Mark::Resolved).or(self.at(Mark::Connect));
        let ready = self.at(Mark::Ready);
        let handshake = self.at(Mark::Handshake);
        let connect = match connect_from {
            Some(from) if !self.resolving() => handshake.or(ready).unwrap_or(end).saturating_sub(from),
            Some(_) | None => 0,
        };
        let tls = handshake.map_or(0, |from| ready.unwrap_or(end).saturating_sub(from));
        // A kept connection has no connect phases: the request is on its way from the start.
        let kept = connect_from.is_none().then(|| self.begun.load(Ordering::Relaxed));
        let sent = ready.or(kept);
        let processing = sent.map_or(0, |from| self.at(Mark::Head).unwrap_or(end).saturating_sub(from));
        let transfer = self.at(Mark::Head).map_or(0, |from| end.saturating_sub(from));
        let before = *self.before.lock().unwrap_or_else(PoisonError::into_inner);
        Phases {
            resolve: before.resolve + resolve,
            connect: before.connect + connect,
            tls: before.tls + tls,
            processing: before.processing + processing,
            transfer: before.transfer + transfer,
        }
    }
}

/// Stamps a mark on the watch of the current request. A connection that is finished in the background has none.
pub(crate) fn stamp(mark: Mark) {
    let _ = WATCH.try_with(|watch| watch.stamp(mark));
}

/// Notes the certificate that a server shows to the current request.
pub(crate) fn shown(name: &ServerName<'_>, certificate: &CertificateDer<'_>) {
    let _ = WATCH.try_with(|watch| {
        let peer = Peer { name: name.to_str().into_owned(), certificate: certificate.to_vec() };
        *watch.peer.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer);
    });
}

/// Resolves names by the system's resolver and stamps when it begins and ends.
#[derive(Debug, Clone)]
pub(crate) struct TimedResolver {
    pub(crate) stands_for: Option<StandsFor>,
}

/// A name that is only TLS's: its address is that of another host.
#[derive(Debug, Clone)]
pub(crate) struct StandsFor {
    pub(crate) name: String,
    /// The host that is resolved in its place; an address without brackets.
    pub(crate) host: String,
}

impl Resolve for TimedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = match &self.stands_for {
            Some(other) if other.name.eq_ignore_ascii_case(name.as_str()) => other.host.clone(),
            Some(_) | None => name.as_str().to_owned(),
        };
        Box::pin(async move {
            stamp(Mark::Resolve);
            // Port 0 means "the port of the URL" to the connector.
            let found = lookup_host((host.as_str(), 0)).await?;
            let addresses: Vec<_> = found.collect();
            stamp(Mark::Resolved);
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Stamps when the connector begins and when the connection is ready.
#[derive(Debug, Clone)]
pub(crate) struct TimedConnector;

impl<S> Layer<S> for TimedConnector {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed(inner)
    }
}

/// A connector whose work is timed.
#[derive(Debug, Clone)]
pub(crate) struct Timed<S>(S);

impl<S, R> Service<R> for Timed<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        stamp(Mark::Connect);
        let connecting = self.0.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            stamp(Mark::Ready);
            Ok(connection)
        })
    }
}
