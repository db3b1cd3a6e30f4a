//! Lets in who has the token, and slows down who guesses.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use aws_lc_rs::{constant_time, hmac, rand};
use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use probes::credential::{Source, Unusable};
use serde_json::json;
use tokio::time::Instant;
use tracing::warn;

use crate::source;
use crate::web::problem::problem;

/// Wrong tokens that one address may send ..
const WRONG: u32 = 10;
/// .. in so long.
const WITHIN: Duration = Duration::from_secs(60);
/// Addresses that are remembered; beyond that all are forgotten, for memory is bounded.
const ADDRESSES: usize = 4096;

/// Knows where the token is, and who guessed.
pub(crate) struct Guard {
    /// Read at each request, so that a new token is in force as soon as it is written.
    token: Option<Source>,
    /// Of this process only: two texts are compared by what it makes of them, which tells nothing of their length.
    key: hmac::Key,
    wrong: Mutex<HashMap<IpAddr, Wrong>>,
}

/// Wrong tokens of one address.
struct Wrong {
    since: Instant,
    count: u32,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// There is no token that anybody could have.
    Closed,
    /// There is one, but it cannot be read now.
    Unreadable,
    /// The request has none, or another one.
    Wrong,
    /// It had wrong ones too often.
    TooOften,
}

impl Guard {
    /// A guard that lets in who has the token of a source; nobody where there is none.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(crate) fn new(token: Option<Source>) -> anyhow::Result<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new()).ok();
        Ok(Self { token, key: key.context("the system gives no random numbers")?, wrong: Mutex::default() })
    }

    /// Lets a request in, or says why not.
    pub(super) fn admit(&self, headers: &HeaderMap, peer: IpAddr, now: Instant) -> Result<(), Denied> {
        let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).and_then(bearer);
        self.compare(given, peer, now).map(drop)
    }

    /// Lets in who gives the token, and gives a mark of it.
    pub(super) fn check(&self, given: &[u8], peer: IpAddr, now: Instant) -> Result<hmac::Tag, Denied> {
        self.compare(Some(given), peer, now)
    }

    /// Whether a mark is that of the token that is in force.
    pub(super) fn is_now(&self, mark: &hmac::Tag) -> bool {
        let right = self.mark();
        right.is_some_and(|right| constant_time::verify_slices_are_equal(mark.as_ref(), right.as_ref()).is_ok())
    }

    /// A mark of the token that is in force; none where it cannot be read.
    pub(super) fn mark(&self) -> Option<hmac::Tag> {
        let token = source::read(self.token.as_ref()?).and_then(|token| token.as_secret().cloned()).ok()?;
        Some(hmac::sign(&self.key, token.expose().as_bytes()))
    }

    fn compare(&self, given: Option<&[u8]>, peer: IpAddr, now: Instant) -> Result<hmac::Tag, Denied> {
        let source = self.token.as_ref().ok_or(Denied::Closed)?;
        if self.guessed(peer, now, 0) >= WRONG {
            return Err(Denied::TooOften);
        }
        let token = source::read(source).and_then(|token| token.as_secret().cloned()).map_err(|Unusable(why)| {
            warn!("the token of the API cannot be used: {source}: {why}");
            Denied::Unreadable
        })?;
        let right = hmac::sign(&self.key, token.expose().as_bytes());
        let given = given.map(|given| hmac::sign(&self.key, given));
        let same = |given: hmac::Tag| constant_time::verify_slices_are_equal(given.as_ref(), right.as_ref()).is_ok();
        if given.is_some_and(same) {
            return Ok(right);
        }
        if self.guessed(peer, now, 1) == WRONG {
            warn!("{peer} sent {WRONG} wrong tokens to the API, further ones are refused for a while");
        }
        Err(Denied::Wrong)
    }

    /// Counts further wrong tokens of an address, and gives how many it sent of late.
    fn guessed(&self, peer: IpAddr, now: Instant, further: u32) -> u32 {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if further == 0 {
            return wrong.get(&peer).filter(|wrong| now < wrong.since + WITHIN).map_or(0, |wrong| wrong.count);
        }
        if wrong.len() >= ADDRESSES {
            wrong.clear();
        }
        let of_peer = wrong.entry(peer).or_insert(Wrong { since: now, count: 0 });
        if now >= of_peer.since + WITHIN {
            *of_peer = Wrong { since: now, count: 0 };
        }
        of_peer.count += further;
        of_peer.count
    }
}

