//! Verifies a JSON Web Token without asking the server: algorithm, key, signature, times, claims, in this order.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::jwk::{CommonParameters, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, crypto};
use serde_json::Value;
use storage::record::Reason;

use crate::credential::{Held, Unusable};
use crate::kinds::jwt::{Encoding, Jwt};
use crate::observation::Failure;
use crate::protocol::token::{Parts, Token};

/// The keys that good tokens are signed with.
#[derive(Debug)]
pub(crate) enum Keys<'a> {
    /// A shared secret, with its predecessor for a while after a rotation.
    Secret(&'a Held),
    /// A public key in PEM, with its predecessor.
    Public(&'a Held),
    /// A fetched key set.
    Set(&'a [Jwk]),
}

/// Which keys count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// Those in force only.
    Current,
    /// Also those before the last rotation: servers take a new secret up pod by pod.
    CurrentOrPrevious,
}

/// Verifies everything that is configured of a token.
///
/// # Errors
/// The first thing that does not hold, with the reason of the contract.
pub(crate) fn token(token: &Token, settings: &Jwt, keys: &Keys<'_>, era: Era, now: Timestamp) -> Result<(), Failure> {
    let parts = readable(token)?;
    signature(token, parts, settings, keys, era)?;
    times(parts, settings.leeway, now)?;
    claims(parts, settings)
}

/// Verifies times and claims of a token whose signature nobody here can verify.
/// `None`: the token is opaque, and nothing is required of it that would need to be read.
///
/// # Errors
/// As [`token`].
pub(crate) fn content(token: &Token, settings: &Jwt, now: Timestamp) -> Result<Option<()>, Failure> {
    let Jwt { issuer, audience, required, min_lifetime, max_lifetime, .. } = settings;
    let demands = issuer.is_some() || !audience.is_empty() || !required.is_empty();
    if token.parts.is_none() && !demands && min_lifetime.is_none() && max_lifetime.is_none() {
        return Ok(None);
    }
    let parts = readable(token)?;
    times(parts, settings.leeway, now)?;
    claims(parts, settings).map(Some)
}

/// Verifies the signature alone.
///
/// # Errors
/// `signature_invalid`, `key_unknown` or `token_malformed`.
pub(crate) fn signature(
    token: &Token,
    parts: &Parts,
    settings: &Jwt,
    keys: &Keys<'_>,
    era: Era,
) -> Result<(), Failure> {
    if parts.header.contains_key("crit") {
        return Err(malformed("the header demands extensions (crit) that nobody here understands"));
    }
    let claimed = parts.algorithm();
    let Some(&algorithm) = settings.algorithms.iter().find(|allowed| name(**allowed) == claimed) else {
        let shown: String = claimed.chars().take(20).collect();
        return Err(invalid(format!("algorithm `{shown}` is not among the allowed ones")));
    };
    match keys {
        Keys::Secret(held) => either(held, era, |value| secret(value, settings.secret_encoding), token, algorithm),
        Keys::Public(held) => either(held, era, |pem| public(pem, algorithm), token, algorithm),
        Keys::Set(set) => by_key_set(token, set, algorithm),
    }
}

/// The parts of a token that must be a JSON Web Token.
///
/// # Errors
/// `token_malformed` for an opaque one.
pub(crate) fn readable(token: &Token) -> Result<&Parts, Failure> {
    token.parts.as_ref().ok_or_else(|| malformed("the token is no JSON Web Token"))
}

/// The key bytes of a shared secret as it is configured.
///
/// # Errors
/// When it is not in the configured encoding.
pub(crate) fn secret_bytes(value: &str, encoding: Encoding) -> Result<Vec<u8>, Unusable> {
    match encoding {
        Encoding::Text => Ok(value.as_bytes().to_vec()),
        Encoding::Base64 => STANDARD
            .decode(value)
            .or_else(|_| URL_SAFE_NO_PAD.decode(value.trim_end_matches('=')))
            .map_err(|_| Unusable("the JWT secret is not base64".into())),
        Encoding::Hex => hex(value).ok_or_else(|| Unusable("the JWT secret is not hexadecimal".into())),
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn secret(value: &str, encoding: Encoding) -> Result<DecodingKey, Failure> {
    match secret_bytes(value, encoding) {
        Ok(bytes) => Ok(DecodingKey::from_secret(&bytes)),
        Err(Unusable(why)) => Err(Failure::own(Reason::CredentialUnavailable, why)),
    }
}

fn public(pem: &str, algorithm: Algorithm) -> Result<DecodingKey, Failure> {
    let key = match algorithm.family() {
        AlgorithmFamily::Rsa => DecodingKey::from_rsa_pem(pem.as_bytes()),
        AlgorithmFamily::Ec => DecodingKey::from_ec_pem(pem.as_bytes()),
        AlgorithmFamily::Ed => DecodingKey::from_ed_pem(pem.as_bytes()),
        AlgorithmFamily::Hmac => return Err(invalid(format!("a public key cannot verify {}", name(algorithm)))),
    };
    key.map_err(|_| {
        let why = format!("the configured public key is no PEM key for {}", name(algorithm));
        Failure::own(Reason::CredentialUnavailable, why)
    })
}

fn either(
    held: &Held,
    era: Era,
    key: impl Fn(&str) -> Result<DecodingKey, Failure>,
    token: &Token,
    algorithm: Algorithm,
) -> Result<(), Failure> {
    if verifies(token, &key(held.current.expose())?, algorithm) {
        return Ok(());
    }
    match (&held.previous, era) {
        (Some(previous), Era::CurrentOrPrevious) if verifies(token, &key(previous.expose())?, algorithm) => Ok(()),
        (Some(previous), Era::Current) if verifies(token, &key(previous.expose())?, algorithm) => {
            Err(invalid("signed with the key before the last rotation"))
        }
        (Some(_) | None, _) => Err(invalid("the signature does not verify with the configured key")),
    }
}

fn by_key_set(token: &Token, set: &[Jwk], algorithm: Algorithm) -> Result<(), Failure> {
    let Some(id) = token.key_id() else {
        let any = set.iter().any(|jwk| fits(jwk, algorithm) && by_jwk(token, jwk, algorithm));
        return if any { Ok(()) } else { Err(invalid("no key of the key set verifies the signature")) };
    };
    let named: Vec<&Jwk> = set.iter().filter(|jwk| jwk.common.key_id.as_deref() == Some(id)).collect();
    if named.is_empty() {
        let shown: String = id.chars().take(64).collect();
        let detail = format!("key id `{shown}` is not in the key set of {} keys", set.len());
        return Err(Failure::target(Reason::KeyUnknown, detail));
    }
    let mut fitting = named.into_iter().filter(|jwk| fits(jwk, algorithm)).peekable();
    if fitting.peek().is_none() {
        return Err(invalid(format!("the key of its id is not for signatures of {}", name(algorithm))));
    }
    match fitting.any(|jwk| by_jwk(token, jwk, algorithm)) {
        true => Ok(()),
        false => Err(invalid("the signature does not verify with the key of its id")),
    }
}

/// Whether a key of a set may verify this algorithm: public, for signatures, and of no other algorithm.
fn fits(jwk: &Jwk, algorithm: Algorithm) -> bool {
    let CommonParameters { public_key_use, key_operations, key_algorithm, .. } = &jwk.common;
    let for_signing = matches!(public_key_use, None | Some(PublicKeyUse::Signature))
        && key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let same = key_algorithm.is_none_or(|declared| declared.to_string() == name(algorithm));
    for_signing && same && algorithm.family() != AlgorithmFamily::Hmac
}

fn by_jwk(token: &Token, jwk: &Jwk, algorithm: Algorithm) -> bool {
    DecodingKey::from_jwk(jwk).is_ok_and(|key| verifies(token, &key, algorithm))
}

fn verifies(token: &Token, key: &DecodingKey, algorithm: Algorithm) -> bool {
    let Some((message, signature)) = token.raw.expose().rsplit_once('.') else { return false };
    // A key knows its family, so that a public key in PEM is never taken for a shared secret.
    key.family() == algorithm.family() && crypto::verify(signature, message.as_bytes(), key, algorithm).unwrap_or(false)
}

fn times(parts: &Parts, leeway: Duration, now: Timestamp) -> Result<(), Failure> {
    let late = |end: Timestamp| end.checked_add(leeway).is_ok_and(|end| end <= now);
    let early = |start: Timestamp| start.checked_sub(leeway).is_ok_and(|start| start > now);
    for claim in ["exp", "nbf", "iat"] {
        if parts.claims.contains_key(claim) && parts.date(claim).is_none() {
            return Err(malformed(format!("claim `{claim}` is no date")));
        }
    }
    if let Some(end) = parts.date("exp").filter(|end| late(*end)) {
        return Err(Failure::target(Reason::TokenExpired, format!("the token ended at {end}")));
    }
    for claim in ["nbf", "iat"] {
        if let Some(start) = parts.date(claim).filter(|start| early(*start)) {
            let detail = format!("the token begins in the future: {claim} {start}");
            return Err(Failure::target(Reason::TokenNotYetValid, detail));
        }
    }
    Ok(())
}

fn claims(parts: &Parts, settings: &Jwt) -> Result<(), Failure> {
    let wrong = |detail: String| Err(Failure::target(Reason::ClaimsInvalid, detail));
    if let Some(missing) = settings.required.iter().find(|claim| !parts.claims.contains_key(*claim)) {
        return wrong(format!("claim `{missing}` is missing"));
    }
    if let Some(issuer) = &settings.issuer
        && parts.claims.get("iss").and_then(Value::as_str) != Some(issuer)
    {
        return wrong(format!("claim `iss` is not `{issuer}`"));
    }
    if !settings.audience.is_empty() && !audience(parts, &settings.audience) {
        return wrong(format!("claim `aud` is not {}", settings.audience.join(" or ")));
    }
    lifetime(parts, settings).map_or(Ok(()), wrong)
}

fn audience(parts: &Parts, wanted: &[String]) -> bool {
    let is_wanted = |value: &Value| value.as_str().is_some_and(|one| wanted.iter().any(|wanted| wanted == one));
    match parts.claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(is_wanted),
        Some(one) => is_wanted(one),
        None => false,
    }
}

fn lifetime(parts: &Parts, settings: &Jwt) -> Option<String> {
    let Jwt { min_lifetime, max_lifetime, .. } = settings;
    if min_lifetime.is_none() && max_lifetime.is_none() {
        return None;
    }
    let (Some(from), Some(until)) = (parts.date("iat").or_else(|| parts.date("nbf")), parts.date("exp")) else {
        return Some("the lifetime is bounded, but the token lacks `iat` or `exp`".into());
    };
    let lives = Duration::try_from(until.duration_since(from)).unwrap_or_default();
    if min_lifetime.is_some_and(|least| lives < least) || max_lifetime.is_some_and(|most| lives > most) {
        return Some(format!("the token lives {} s, outside the configured bounds", lives.as_secs()));
    }
    None
}

fn name(algorithm: Algorithm) -> String {
    format!("{algorithm:?}")
}

fn invalid(detail: impl Into<String>) -> Failure {
    Failure::target(Reason::SignatureInvalid, detail)
}

fn malformed(detail: impl Into<String>) -> Failure {
    Failure::target(Reason::TokenMalformed, detail)
}

#[cfg(test)]
mod tests;
