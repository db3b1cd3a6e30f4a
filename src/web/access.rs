//! Who may read: everybody on this machine, who has logged in, or whom a proxy lets through. And not too often.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State as Given};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use tokio::time::Instant;

use crate::web::problem::problem;
use crate::web::sessions::Sessions;
use crate::web::state::State;

/// Requests that an address may send at once ..
const BURST: f64 = 200.0;
/// .. and how many it may send a second after that.
const A_SECOND: f64 = 50.0;
/// Addresses that are remembered; beyond that all are forgotten, for memory is bounded.
const ADDRESSES: usize = 4096;

/// Who reaches the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// This machine only.
    Loopback,
    /// Others, who need the token.
    Others,
    /// Those whom a reverse proxy lets through.
    Proxy,
}

/// Knows who may read.
pub(super) struct Access {
    /// Who reaches the daemon.
    pub(super) reach: Reach,
    /// Who has logged in.
    pub(super) sessions: Sessions,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

/// What an address may still send.
struct Bucket {
    left: f64,
    at: Instant,
}

impl Access {
    /// For a daemon that is reached so.
    pub(super) fn new(reach: Reach) -> Self {
        Self { reach, sessions: Sessions::default(), buckets: Mutex::default() }
    }

    /// Whether an address may send one more request now.
    fn spend(&self, peer: IpAddr, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES && !buckets.contains_key(&peer) {
            buckets.clear();
        }
        let bucket = buckets.entry(peer).or_insert(Bucket { left: BURST, at: now });
        let since: Duration = now.saturating_duration_since(bucket.at);
        bucket.left = (bucket.left + since.as_secs_f64() * A_SECOND).min(BURST);
        bucket.at = now;
        let may = bucket.left >= 1.0;
        if may {
            bucket.left -= 1.0;
        }
        may
    }
}

/// Lets an address through as often as it may.
pub(super) async fn limit(
    Given(state): Given<Arc<State>>,
    Extension(peer): Extension<IpAddr>,
    request: Request,
    next: Next,
) -> Response {
    if state.reading.access.spend(peer, Instant::now()) {
        return next.run(request).await;
    }
    let told = "too many requests come from this address";
    ([(header::RETRY_AFTER, "2")], problem(StatusCode::TOO_MANY_REQUESTS, told)).into_response()
}

/// Lets in who may read.
pub(super) async fn gate(
    Given(state): Given<Arc<State>>,
    Extension(peer): Extension<IpAddr>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    match state.reading.access.reach {
        Reach::Proxy => (),
        Reach::Loopback => {
            if !local(headers) {
                // A page of another site, whose name was made to lead here, has that name in this field.
                let told = "this address is reached as `localhost`, or by its number";
                return problem(StatusCode::MISDIRECTED_REQUEST, told);
            }
        }
        Reach::Others => {
            let api = request.uri().path().starts_with("/api/");
            let bearer = headers.contains_key(header::AUTHORIZATION);
            if !state.reading.access.sessions.knows(headers, &state.guard, Instant::now()) {
                match state.guard.admit(headers, peer, Instant::now()) {
                    Ok(()) => (),
                    Err(_) if !api && !bearer => return Redirect::to("/login").into_response(),
                    Err(denied) => return denied.problem(),
                }
            }
        }
    }
    next.run(request).await
}

/// Whether a request that changes something comes from a page of our own, or from no page.
pub(super) fn own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let site = headers.get("sec-fetch-site").map(|value| value.as_bytes());
    let origin = headers.contains_key(header::ORIGIN).then(|| {
        let origin = text(header::ORIGIN)?.split_once("://")?.1;
        Some(origin.eq_ignore_ascii_case(text(header::HOST)?))
    });
    matches!(site, None | Some(b"same-origin" | b"none")) && origin.is_none_or(|same| same == Some(true))
}

/// Whether the request names this machine.
fn local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        all.iter().map(pair).collect()
    }

    #[test]
    fn only_names_of_this_machine_lead_to_it() {
        for host in ["localhost", "LOCALHOST:9464", "127.0.0.1:9464", "127.9.9.9", "[::1]:80"] {
            assert!(local(&headers(&[("host", host)])), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]"] {
            assert!(!local(&headers(&[("host", host)])), "{host}");
        }
        assert!(!local(&headers(&[])));
    }

    #[test]
    fn what_another_site_sends_is_not_our_own() {
        assert!(own(&headers(&[])));
        assert!(own(&headers(&[("host", "a:1"), ("origin", "http://a:1"), ("sec-fetch-site", "same-origin")])));
        for other in [
            headers(&[("host", "a:1"), ("origin", "http://b:1")]),
            headers(&[("host", "a:1"), ("origin", "null")]),
            headers(&[("sec-fetch-site", "cross-site")]),
            headers(&[("sec-fetch-site", "same-site")]),
        ] {
            assert!(!own(&other), "{other:?}");
        }
    }

    #[test]
    fn who_sends_too_much_waits_and_others_do_not() {
        let access = Access::new(Reach::Proxy);
        let (one, other) = (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)));
        let now = Instant::now();
        assert_eq!((0..1000).filter(|_| access.spend(one, now)).count(), 200);
        assert!(access.spend(other, now));
        assert_eq!((0..1000).filter(|_| access.spend(one, now + Duration::from_secs(1))).count(), 50);
    }
}
