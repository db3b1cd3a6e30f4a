//! A token as it came: opaque, or a JSON Web Token whose header and claims can be read.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::credential::Credential;
use crate::observation::Failure;
use storage::record::Reason;

/// Longest token that is taken, in bytes: longer ones fit in no server's header limit.
pub(crate) const LONGEST: usize = 64 * 1024;

/// A token of a login.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) raw: Credential,
    /// Header and claims, where the token is a JSON Web Token.
    pub(crate) parts: Option<Parts>,
    /// When it was received.
    pub(crate) received: Timestamp,
    /// When it ends, as far as anything says so.
    pub(crate) expires: Option<Timestamp>,
}

/// The readable parts of a JSON Web Token, not yet verified.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
}

impl Token {
    /// Takes what a server gave. `lifetime` is what the answer or the settings say, for a token without `exp`.
    ///
    /// # Errors
    /// When it is empty, too long, or cannot stand in a header.
    pub(crate) fn read(raw: &str, received: Timestamp, lifetime: Option<Duration>) -> Result<Self, Failure> {
        if raw.is_empty() {
            return Err(Failure::target(Reason::TokenMissing, "the token is empty"));
        }
        if raw.len() > LONGEST {
            let detail = format!("a token of {} bytes, the limit is {LONGEST}", raw.len());
            return Err(Failure::target(Reason::TokenMalformed, detail));
        }
        if !raw.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::target(Reason::TokenMalformed, "the token has characters that no header can carry"));
        }
        let parts = Parts::read(raw);
        let expires =
            parts.as_ref().and_then(|parts| parts.date("exp")).or_else(|| received.checked_add(lifetime?).ok());
        Ok(Self { raw: Credential::captured(raw), parts, received, expires })
    }

    /// Whether it is past its end by more than `margin`.
    pub(crate) fn expired(&self, now: Timestamp, margin: Duration) -> bool {
        self.expires.is_some_and(|end| end.checked_add(margin).is_ok_and(|end| end <= now))
    }

    /// Id of the key that signed it, if it says so.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.parts.as_ref()?.header.get("kid")?.as_str()
    }
}

impl Parts {
    /// Reads a JSON Web Token; `None` for anything else.
    pub(crate) fn read(raw: &str) -> Option<Self> {
        let (header, rest) = raw.split_once('.')?;
        let (claims, signature) = rest.split_once('.')?;
        if signature.contains('.') {
            return None;
        }
        let header: Map<String, Value> = object(header)?;
        header.get("alg")?.as_str()?;
        Some(Self { header, claims: object(claims)? })
    }

    /// The algorithm that the header claims. It decides nothing; the settings' allow-list does.
    pub(crate) fn algorithm(&self) -> &str {
        self.header.get("alg").and_then(Value::as_str).unwrap_or_default()
    }

    /// A NumericDate claim (RFC 7519, section 2), whole or fractional seconds.
    pub(crate) fn date(&self, claim: &str) -> Option<Timestamp> {
        let seconds = self.claims.get(claim)?.as_f64()?;
        Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(raw: &str) -> Result<Token, Failure> {
        Token::read(raw, Timestamp::UNIX_EPOCH, Some(Duration::from_secs(60)))
    }

    #[test]
    fn the_end_is_the_exp_claim_before_anything_else() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"exp":1000.5}"#);
        let token = read(&format!("{}.{claims}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#))).expect("a token");
        assert_eq!(token.expires, Timestamp::from_millisecond(1_000_500).ok());
    }

    #[test]
    fn an_opaque_token_lives_as_long_as_the_answer_says() {
        let token = read("0123456789abcdef").expect("a token");
        assert!(token.parts.is_none());
        assert_eq!(token.expires, Timestamp::from_second(60).ok());
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_malformed() {
        for raw in ["a\nb", "a b", "tök", &"x".repeat(LONGEST + 1)] {
            assert_eq!(read(raw).expect_err("malformed").reason, Reason::TokenMalformed);
        }
        assert_eq!(read("").expect_err("missing").reason, Reason::TokenMissing);
    }

    proptest! {
        #[test]
        fn no_token_breaks_its_reader(header in ".{0,40}", claims in ".{0,40}", raw in "[!-~]{0,80}", date in any::<f64>()) {
            let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
            let dated = format!(r#"{{"exp":{date:?},"nbf":{date:?}}}"#);
            for raw in [raw, format!("{}.{}.x", part(&header), part(&claims)), format!("{}.{}.x", part(r#"{"alg":"HS256"}"#), part(&dated))] {
                if let Ok(token) = read(&raw) {
                    let _ = (token.key_id(), token.expired(Timestamp::MAX, Duration::MAX), token.expired(Timestamp::MIN, Duration::ZERO));
                }
            }
        }
    }

    #[test]
    fn hostile_parts_are_an_opaque_token_and_no_panic() {
        for raw in ["a.b.c", "..", "e30.e30.", "bnVsbA.bnVsbA.x", "eyJhbGciOjF9.e30.x", "a.b.c.d.e"] {
            assert!(read(raw).expect("taken as it is").parts.is_none(), "{raw}");
        }
    }
}
