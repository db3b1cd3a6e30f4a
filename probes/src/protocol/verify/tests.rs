//! Every algorithm, every trick that is played with algorithms and keys, and the edges of every claim.

use std::slice;

use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::KeyAlgorithm;
use serde_json::{Value, json};

use super::*;
use crate::protocol::test_keys::{self, ALL, NOW, SECRET, claims, held, jwk, known, now, signed, signing};

fn settings(algorithms: &[Algorithm]) -> Jwt {
    let mut settings: Jwt = serde_json::from_value(json!({})).expect("defaults");
    settings.algorithms = algorithms.to_vec();
    settings
}

fn keys(algorithm: Algorithm, held: &Held) -> Keys<'_> {
    match algorithm.family() {
        AlgorithmFamily::Hmac => Keys::Secret(held),
        AlgorithmFamily::Rsa | AlgorithmFamily::Ec | AlgorithmFamily::Ed => Keys::Public(held),
    }
}

fn verify(token: &Token, settings: &Jwt, keys: &Keys<'_>) -> Option<Reason> {
    super::token(token, settings, keys, Era::Current, now()).err().map(|failure| failure.reason)
}

/// Verifies a token of HS256 with these claims and settings.
fn with(claims: &Value, change: impl FnOnce(&mut Jwt)) -> Option<Reason> {
    let mut settings = settings(&[Algorithm::HS256]);
    change(&mut settings);
    verify(&test_keys::token(Algorithm::HS256, claims), &settings, &Keys::Secret(&held(SECRET)))
}

