//! One request and its answer: built from scratch, timed by phase, read to a limit, never retried.

use std::net::IpAddr;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderName, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use storage::record::{Outcome, Phases, Reason};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::kinds::login::Carrier;
use crate::observation::Failure;
use crate::protocol::phases::{Mark, StandsFor, TimedConnector, TimedResolver, Watch};
use crate::protocol::tls::Profile;
use crate::protocol::transport_error;
use crate::sighting::Peer;
use crate::target::{Connection, HttpVersion};

/// How a target is reached: its TLS profile and its connection settings.
#[derive(Debug)]
pub struct Transport {
    client: reqwest::Client,
    connection: Connection,
    /// The host of the URL, where TLS uses another name.
    host: Option<String>,
}

/// A request that is ready to go out.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Response headers.
    pub headers: HeaderMap,
    /// The body, up to the limit of the connection.
    pub body: Vec<u8>,
    /// The body was longer than the limit; `body` is its beginning.
    pub truncated: bool,
}

/// One request with its answer or its failure.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) started: Timestamp,
    pub(crate) took: Duration,
    pub(crate) phases: Option<Phases>,
    /// The URL that was asked, without its query, which may carry a credential.
    pub(crate) asked: Url,
    /// The certificate that the server showed, where there was a handshake.
    pub(crate) peer: Option<Peer>,
    pub(crate) end: Result<Answer, Failure>,
}

impl Transport {
    /// Prepares the way to a target at `url`.
    ///
    /// # Errors
    /// When the HTTP client cannot be built from the settings; says why.
    pub fn new(tls: Profile, connection: Connection, url: &Url) -> Result<Self, String> {
        if connection.server_name.is_some() && connection.proxy.is_some() {
            return Err("server_name and a proxy exclude each other: the proxy would resolve the other name".into());
        }
        let host = connection.server_name.as_ref().and(url.host_str()).map(str::to_owned);
        let client = client(tls, &connection, host.as_deref()).map_err(|error| error.without_url().to_string())?;
        Ok(Self { client, connection, host })
    }

    /// Sends a request and reads the answer, within `limit`. Redirects are followed as far as the settings say.
    pub(crate) async fn send(&self, outgoing: Outgoing, limit: Duration) -> Exchange {
        let mut asked = outgoing.url.clone();
        asked.set_query(None);
        let started = Timestamp::now();
        let begun = Instant::now();
        let watch = Watch::start();
        let deadline = begun + limit;
        let end = match timeout_at(deadline, watch.around(self.follow(outgoing, &watch))).await {
            Ok(end) => end,
            Err(_) => Err(timed_out(&watch, limit, begun.elapsed())),
        };
        watch.stamp(Mark::End);
        let (took, phases, peer) = (begun.elapsed(), Some(watch.phases()), watch.peer());
        Exchange { started, took, phases, asked, peer, end }
    }

    /// Fetches a public document with these headers, within `limit`.
    ///
    /// # Errors
    /// Why there was no answer, in words that are fit for people.
    pub async fn fetch(&self, url: Url, headers: HeaderMap, limit: Duration) -> Result<Answer, String> {
        let outgoing = Outgoing { headers, ..Outgoing::new(Method::GET, url) };
        self.send(outgoing, limit).await.end.map_err(|failure| format!("{}: {}", failure.reason, failure.detail))
    }

    async fn follow(&self, mut outgoing: Outgoing, watch: &Watch) -> Result<Answer, Failure> {
        let mut hops = self.connection.redirects;
        loop {
            let answer = self.once(&outgoing, watch).await?;
            match next_hop(&outgoing, &answer) {
                Some(next) if hops > 0 => outgoing = next,
                Some(_) | None => return Ok(answer),
            }
            hops -= 1;
            watch.lap();
        }
    }

    async fn once(&self, outgoing: &Outgoing, watch: &Watch) -> Result<Answer, Failure> {
        let request = self.prepare(outgoing)?;
        let address = outgoing.url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        let broken = |error: reqwest::Error| transport_error::classify(&error, address, watch.handshaking());
        let mut response = self.client.execute(request).await.map_err(broken)?;
        watch.stamp(Mark::Head);
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = Vec::new();
        let mut truncated = false;
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            let room = self.connection.body_limit - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                truncated = true;
                break;
            }
        }
        Ok(Answer { status, headers, body, truncated })
    }

    fn prepare(&self, outgoing: &Outgoing) -> Result<reqwest::Request, Failure> {
        let mut url = outgoing.url.clone();
        let mut headers = outgoing.headers.clone();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("authprobe/", env!("CARGO_PKG_VERSION"))));
        headers.insert("traceparent", trace_parent());
        // TLS and the certificate use the other name; the server still sees the host of the URL.
        if let (Some(name), Some(host)) = (&self.connection.server_name, &self.host)
            && url.host_str() == Some(host)
        {
            // HTTP/2 has one name for both.
            if let (Ok(authority), false) =
                (HeaderValue::from_str(outgoing.url.authority()), self.connection.http == HttpVersion::Http2)
            {
                headers.insert(HOST, authority);
            }
            if url.set_host(Some(name)).is_err() {
                return Err(Failure::own(Reason::CredentialUnavailable, "server_name is no host name"));
            }
        }
        let mut request = reqwest::Request::new(outgoing.method.clone(), url);
        *request.headers_mut() = headers;
        if !outgoing.body.is_empty() {
            *request.body_mut() = Some(outgoing.body.clone().into());
        }
        Ok(request)
    }
}

