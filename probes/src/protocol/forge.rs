//! Makes tokens that must be refused out of a real one.

use std::iter;
use std::sync::OnceLock;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey, crypto};
use serde_json::{Map, Value};

use crate::protocol::token::Token;

/// How far past its end a forged or held token must be: servers grant a leeway of up to 60 s.
pub(crate) const PAST_ANY_LEEWAY: Duration = Duration::from_secs(90);

/// The token with its content altered and its signature kept; of an opaque token, another one of the same form.
pub(crate) fn tampered(token: &Token) -> Option<String> {
    let raw = token.raw.expose();
    let Some(parts) = &token.parts else { return Some(with_other_middle(raw)) };
    let mut claims = parts.claims.clone();
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or("nobody");
    claims.insert("sub".into(), format!("{subject}-tampered").into());
    let (header, rest) = raw.split_once('.')?;
    let (_, signature) = rest.split_once('.')?;
    Some(format!("{header}.{}.{signature}", part(&claims)))
}

/// The same claims, unsigned, under the algorithm `none` (RFC 8725, section 2.1).
pub(crate) fn alg_none(token: &Token) -> Option<String> {
    let mut header = token.parts.as_ref()?.header.clone();
    header.insert("alg".into(), "none".into());
    let (_, rest) = token.raw.expose().split_once('.')?;
    let (claims, _) = rest.split_once('.')?;
    Some(format!("{}.{claims}.", part(&header)))
}

/// The same content, signed with a key of the same kind that is not the issuer's.
///
/// The first RSA key of a process takes some 100 ms of computing: [`prepare`] it where that may block.
pub(crate) fn wrong_key(token: &Token) -> Option<String> {
    let parts = token.parts.as_ref()?;
    let (message, _) = token.raw.expose().rsplit_once('.')?;
    let signed = parts.algorithm().parse().ok().and_then(|algorithm| {
        let key = foreign_key(algorithm)?;
        crypto::sign(message.as_bytes(), key, algorithm).ok()
    });
    // Nobody can sign an algorithm that this build does not know; a random signature is as wrong.
    let signature = signed.unwrap_or_else(|| URL_SAFE_NO_PAD.encode(random::<64>()));
    Some(format!("{message}.{signature}"))
}

/// Makes the key that [`wrong_key`] needs for this token.
pub(crate) fn prepare(token: &Token) {
    if let Some(algorithm) = token.parts.as_ref().and_then(|parts| parts.algorithm().parse().ok()) {
        foreign_key(algorithm);
    }
}

/// The same content with an end in the past, signed with the issuer's own secret.
pub(crate) fn expired(token: &Token, secret: &[u8], now: Timestamp) -> Option<String> {
    let parts = token.parts.as_ref()?;
    let algorithm: Algorithm = parts.algorithm().parse().ok()?;
    if algorithm.family() != AlgorithmFamily::Hmac {
        return None;
    }
    let ended = now.checked_sub(PAST_ANY_LEEWAY).ok()?.as_second();
    let began = parts.date("iat").or_else(|| parts.date("nbf")).map_or(ended, Timestamp::as_second);
    let lived = parts.date("exp").map_or(0, |end| (end.as_second() - began).max(0));
    let mut claims = parts.claims.clone();
    claims.insert("exp".into(), ended.into());
    for claim in ["iat", "nbf"] {
        if claims.contains_key(claim) {
            claims.insert(claim.into(), (ended - lived).into());
        }
    }
    let message = format!("{}.{}", part(&parts.header), part(&claims));
    let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), algorithm).ok()?;
    Some(format!("{message}.{signature}"))
}

/// A key that never existed, of the length and alphabet of a real one.
pub(crate) fn unknown_key(like: &str) -> String {
    let random: Vec<u8> = iter::repeat_with(random::<32>).flatten().take(like.len().min(4096)).collect();
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
    like.chars()
        .zip(random)
        .map(|(real, dice)| match real {
            'a'..='z' | 'A'..='Z' => {
                let letter = char::from(LETTERS[usize::from(dice) % LETTERS.len()]);
                if real.is_ascii_uppercase() { letter.to_ascii_uppercase() } else { letter }
            }
            '0'..='9' => char::from(b'0' + dice % 10),
            other => other,
        })
        .collect()
}

fn with_other_middle(raw: &str) -> String {
    let unlike = unknown_key(raw);
    let keep = raw.len() / 4;
    raw.char_indices().zip(unlike.chars()).map(|((at, real), other)| if at < keep { real } else { other }).collect()
}

fn part(object: &Map<String, Value>) -> String {
    URL_SAFE_NO_PAD.encode(Value::Object(object.clone()).to_string())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    // A forgery of zeros is refused as well as a random one.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes
}

/// A key of the algorithm's kind that belongs to nobody, made once for a process.
fn foreign_key(algorithm: Algorithm) -> Option<&'static EncodingKey> {
    static HMAC: OnceLock<Option<EncodingKey>> = OnceLock::new();
    static RSA: OnceLock<Option<EncodingKey>> = OnceLock::new();
    static P256: OnceLock<Option<EncodingKey>> = OnceLock::new();
    static P384: OnceLock<Option<EncodingKey>> = OnceLock::new();
    static ED: OnceLock<Option<EncodingKey>> = OnceLock::new();
    let key = match (algorithm, algorithm.family()) {
        (_, AlgorithmFamily::Hmac) => HMAC.get_or_init(|| Some(EncodingKey::from_secret(&random::<64>()))),
        (_, AlgorithmFamily::Rsa) => RSA.get_or_init(|| {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
            let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).ok()?;
            EncodingKey::from_rsa_pem(pem(der.as_ref()).as_bytes()).ok()
        }),
        (Algorithm::ES384, _) => P384.get_or_init(|| elliptic(&ECDSA_P384_SHA384_FIXED_SIGNING)),
        (_, AlgorithmFamily::Ec) => P256.get_or_init(|| elliptic(&ECDSA_P256_SHA256_FIXED_SIGNING)),
        (_, AlgorithmFamily::Ed) => ED.get_or_init(|| {
            let pair = Ed25519KeyPair::generate().ok()?;
            EncodingKey::from_ed_pem(pem(pair.to_pkcs8v1().ok()?.as_ref()).as_bytes()).ok()
        }),
    };
    key.as_ref()
}

fn elliptic(curve: &'static EcdsaSigningAlgorithm) -> Option<EncodingKey> {
    let pair = EcdsaKeyPair::generate(curve).ok()?;
    EncodingKey::from_ec_pem(pem(pair.to_pkcs8v1().ok()?.as_ref()).as_bytes()).ok()
}

fn pem(pkcs8: &[u8]) -> String {
    let text = STANDARD.encode(pkcs8);
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem + "-----END PRIVATE KEY-----\n"
}

#[cfg(test)]
mod tests;
