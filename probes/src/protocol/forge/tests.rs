//! Every forgery is refused by our own verifier for the reason it was made for, and differs only in what it says.

use serde_json::json;
use storage::record::Reason;

use super::*;
use crate::kinds::jwt::Jwt;
use crate::protocol::test_keys::{self, ALL, NOW, SECRET, claims, known, now};
use crate::protocol::verify::{self, Era, Keys};

fn found(raw: &str, algorithm: Algorithm) -> Option<Reason> {
    let mut settings: Jwt = serde_json::from_value(json!({})).expect("defaults");
    settings.algorithms = vec![algorithm];
    let held = known(algorithm);
    let keys = match algorithm.family() {
        AlgorithmFamily::Hmac => Keys::Secret(&held),
        AlgorithmFamily::Rsa | AlgorithmFamily::Ec | AlgorithmFamily::Ed => Keys::Public(&held),
    };
    let token = test_keys::read(raw);
    verify::token(&token, &settings, &keys, Era::Current, now()).err().map(|failure| failure.reason)
}

fn parts(raw: &str) -> [&str; 3] {
    let all: Vec<&str> = raw.split('.').collect();
    all.try_into().expect("three parts")
}

#[test]
fn a_tampered_token_keeps_header_and_signature() {
    for algorithm in ALL {
        let real = test_keys::token(algorithm, &claims());
        let forged = tampered(&real).expect("a forgery");
        assert_eq!(found(&forged, algorithm), Some(Reason::SignatureInvalid), "{algorithm:?}");
        let ([header, claims, signature], [real_header, real_claims, real_signature]) =
            (parts(&forged), parts(real.raw.expose()));
        assert_eq!((header, signature), (real_header, real_signature));
        assert_ne!(claims, real_claims);
    }
}

#[test]
fn an_unsigned_token_keeps_the_claims() {
    for algorithm in ALL {
        let real = test_keys::token(algorithm, &claims());
        let forged = alg_none(&real).expect("a forgery");
        assert_eq!(found(&forged, algorithm), Some(Reason::SignatureInvalid), "{algorithm:?}");
        let [_, claims, signature] = parts(&forged);
        assert_eq!((claims, signature), (parts(real.raw.expose())[1], ""));
        let header = test_keys::read(&forged).parts.expect("a JSON Web Token").header;
        assert_eq!((header["alg"].as_str(), header["typ"].as_str()), (Some("none"), Some("JWT")));
    }
}

#[test]
fn a_wrong_key_signs_the_same_content_by_the_same_algorithm() {
    for algorithm in ALL {
        let real = test_keys::token(algorithm, &claims());
        let forged = wrong_key(&real).expect("a forgery");
        assert_eq!(found(&forged, algorithm), Some(Reason::SignatureInvalid), "{algorithm:?}");
        let ([header, claims, signature], [real_header, real_claims, real_signature]) =
            (parts(&forged), parts(real.raw.expose()));
        assert_eq!((header, claims), (real_header, real_claims));
        assert_ne!(signature, real_signature);
        assert_eq!(signature.len(), real_signature.len(), "{algorithm:?}: a signature of the same kind");
        let key = foreign_key(algorithm).expect("a key");
        let message = forged.rsplit_once('.').expect("three parts").0;
        let again = crypto::sign(message.as_bytes(), key, algorithm).expect("a signature");
        assert_eq!(again.len(), signature.len(), "{algorithm:?}: really signed");
    }
}

#[test]
fn a_token_of_an_unknown_algorithm_gets_a_random_signature() {
    let claims = URL_SAFE_NO_PAD.encode(claims().to_string());
    let real = test_keys::read(&format!("{}.{claims}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES512"}"#)));
    let forged = wrong_key(&real).expect("a forgery");
    assert!(parts(&forged)[2].len() > 40);
}

#[test]
fn an_expired_token_is_signed_well_and_lived_as_long() {
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let real = test_keys::token(algorithm, &claims());
        let forged = expired(&real, SECRET.as_bytes(), now()).expect("a forgery");
        assert_eq!(found(&forged, algorithm), Some(Reason::TokenExpired), "{algorithm:?}");
        let claims = test_keys::read(&forged).parts.expect("a JSON Web Token").claims;
        let (begins, ends) = (claims["iat"].as_i64().expect("iat"), claims["exp"].as_i64().expect("exp"));
        assert_eq!(ends - begins, 900);
        assert!(NOW - ends > 60, "past any leeway");
        assert_eq!((claims["nbf"].as_i64(), claims["sub"].as_str()), (Some(begins), Some("probe")));
    }
}

#[test]
fn an_expired_token_gains_no_claim_but_its_end() {
    let real = test_keys::token(Algorithm::HS256, &json!({"username": "probe"}));
    let forged = expired(&real, SECRET.as_bytes(), now()).expect("a forgery");
    let claims = test_keys::read(&forged).parts.expect("a JSON Web Token").claims;
    assert_eq!(claims.keys().collect::<Vec<_>>(), ["exp", "username"]);
}

#[test]
fn absurd_dates_break_no_forgery() {
    for absurd in [json!(1e300), json!(-1e300), json!("soon"), json!(-62_000_000_000_i64), json!(253_402_207_200_i64)] {
        let mut claims = claims();
        (claims["iat"], claims["exp"]) = (absurd.clone(), absurd.clone());
        let real = test_keys::token(Algorithm::HS256, &claims);
        let forged = expired(&real, SECRET.as_bytes(), now()).expect("a forgery");
        let end = test_keys::read(&forged).parts.expect("a JSON Web Token").date("exp");
        assert!(end.is_some_and(|end| end < now()), "{absurd}");
    }
}

#[test]
fn nothing_but_a_tampered_one_is_forged_from_an_opaque_token() {
    let real = test_keys::read("opaque-Token-0123456789-abcdef");
    let forged = tampered(&real).expect("a forgery");
    assert_ne!(forged, real.raw.expose());
    assert_eq!(forged.len(), real.raw.expose().len());
    assert!(forged.starts_with("opaque-"));
    assert_eq!(alg_none(&real), None);
    assert_eq!(wrong_key(&real), None);
    assert_eq!(expired(&real, SECRET.as_bytes(), now()), None);
    let public = test_keys::token(Algorithm::RS256, &claims());
    assert_eq!(expired(&public, SECRET.as_bytes(), now()), None, "the issuer's private key is not known");
}

#[test]
fn an_unknown_key_looks_like_a_real_one_and_is_another() {
    let real = "sk_live_AbC123-ü_0000000000000000";
    let made = unknown_key(real);
    assert_ne!(made, real);
    assert_eq!(made.chars().count(), real.chars().count());
    for (made, real) in made.chars().zip(real.chars()) {
        assert_eq!(made.is_ascii_digit(), real.is_ascii_digit());
        assert_eq!(made.is_ascii_uppercase(), real.is_ascii_uppercase());
        assert!(real.is_ascii_alphanumeric() || made == real);
    }
    assert_eq!(unknown_key(&"x".repeat(100_000)).len(), 4096);
}
