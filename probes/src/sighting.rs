//! What a run saw beside its results: who signs the tokens, and which certificates the servers show.
//!
//! Nothing here is a token or a key; all of it is public, or a date.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::credential::Wallet;
use crate::observation::{Observation, Seen};
use crate::protocol::token::{Parts, Token};
use crate::target::Target;

/// Longest name from outside that is kept, in characters.
const LONGEST: usize = 128;

/// What one run saw.
#[derive(Debug, Default)]
pub struct Sighting {
    /// Who signed the fresh token, where it names its key.
    pub signature: Option<Signature>,
    /// The certificates that servers showed, each once, in the order of the handshakes.
    pub peers: Vec<Peer>,
    /// The end of the configured API key, where that is a JSON Web Token that lives longer than a day.
    pub api_key_ends: Option<Timestamp>,
}

/// Who signed a token, as its header and claims say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// `kid`, at most 128 characters of it.
    pub key_id: String,
    /// `alg`, likewise.
    pub algorithm: String,
    /// `iss`, likewise.
    pub issuer: Option<String>,
    /// How long the token lives.
    pub lives: Option<Duration>,
}

/// A server's certificate as it was shown in a handshake, whether or not it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The name that the client asked for.
    pub name: String,
    /// The leaf in DER.
    pub certificate: Vec<u8>,
}

impl Sighting {
    /// Takes in what a run saw.
    pub(crate) fn of(target: &Target, wallet: &Wallet, token: Option<&Token>, seen: &[Observation]) -> Self {
        let mut peers: Vec<Peer> = Vec::new();
        for one in seen {
            match &one.seen {
                Seen::Exchange(exchange) => {
                    peers.extend(exchange.peer.as_ref().filter(|peer| !peers.contains(peer)).cloned());
                }
                Seen::Verified | Seen::NotSent(_) => (),
            }
        }
        let key = target.probes.api_key.as_ref().and_then(|settings| wallet.get(&settings.key).ok());
        let api_key_ends = key.and_then(|key| lasting_end(&Parts::read(key.expose())?));
        Self { signature: token.and_then(Signature::of), peers, api_key_ends }
    }
}

impl Signature {
    fn of(token: &Token) -> Option<Self> {
        let parts = token.parts.as_ref()?;
        // The issuer's own clock says both, so that a clock that is wrong here does not matter.
        let begins = parts.date("iat").unwrap_or(token.received);
        let lives = token.expires.and_then(|end| Duration::try_from(end.duration_since(begins)).ok());
        Some(Self {
            key_id: cut(token.key_id()?),
            algorithm: cut(parts.algorithm()),
            issuer: parts.claims.get("iss").and_then(Value::as_str).map(cut),
            lives,
        })
    }
}

/// The end of a token that lives longer than a day. One that lives shorter is replaced all the time, as it should.
fn lasting_end(parts: &Parts) -> Option<Timestamp> {
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    let lasts = |end: &Timestamp| parts.date("iat").is_none_or(|begin| end.duration_since(begin) > DAY);
    parts.date("exp").filter(lasts)
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::fixtures;

    #[test]
    fn the_end_of_an_api_key_is_seen_if_it_is_a_token_that_lives_longer_than_a_day() {
        let key = json!({"header": "X-API-Key", "key": {"env": "KEY"}, "request": "GET /"});
        let target = fixtures::target("http://localhost", json!({ "api_key": key }));
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = |claims: Value| format!("{}.{}.c2lnbmF0dXJl", part(json!({"alg": "RS256"})), part(claims));
        let cases = [
            (token(json!({"iat": 1_000_000, "exp": 2_000_000})), Some(2_000_000)),
            (token(json!({"exp": 2_000_000})), Some(2_000_000)),
            (token(json!({"iat": 1_000_000, "exp": 1_003_600})), None),
            (token(json!({"iat": 1_000_000})), None),
            (token(json!({"exp": 1e300, "iat": -1e300})), None),
            ("plain-key-0123456789".to_owned(), None),
        ];
        for (value, expected) in cases {
            let wallet = fixtures::wallet(&[("KEY", &value)]);
            let sighting = Sighting::of(&target, &wallet, None, &[]);
            assert_eq!(sighting.api_key_ends.map(Timestamp::as_second), expected, "{value}");
        }
    }
}