impl Denied {
    /// The status of the answer, and what to do.
    pub(super) fn told(self) -> (StatusCode, &'static str) {
        match self {
            Denied::Closed => (
                StatusCode::FORBIDDEN,
                "changes are taken only with a token: give `api_token: {env: NAME}` or `{file: PATH}` in the \
                 configuration of authprobe",
            ),
            Denied::Unreadable => {
                (StatusCode::SERVICE_UNAVAILABLE, "the token of authprobe cannot be read now, its log says why")
            }
            Denied::Wrong => (StatusCode::UNAUTHORIZED, "send the token as `Authorization: Bearer TOKEN`"),
            Denied::TooOften => (StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens came from this address"),
        }
    }

    /// The answer to who reads.
    pub(super) fn problem(self) -> Response {
        let (status, told) = self.told();
        (self.field(), problem(status, told)).into_response()
    }

    fn field(self) -> Option<[(HeaderName, &'static str); 1]> {
        match self {
            Denied::Closed => None,
            Denied::Unreadable => Some([(header::RETRY_AFTER, "5")]),
            Denied::Wrong => Some([(header::WWW_AUTHENTICATE, "Bearer")]),
            Denied::TooOften => Some([(header::RETRY_AFTER, "60")]),
        }
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let (status, told) = self.told();
        (self.field(), (status, Json(json!({ "error": told })))).into_response()
    }
}

/// The token of an `Authorization` header; the name of the scheme may be written in any case (RFC 9110).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::Ipv4Addr;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn with(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(authorization).unwrap())])
    }

    fn guard(token: &str) -> (tempfile::TempDir, Guard) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("token"), token).unwrap();
        let guard = Guard::new(Some(Source::File(dir.path().join("token")))).unwrap();
        (dir, guard)
    }

    #[test]
    fn who_has_the_token_is_let_in_and_nobody_else() {
        let (_dir, guard) = guard("a-right-token\n");
        let now = Instant::now();
        assert_eq!(guard.admit(&with("Bearer a-right-token"), PEER, now), Ok(()));
        assert_eq!(guard.admit(&with("bearer  a-right-token "), PEER, now), Ok(()));
        for wrong in ["Bearer a-right-toke", "Bearer a-right-token2", "Bearer ", "Bearer", "Basic a-right-token", ""] {
            assert_eq!(guard.admit(&with(wrong), PEER, now), Err(Denied::Wrong), "{wrong}");
        }
        assert_eq!(guard.admit(&HeaderMap::new(), PEER, now), Err(Denied::Wrong));
    }

    #[test]
    fn a_new_token_is_in_force_as_soon_as_it_is_written() {
        let (dir, guard) = guard("a-right-token");
        let now = Instant::now();
        fs::write(dir.path().join("token"), "a-newer-token").unwrap();
        assert_eq!(guard.admit(&with("Bearer a-right-token"), PEER, now), Err(Denied::Wrong));
        assert_eq!(guard.admit(&with("Bearer a-newer-token"), PEER, now), Ok(()));
        fs::write(dir.path().join("token"), "").unwrap();
        assert_eq!(guard.admit(&with("Bearer "), PEER, now), Err(Denied::Unreadable));
    }

    #[test]
    fn without_a_token_nobody_is_let_in() {
        let guard = Guard::new(None).unwrap();
        assert_eq!(guard.admit(&with("Bearer anything"), PEER, Instant::now()), Err(Denied::Closed));
    }

    #[test]
    fn who_guesses_too_often_waits_and_others_do_not() {
        let (_dir, guard) = guard("a-right-token");
        let now = Instant::now();
        for _ in 0..WRONG {
            assert_eq!(guard.admit(&with("Bearer guessed"), PEER, now), Err(Denied::Wrong));
        }
        assert_eq!(guard.admit(&with("Bearer a-right-token"), PEER, now), Err(Denied::TooOften));
        let other = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(guard.admit(&with("Bearer a-right-token"), other, now), Ok(()));
        assert_eq!(guard.admit(&with("Bearer a-right-token"), PEER, now + WITHIN), Ok(()));
    }

    #[test]
    fn the_addresses_that_are_remembered_are_bounded() {
        let (_dir, guard) = guard("a-right-token");
        let now = Instant::now();
        for address in 0..=u32::try_from(ADDRESSES).unwrap() {
            let _ = guard.admit(&with("Bearer guessed"), IpAddr::V4(Ipv4Addr::from_bits(address)), now);
        }
        assert!(guard.wrong.lock().unwrap().len() <= ADDRESSES);
    }
}