impl Outgoing {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Vec::new() }
    }

    /// Adds a header.
    ///
    /// # Errors
    /// When name or value cannot stand in a header; says which, not what.
    pub(crate) fn header(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Failure::own(Reason::CredentialUnavailable, "a configured header name is not one"))?;
        let mut held = HeaderValue::from_str(value).map_err(|_| {
            let why = format!("the value for header {name} has characters that no header can carry");
            Failure::own(Reason::CredentialUnavailable, why)
        })?;
        held.set_sensitive(true);
        self.headers.insert(name, held);
        Ok(())
    }

    /// Adds a token or key the way the server wants it.
    ///
    /// # Errors
    /// As [`Outgoing::header`].
    pub(crate) fn carry(&mut self, secret: &str, carrier: &Carrier) -> Result<(), Failure> {
        match carrier {
            Carrier::Bearer => self.header(AUTHORIZATION.as_str(), &format!("Bearer {secret}")),
            Carrier::Bare => self.header(AUTHORIZATION.as_str(), secret),
            Carrier::Scheme(scheme) => self.header(AUTHORIZATION.as_str(), &format!("{scheme} {secret}")),
            Carrier::Header(name) => self.header(name, secret),
            Carrier::Cookie(name) => {
                let others =
                    self.headers.get(COOKIE).and_then(|held| held.to_str().ok()).map(|held| format!("{held}; "));
                self.header(COOKIE.as_str(), &format!("{}{name}={secret}", others.unwrap_or_default()))
            }
            Carrier::Query(name) => {
                self.url.query_pairs_mut().append_pair(name, secret);
                Ok(())
            }
        }
    }
}

impl Answer {
    /// A header as text, if it is there and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What the server asks to wait, in seconds or until a date (RFC 9110, section 10.2.3); at most an hour.
    pub(crate) fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        const LONGEST: Duration = Duration::from_secs(3600);
        let value = self.header("retry-after")?.trim();
        let wait = match value.parse::<u64>() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let until = rfc2822::parse(value).ok()?.timestamp();
                Duration::try_from(until.duration_since(now)).ok()?
            }
        };
        Some(wait.min(LONGEST))
    }

    /// The server's clock, if it tells it.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        Some(rfc2822::parse(self.header("date")?).ok()?.timestamp())
    }
}

/// The client of a target. Without keep-alive it has no pool, so that every request connects anew.
fn client(tls: Profile, connection: &Connection, host: Option<&str>) -> Result<reqwest::Client, reqwest::Error> {
    let Connection { http, keep_alive, proxy, server_name, redirects: _, body_limit: _ } = connection;
    let mut tls = ClientConfig::clone(&tls.0);
    let stands_for = server_name
        .as_ref()
        .zip(host)
        .map(|(name, host)| StandsFor { name: name.clone(), host: host.trim_matches(['[', ']']).to_owned() });
    let mut builder = reqwest::Client::builder()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .tcp_nodelay(true)
        .dns_resolver(TimedResolver { stands_for })
        .connector_layer(TimedConnector);
    let offers: &[&[u8]] = match http {
        // HTTP/2 has one name for TLS and for the host, so another name for TLS needs HTTP/1.1.
        HttpVersion::Auto if server_name.is_none() => &[b"h2", b"http/1.1"],
        HttpVersion::Auto | HttpVersion::Http1 => {
            builder = builder.http1_only();
            &[b"http/1.1"]
        }
        HttpVersion::Http2 => {
            builder = builder.http2_prior_knowledge();
            &[b"h2"]
        }
    };
    tls.alpn_protocols = offers.iter().map(|offer| offer.to_vec()).collect();
    if !keep_alive {
        builder = builder.pool_max_idle_per_host(0);
    }
    if let Some(proxy) = proxy {
        builder = builder.proxy(reqwest::Proxy::all(proxy.as_str())?);
    }
    builder.tls_backend_preconfigured(tls).build()
}

/// The next request of a redirect; credentials go along only to the same origin.
fn next_hop(outgoing: &Outgoing, answer: &Answer) -> Option<Outgoing> {
    let keeps_method = match answer.status {
        301..=303 => outgoing.method == Method::GET || outgoing.method == Method::HEAD,
        307 | 308 => true,
        _ => return None,
    };
    let url = outgoing.url.join(answer.header(LOCATION.as_str())?).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let same_origin = url.origin() == outgoing.url.origin();
    let mut headers = if same_origin { outgoing.headers.clone() } else { HeaderMap::new() };
    let (method, body) = match keeps_method {
        true if same_origin => (outgoing.method.clone(), outgoing.body.clone()),
        true => (outgoing.method.clone(), Vec::new()),
        false => (Method::GET, Vec::new()),
    };
    if body.is_empty() {
        headers.remove(CONTENT_TYPE);
    }
    Some(Outgoing { method, url, headers, body })
}

fn timed_out(watch: &Watch, limit: Duration, elapsed: Duration) -> Failure {
    // A timer that rings a second late was not served: then this process stood still, not the target.
    const STALL: Duration = Duration::from_secs(1);
    let waiting = watch.waiting_for();
    if elapsed > limit + STALL {
        let detail = format!("prober stood still: a limit of {limit:?} was noticed after {elapsed:.1?}");
        return Failure { outcome: Outcome::Invalid, reason: Reason::ProberOverloaded, detail };
    }
    let reason = if watch.resolving() { Reason::Dns } else { Reason::Timeout };
    Failure::target(reason, format!("waited {limit:?} for {waiting}"))
}

/// A W3C trace context header, so that the target's traces show which requests are the prober's.
fn trace_parent() -> HeaderValue {
    let mut random = [0u8; 24];
    // Without randomness the ids are zero, which receivers ignore.
    let _ = aws_lc_rs::rand::fill(&mut random);
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let (trace, span) = hex.split_at(32);
    HeaderValue::from_str(&format!("00-{trace}-{span}-01")).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests;
