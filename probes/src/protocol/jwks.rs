//! The key set of an issuer (RFC 7517), kept between runs and fetched again for an unknown key id, with a floor.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use serde::Deserialize;
use serde_json::Value;
use storage::record::Reason;

use crate::observation::Failure;
use crate::protocol::http::Answer;

/// Most keys that are taken from a set.
const MOST: usize = 256;

/// A kept key set.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    keys: Vec<Jwk>,
    fetched: Option<Instant>,
    fetched_at: Option<Timestamp>,
    attempted: Option<Instant>,
    failed: Option<Failure>,
}

impl Cache {
    /// The keys that were fetched last.
    pub(crate) fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// Whether the set should be fetched before a token with this key id is verified.
    pub(crate) fn is_due(&self, key_id: Option<&str>, lasts: Duration, floor: Duration, now: Instant) -> bool {
        if self.attempted.is_some_and(|last| now.duration_since(last) < floor) {
            return false;
        }
        let old = self.fetched.is_none_or(|last| now.duration_since(last) >= lasts);
        let unknown = key_id.is_some_and(|id| !self.has(id));
        old || unknown
    }

    /// Whether a key id is among the keys.
    pub(crate) fn has(&self, key_id: &str) -> bool {
        self.keys.iter().any(|key| key.common.key_id.as_deref() == Some(key_id))
    }

    /// Why the last fetch failed, if it did.
    pub(crate) fn failed(&self) -> Option<&Failure> {
        self.failed.as_ref()
    }

    /// Whether the keys were fetched after `then`.
    pub(crate) fn is_newer_than(&self, then: Timestamp) -> bool {
        self.fetched_at.is_some_and(|fetched| fetched >= then)
    }

    /// Takes in how a fetch ended. After a failure the keys from before stay.
    pub(crate) fn learn(&mut self, end: Result<Answer, Failure>, now: Instant, at: Timestamp) {
        self.attempted = Some(now);
        match end.and_then(|answer| read(&answer)) {
            Ok(keys) => {
                self.keys = keys;
                self.fetched = Some(now);
                self.fetched_at = Some(at);
                self.failed = None;
            }
            Err(failure) => {
                let detail = format!("key set: {}", failure.detail);
                self.failed = Some(Failure { detail, ..failure });
            }
        }
    }
}

/// The keys of an answer. Keys of unknown types are left out, as RFC 7517, section 5 says, and so are shared
/// secrets, which have no place in a published set.
fn read(answer: &Answer) -> Result<Vec<Jwk>, Failure> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    if !(200..300).contains(&answer.status) {
        let reason = if answer.status >= 500 { Reason::ServerError } else { Reason::UnexpectedStatus };
        return Err(Failure::target(reason, format!("HTTP {}", answer.status)));
    }
    if answer.truncated {
        let detail = format!("longer than the limit of {} bytes", answer.body.len());
        return Err(Failure::target(Reason::UnexpectedBody, detail));
    }
    let set: Set = serde_json::from_slice(&answer.body)
        .map_err(|_| Failure::target(Reason::UnexpectedBody, "not a JSON object with `keys`"))?;
    let keys = set.keys.into_iter().take(MOST).filter_map(|key| serde_json::from_value(key).ok());
    Ok(keys.filter(is_public).collect())
}

fn is_public(key: &Jwk) -> bool {
    matches!(
        key.algorithm,
        AlgorithmParameters::EllipticCurve(_) | AlgorithmParameters::RSA(_) | AlgorithmParameters::OctetKeyPair(_)
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn answer(body: &str) -> Answer {
        Answer { status: 200, headers: HeaderMap::new(), body: body.into(), truncated: false }
    }

    const AT: Timestamp = Timestamp::UNIX_EPOCH;
    const ONE: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kty":"XYZ"},{"kty":"oct","kid":"s","k":"c2VjcmV0"},7]}"#;

    #[test]
    fn an_unknown_key_id_fetches_again_but_not_below_the_floor() {
        let (minute, floor) = (Duration::from_secs(60), Duration::from_secs(10));
        let start = Instant::now();
        let mut cache = Cache::default();
        assert!(cache.is_due(None, minute, floor, start));
        cache.learn(Ok(answer(ONE)), start, AT);
        assert_eq!(cache.keys().len(), 1);
        assert!(!cache.is_due(Some("a"), minute, floor, start + floor));
        assert!(cache.is_due(Some("b"), minute, floor, start + floor));
        assert!(!cache.is_due(Some("b"), minute, floor, start + floor / 2));
        assert!(cache.is_due(Some("a"), minute, floor, start + minute));
    }

    #[test]
    fn a_broken_answer_keeps_the_keys_from_before() {
        let now = Instant::now();
        let mut cache = Cache::default();
        cache.learn(Ok(answer(ONE)), now, AT);
        cache.learn(Ok(answer("<html>")), now, AT);
        assert_eq!(cache.failed().expect("no set").reason, Reason::UnexpectedBody);
        assert_eq!(cache.keys().len(), 1);
        cache.learn(Ok(answer(ONE)), now, AT);
        assert_eq!(cache.failed(), None);
    }
}