fn claim(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

#[test]
fn a_token_of_every_algorithm_verifies_with_its_key_and_with_no_other() {
    for algorithm in ALL {
        let token = test_keys::token(algorithm, &claims());
        let held = known(algorithm);
        assert_eq!(verify(&token, &settings(&[algorithm]), &keys(algorithm, &held)), None, "{algorithm:?}");
        let altered = test_keys::token(algorithm, &claim("sub", "other".into()));
        let (content, _) = altered.raw.expose().rsplit_once('.').expect("three parts");
        let (_, signature) = token.raw.expose().rsplit_once('.').expect("three parts");
        let spliced = test_keys::read(&format!("{content}.{signature}"));
        let found = verify(&spliced, &settings(&[algorithm]), &keys(algorithm, &held));
        assert_eq!(found, Some(Reason::SignatureInvalid), "{algorithm:?}");
    }
}

#[test]
fn a_token_of_every_public_algorithm_verifies_with_a_key_set() {
    for algorithm in ALL.into_iter().filter(|algorithm| algorithm.family() != AlgorithmFamily::Hmac) {
        let set = [jwk(Algorithm::EdDSA, Some("other")), jwk(algorithm, Some("mine"))];
        for header in
            [json!({"alg": format!("{algorithm:?}"), "kid": "mine"}), json!({"alg": format!("{algorithm:?}")})]
        {
            let token = signed(&header, &claims(), &signing(algorithm), algorithm);
            assert_eq!(verify(&token, &settings(&[algorithm]), &Keys::Set(&set)), None, "{algorithm:?} {header}");
        }
    }
}

#[test]
fn a_key_id_that_the_set_lacks_is_an_unknown_key() {
    let header = json!({"alg": "ES256", "kid": "gone"});
    let token = signed(&header, &claims(), &signing(Algorithm::ES256), Algorithm::ES256);
    let set = [jwk(Algorithm::ES256, Some("new"))];
    assert_eq!(verify(&token, &settings(&[Algorithm::ES256]), &Keys::Set(&set)), Some(Reason::KeyUnknown));
    assert_eq!(verify(&token, &settings(&[Algorithm::ES256]), &Keys::Set(&[])), Some(Reason::KeyUnknown));
    let nameless = test_keys::token(Algorithm::ES256, &claims());
    assert_eq!(verify(&nameless, &settings(&[Algorithm::ES256]), &Keys::Set(&[])), Some(Reason::SignatureInvalid));
}

#[test]
fn of_two_keys_with_one_id_either_may_verify() {
    let header = json!({"alg": "ES256", "kid": "one"});
    let token = signed(&header, &claims(), &signing(Algorithm::ES256), Algorithm::ES256);
    let other = test_keys::pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let key = DecodingKey::from_ec_pem(other.public_key_pem().as_bytes()).expect("a key");
    let mut stranger = Jwk::from_decoding_key(&key, Some(Algorithm::ES256)).expect("a key of a set");
    stranger.common.key_id = Some("one".into());
    let set = [stranger.clone(), jwk(Algorithm::ES256, Some("one"))];
    assert_eq!(verify(&token, &settings(&[Algorithm::ES256]), &Keys::Set(&set)), None);
    assert_eq!(verify(&token, &settings(&[Algorithm::ES256]), &Keys::Set(&[stranger])), Some(Reason::SignatureInvalid));
}

#[test]
fn a_key_of_a_set_verifies_only_what_it_is_for() {
    let header = json!({"alg": "RS256", "kid": "k"});
    let token = signed(&header, &claims(), &signing(Algorithm::RS256), Algorithm::RS256);
    let good = jwk(Algorithm::RS256, Some("k"));
    let mut of_another_algorithm = good.clone();
    of_another_algorithm.common.key_algorithm = Some(KeyAlgorithm::RS512);
    let mut for_encryption = good.clone();
    for_encryption.common.public_key_use = Some(PublicKeyUse::Encryption);
    let mut not_to_verify = good.clone();
    not_to_verify.common.key_operations = Some(vec![KeyOperations::WrapKey]);
    let mut to_verify = good.clone();
    to_verify.common.key_operations = Some(vec![KeyOperations::Verify]);
    let mut of_any_algorithm = good;
    of_any_algorithm.common.key_algorithm = None;
    let found = |key: Jwk| verify(&token, &settings(&[Algorithm::RS256]), &Keys::Set(&[key]));
    assert_eq!(found(of_another_algorithm), Some(Reason::SignatureInvalid));
    assert_eq!(found(for_encryption), Some(Reason::SignatureInvalid));
    assert_eq!(found(not_to_verify), Some(Reason::SignatureInvalid));
    assert_eq!(found(to_verify), None);
    assert_eq!(found(of_any_algorithm), None);
}

#[test]
fn a_shared_secret_in_a_key_set_verifies_nothing() {
    let text = json!({"kty": "oct", "kid": "k", "k": URL_SAFE_NO_PAD.encode(SECRET)});
    let shared: Jwk = serde_json::from_value(text).expect("a key");
    for header in [json!({"alg": "HS256", "kid": "k"}), json!({"alg": "HS256"})] {
        let token = signed(&header, &claims(), &signing(Algorithm::HS256), Algorithm::HS256);
        let found = verify(&token, &settings(&[Algorithm::HS256]), &Keys::Set(slice::from_ref(&shared)));
        assert_eq!(found, Some(Reason::SignatureInvalid));
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_shared_secret() {
    let pem = known(Algorithm::RS256);
    let confused = EncodingKey::from_secret(pem.current.expose().as_bytes());
    let token = signed(&json!({"alg": "HS256"}), &claims(), &confused, Algorithm::HS256);
    for allowed in [&[Algorithm::RS256][..], &[Algorithm::RS256, Algorithm::HS256][..]] {
        assert_eq!(verify(&token, &settings(allowed), &Keys::Public(&pem)), Some(Reason::SignatureInvalid));
        let set = [jwk(Algorithm::RS256, None)];
        assert_eq!(verify(&token, &settings(allowed), &Keys::Set(&set)), Some(Reason::SignatureInvalid));
    }
}

#[test]
fn an_algorithm_that_is_not_allowed_is_refused_even_with_a_good_signature() {
    let token = test_keys::token(Algorithm::HS512, &claims());
    let secret = held(SECRET);
    assert_eq!(verify(&token, &settings(&[Algorithm::HS256]), &Keys::Secret(&secret)), Some(Reason::SignatureInvalid));
    assert_eq!(verify(&token, &settings(&[]), &Keys::Secret(&secret)), Some(Reason::SignatureInvalid));
    let both = settings(&[Algorithm::RS256, Algorithm::HS512]);
    assert_eq!(verify(&token, &both, &Keys::Secret(&secret)), None, "mixed families are no hindrance");
    let swapped = signed(&json!({"alg": "RS512"}), &claims(), &signing(Algorithm::RS256), Algorithm::RS256);
    let pem = known(Algorithm::RS256);
    let allowed = settings(&[Algorithm::RS256, Algorithm::RS512]);
    assert_eq!(verify(&swapped, &allowed, &Keys::Public(&pem)), Some(Reason::SignatureInvalid));
}

#[test]
fn unsigned_and_hostile_headers_are_refused() {
    let secret = held(SECRET);
    let found = |header: Value| {
        let token = signed(&header, &claims(), &signing(Algorithm::HS256), Algorithm::HS256);
        verify(&token, &settings(&[Algorithm::HS256]), &Keys::Secret(&secret))
    };
    for none in ["none", "None", "NONE", "nOnE", "", "HS999"] {
        assert_eq!(found(json!({"alg": none})), Some(Reason::SignatureInvalid), "{none}");
    }
    let critical = json!({"alg": "HS256", "crit": ["exp"], "exp": 1});
    assert_eq!(found(critical), Some(Reason::TokenMalformed));
    // Keys that a token brings along are not looked at.
    let own_key = json!({"alg": "HS256", "jku": "https://evil.invalid/keys", "kid": "../../dev/null"});
    assert_eq!(found(own_key), None);
    let long = json!({"alg": "x".repeat(5000)});
    assert_eq!(found(long), Some(Reason::SignatureInvalid));
    let opaque = test_keys::read("opaque-token");
    assert_eq!(verify(&opaque, &settings(&[Algorithm::HS256]), &Keys::Secret(&secret)), Some(Reason::TokenMalformed));
}

#[test]
fn times_are_held_to_the_second_at_the_edge_of_the_leeway() {
    let leeway = |seconds| move |settings: &mut Jwt| settings.leeway = Duration::from_secs(seconds);
    let exp = |at: i64| claim("exp", at.into());
    assert_eq!(with(&exp(NOW + 1), leeway(0)), None);
    assert_eq!(with(&exp(NOW), leeway(0)), Some(Reason::TokenExpired), "on the end it is over (RFC 7519, 4.1.4)");
    assert_eq!(with(&exp(NOW - 29), leeway(30)), None);
    assert_eq!(with(&exp(NOW - 30), leeway(30)), Some(Reason::TokenExpired));
    for name in ["nbf", "iat"] {
        let begins = |at: i64| claim(name, at.into());
        assert_eq!(with(&begins(NOW), leeway(0)), None, "{name}");
        assert_eq!(with(&begins(NOW + 1), leeway(0)), Some(Reason::TokenNotYetValid), "{name}");
        assert_eq!(with(&begins(NOW + 30), leeway(30)), None, "{name}");
        assert_eq!(with(&begins(NOW + 31), leeway(30)), Some(Reason::TokenNotYetValid), "{name}");
    }
}

#[test]
fn dates_may_be_fractional_and_must_be_dates() {
    let none = |_: &mut Jwt| ();
    let strict = |settings: &mut Jwt| settings.leeway = Duration::ZERO;
    assert_eq!(with(&claim("exp", json!(NOW as f64 + 0.5)), strict), None);
    assert_eq!(with(&claim("exp", json!(NOW as f64 - 0.5)), strict), Some(Reason::TokenExpired));
    for absurd in
        [json!(1e300), json!(-1e300), json!("1800000000"), json!(null), json!(true), json!([1]), json!(u64::MAX)]
    {
        for name in ["exp", "nbf", "iat"] {
            assert_eq!(with(&claim(name, absurd.clone()), none), Some(Reason::TokenMalformed), "{name}: {absurd}");
        }
    }
    assert_eq!(with(&claim("exp", json!(-1)), none), Some(Reason::TokenExpired));
    assert_eq!(with(&claim("exp", json!(0)), none), Some(Reason::TokenExpired));
    assert_eq!(with(&claim("exp", json!(253_402_207_200_i64)), none), None, "the year 9999");
    let unrelated = json!({"alg": "HS256"});
    assert_eq!(with(&unrelated, none), None, "nothing is required that is not configured");
}

#[test]
fn the_longest_leeway_breaks_nothing() {
    assert_eq!(with(&claim("exp", json!(0)), |settings| settings.leeway = Duration::MAX), None);
}

#[test]
fn issuer_audience_and_required_claims_are_held() {
    let issuer = |settings: &mut Jwt| settings.issuer = Some("issuer".into());
    assert_eq!(with(&claims(), issuer), None);
    for wrong in [claim("iss", "other".into()), claim("iss", json!(["issuer"])), without("iss")] {
        assert_eq!(with(&wrong, issuer), Some(Reason::ClaimsInvalid), "{wrong}");
    }
    let audience = |settings: &mut Jwt| settings.audience = vec!["web".into(), "api".into()];
    for right in [json!("api"), json!(["x", "api"]), json!(["web"])] {
        assert_eq!(with(&claim("aud", right.clone()), audience), None, "{right}");
    }
    for wrong in [json!("ap"), json!(["x"]), json!([]), json!(7), json!([["api"]]), json!({"api": 1})] {
        assert_eq!(with(&claim("aud", wrong.clone()), audience), Some(Reason::ClaimsInvalid), "{wrong}");
    }
    assert_eq!(with(&without("aud"), audience), Some(Reason::ClaimsInvalid));
    assert_eq!(with(&claims(), |_| ()), None, "an audience that nobody asked for is no fault");
    let required = |settings: &mut Jwt| settings.required = vec!["sub".into(), "exp".into()];
    assert_eq!(with(&claims(), required), None);
    assert_eq!(with(&without("sub"), required), Some(Reason::ClaimsInvalid));
    assert_eq!(with(&without("exp"), required), Some(Reason::ClaimsInvalid));
}

#[test]
fn lifetimes_are_held_to_their_bounds() {
    let bounds = |least, most| {
        move |settings: &mut Jwt| {
            settings.min_lifetime = Some(Duration::from_secs(least));
            settings.max_lifetime = Some(Duration::from_secs(most));
        }
    };
    assert_eq!(with(&claims(), bounds(900, 900)), None, "it lives 900 s");
    assert_eq!(with(&claims(), bounds(901, 1000)), Some(Reason::ClaimsInvalid));
    assert_eq!(with(&claims(), bounds(1, 899)), Some(Reason::ClaimsInvalid));
    assert_eq!(with(&without("exp"), bounds(1, 899)), Some(Reason::ClaimsInvalid));
    let mut no_begin = without("iat");
    no_begin.as_object_mut().expect("an object").remove("nbf");
    assert_eq!(with(&no_begin, bounds(1, 899)), Some(Reason::ClaimsInvalid));
    assert_eq!(with(&without("iat"), bounds(900, 900)), None, "nbf stands in for iat");
}

#[test]
fn after_a_rotation_the_key_before_it_counts_for_fresh_tokens_only() {
    let token = test_keys::token(Algorithm::HS256, &claims());
    let mut rotated = held("the-secret-after-the-rotation-0123456789");
    rotated.previous = Some(held(SECRET).current);
    let allowed = settings(&[Algorithm::HS256]);
    let found = |era| super::token(&token, &allowed, &Keys::Secret(&rotated), era, now());
    assert_eq!(found(Era::CurrentOrPrevious), Ok(()));
    let failure = found(Era::Current).expect_err("the old key");
    assert_eq!(
        (failure.reason, failure.detail.as_str()),
        (Reason::SignatureInvalid, "signed with the key before the last rotation")
    );
    let stranger = held("another-secret-altogether-0123456789");
    let found = super::token(&token, &allowed, &Keys::Secret(&stranger), Era::CurrentOrPrevious, now());
    assert_eq!(found.expect_err("a stranger").detail, "the signature does not verify with the configured key");
}

#[test]
fn a_secret_may_be_written_in_base64_or_hexadecimal() {
    let bytes = SECRET.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    for (written, encoding) in [
        (STANDARD.encode(bytes), Encoding::Base64),
        (URL_SAFE_NO_PAD.encode(bytes), Encoding::Base64),
        (hex.to_uppercase(), Encoding::Hex),
    ] {
        let mut settings = settings(&[Algorithm::HS256]);
        settings.secret_encoding = encoding;
        let token = test_keys::token(Algorithm::HS256, &claims());
        assert_eq!(verify(&token, &settings, &Keys::Secret(&held(&written))), None, "{written}");
    }
    for (wrong, encoding) in [
        ("no base64 at all!", Encoding::Base64),
        ("abcdefgh0", Encoding::Hex),
        ("+1+2+3+4", Encoding::Hex),
        ("äöüäöü", Encoding::Hex),
    ] {
        let mut settings = settings(&[Algorithm::HS256]);
        settings.secret_encoding = encoding;
        let token = test_keys::token(Algorithm::HS256, &claims());
        assert_eq!(
            verify(&token, &settings, &Keys::Secret(&held(wrong))),
            Some(Reason::CredentialUnavailable),
            "{wrong}"
        );
    }
}

#[test]
fn a_public_key_that_is_none_is_the_probers_own_fault() {
    let token = test_keys::token(Algorithm::RS256, &claims());
    for wrong in [SECRET.to_owned(), known(Algorithm::ES256).current.expose().to_owned()] {
        let held = held(&wrong);
        let found = super::token(&token, &settings(&[Algorithm::RS256]), &Keys::Public(&held), Era::Current, now());
        assert_eq!(found.expect_err("no key").reason, Reason::CredentialUnavailable);
    }
}

#[test]
fn the_content_of_a_token_is_held_where_nobody_can_verify_its_signature() {
    let opaque = test_keys::read("opaque-token");
    let jwt = test_keys::token(Algorithm::RS256, &claim("exp", (NOW - 3600).into()));
    let mut settings = settings(&[]);
    assert_eq!(content(&opaque, &settings, now()), Ok(None));
    assert_eq!(content(&jwt, &settings, now()).expect_err("over").reason, Reason::TokenExpired);
    settings.issuer = Some("issuer".into());
    assert_eq!(content(&opaque, &settings, now()).expect_err("unreadable").reason, Reason::TokenMalformed);
}
