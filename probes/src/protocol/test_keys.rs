//! Keys of every family and tokens signed with them, for tests; the slow ones are made once.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, crypto};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};
use serde_json::{Value, json};

use crate::credential::{Credential, Held};
use crate::protocol::token::Token;

/// The shared secret of the HMAC family.
pub(crate) const SECRET: &str = "a-secret-of-the-issuer-that-is-long-enough-for-everyone-0123456789";

/// The moment at which the tokens of tests are looked at.
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) static RSA: LazyLock<KeyPair> = LazyLock::new(|| pair(&PKCS_RSA_SHA256));
pub(crate) static P256: LazyLock<KeyPair> = LazyLock::new(|| pair(&PKCS_ECDSA_P256_SHA256));
pub(crate) static P384: LazyLock<KeyPair> = LazyLock::new(|| pair(&PKCS_ECDSA_P384_SHA384));
pub(crate) static ED: LazyLock<KeyPair> = LazyLock::new(|| pair(&PKCS_ED25519));

/// Every algorithm that can be verified.
pub(crate) const ALL: [Algorithm; 12] = [
    Algorithm::HS256,
    Algorithm::HS384,
    Algorithm::HS512,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

pub(crate) fn pair(of: &'static rcgen::SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(of).expect("a key pair")
}

/// The key pair of an algorithm; `None` for HMAC.
pub(crate) fn pair_of(algorithm: Algorithm) -> Option<&'static KeyPair> {
    match (algorithm, algorithm.family()) {
        (_, AlgorithmFamily::Hmac) => None,
        (_, AlgorithmFamily::Rsa) => Some(&RSA),
        (Algorithm::ES384, _) => Some(&P384),
        (_, AlgorithmFamily::Ec) => Some(&P256),
        (_, AlgorithmFamily::Ed) => Some(&ED),
    }
}

/// The key that the issuer signs with.
pub(crate) fn signing(algorithm: Algorithm) -> EncodingKey {
    pair_of(algorithm).map_or_else(|| EncodingKey::from_secret(SECRET.as_bytes()), |pair| signing_with(algorithm, pair))
}

pub(crate) fn signing_with(algorithm: Algorithm, pair: &KeyPair) -> EncodingKey {
    let pem = pair.serialize_pem();
    let key = match algorithm.family() {
        AlgorithmFamily::Hmac => Ok(EncodingKey::from_secret(pem.as_bytes())),
        AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem(pem.as_bytes()),
        AlgorithmFamily::Ec => EncodingKey::from_ec_pem(pem.as_bytes()),
        AlgorithmFamily::Ed => EncodingKey::from_ed_pem(pem.as_bytes()),
    };
    key.expect("a signing key")
}

/// What the prober is configured with: the secret, or the public key in PEM.
pub(crate) fn known(algorithm: Algorithm) -> Held {
    held(&pair_of(algorithm).map_or_else(|| SECRET.to_owned(), KeyPair::public_key_pem))
}

pub(crate) fn held(value: &str) -> Held {
    Held { current: Credential::new(value.to_owned()).expect("long enough"), previous: None }
}

/// The public key as a member of a key set.
pub(crate) fn jwk(algorithm: Algorithm, key_id: Option<&str>) -> Jwk {
    let pem = pair_of(algorithm).expect("a public key").public_key_pem();
    let key = match algorithm.family() {
        AlgorithmFamily::Hmac => unreachable!("no public key"),
        AlgorithmFamily::Rsa => DecodingKey::from_rsa_pem(pem.as_bytes()),
        AlgorithmFamily::Ec => DecodingKey::from_ec_pem(pem.as_bytes()),
        AlgorithmFamily::Ed => DecodingKey::from_ed_pem(pem.as_bytes()),
    };
    let mut jwk = Jwk::from_decoding_key(&key.expect("a public key"), Some(algorithm)).expect("a key of a set");
    jwk.common.key_id = key_id.map(str::to_owned);
    jwk
}

/// Claims that are good at [`NOW`].
pub(crate) fn claims() -> Value {
    json!({"iss": "issuer", "sub": "probe", "aud": ["api"], "iat": NOW - 60, "nbf": NOW - 60, "exp": NOW + 840})
}

/// A token of the issuer.
pub(crate) fn token(algorithm: Algorithm, claims: &Value) -> Token {
    signed(&json!({"alg": format!("{algorithm:?}"), "typ": "JWT"}), claims, &signing(algorithm), algorithm)
}

/// A token with this header, whatever it says, signed with this key by this algorithm.
pub(crate) fn signed(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> Token {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).expect("a signature");
    read(&format!("{message}.{signature}"))
}

pub(crate) fn read(raw: &str) -> Token {
    Token::read(raw, now(), None).expect("a token")
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("in range")
}
