//! Tokens over several runs: held ones, rotations of secrets and key sets, expired ones.

use super::*;

fn rotated() -> Wallet {
    let mut wallet = wallet();
    let value = |text: &str| Credential::new(text.to_owned()).expect("long enough");
    wallet.insert(Source::Env("SECRET".into()), Ok(Held { current: value(NEW), previous: Some(value(OLD)) }));
    wallet
}

#[tokio::test]
async fn the_story_of_a_rotation_is_told_by_held_and_fresh_tokens() {
    let api = Api::new().await;
    let target = api.target(everything());
    let mut session = Session::default();
    let results = run_with(&target, &wallet(), &mut session).await;
    assert_eq!(ended(&results, "jwt-held"), "skipped no_token", "there was no earlier run");
    let results = run_with(&target, &wallet(), &mut session).await;
    assert_eq!(ended(&results, "jwt-held"), "success");

    // The secret changed, no pod restarted yet: all goes on.
    let results = run_with(&target, &rotated(), &mut session).await;
    assert_eq!((ended(&results, "jwt"), ended(&results, "jwt-held")), ("success".into(), "success".into()));

    // The login meets a new pod, everything else an old one.
    api.change(|world| world.signs = NEW);
    let results = run_with(&target, &rotated(), &mut session).await;
    assert_eq!((ended(&results, "login"), ended(&results, "api_key")), ("success".into(), "success".into()));
    assert_eq!(
        (ended(&results, "jwt"), ended(&results, "jwt-held")),
        ("failure token_rejected".into(), "success".into())
    );

    // The login meets an old pod, everything else a new one.
    api.change(|world| (world.signs, world.takes) = (OLD, vec![NEW]));
    let results = run_with(&target, &rotated(), &mut session).await;
    assert_eq!((ended(&results, "login"), ended(&results, "api_key")), ("success".into(), "success".into()));
    assert_eq!(ended(&results, "jwt"), "failure signature_invalid");
    assert_eq!(ended(&results, "jwt-held"), "failure signature_invalid");
    assert_eq!(ended(&results, "can-read"), "failure signature_invalid", "no permission is missing");

    // All pods are new: only tokens from before fail, until the held one has told its story.
    api.change(|world| world.signs = NEW);
    for run in 1..=3 {
        let results = run_with(&target, &rotated(), &mut session).await;
        assert_eq!(ended(&results, "jwt"), "success");
        let expected = if run <= 2 { "failure signature_invalid" } else { "success" };
        assert_eq!(ended(&results, "jwt-held"), expected, "run {run}");
    }
}

#[tokio::test]
async fn a_secret_that_only_the_prober_has_is_told_though_the_server_takes_the_token() {
    let api = Api::new().await;
    let wallet = fixtures::wallet(&[("PASSWORD", PASSWORD), ("KEY", KEY), ("SECRET", NEW)]);
    let results = run_with(&api.target(everything()), &wallet, &mut Session::default()).await;
    assert_eq!(ended(&results, "jwt"), "failure signature_invalid");
    assert!(of(&results, "jwt").detail.as_ref().is_some_and(|detail| detail.contains("the server takes it")));
}

#[tokio::test]
async fn a_token_that_was_refused_is_not_held() {
    let api = Api::new().await;
    api.change(|world| world.takes.clear());
    let target = api.target(everything());
    let mut session = Session::default();
    for _ in 0..2 {
        let results = run_with(&target, &wallet(), &mut session).await;
        assert_eq!(ended(&results, "jwt"), "failure token_rejected");
        assert_eq!(ended(&results, "jwt-held"), "skipped no_token");
    }
}

#[tokio::test]
async fn without_the_secret_a_real_token_ages_until_it_serves_as_an_expired_one() {
    let api = Api::new().await;
    let target = api.target(json!({"login": login(), "jwt": {"request": "GET /things", "deny": ["expired"]}}));
    let mut session = Session::default();
    let results = run_with(&target, &wallet(), &mut session).await;
    assert_eq!(ended(&results, "jwt-expired"), "skipped no_token");

    let ended_at = |ago: i64| {
        let end = (Timestamp::now() - jiff::SignedDuration::from_secs(ago)).as_second();
        test_keys::token(Algorithm::HS256, &json!({"exp": end}))
    };
    for (ago, expected) in [(60, "skipped no_token"), (120, "success")] {
        let mut session = Session::default();
        session.remember(Some(&ended_at(ago)), None, Timestamp::now());
        let results = run_with(&target, &wallet(), &mut session).await;
        assert_eq!(ended(&results, "jwt-expired"), expected, "{ago} s past its end; a leeway is 60 s at most");
    }
    api.change(|world| world.things = Some(answer("200 OK", &[], "")));
    let mut session = Session::default();
    session.remember(Some(&ended_at(120)), None, Timestamp::now());
    let results = run_with(&target, &wallet(), &mut session).await;
    assert_eq!(ended(&results, "jwt-expired"), "failure unexpectedly_allowed");
}

#[tokio::test]
async fn opaque_tokens_are_held_and_tried_without_being_read() {
    let api = Api::new().await;
    api.change(|world| {
        world.login = Some(answer("200 OK", &[], r#"{"access_token":"opaque-0123456789","expires_in":600}"#));
        world.things = Some(answer("200 OK", &[], ""));
    });
    let mut probes = everything();
    probes["login"]["expires_in"] = "/expires_in".into();
    probes["jwt"] = json!({"request": "GET /things", "deny": ["tampered", "wrong_key"]});
    let target = api.target(probes);
    let mut session = Session::default();
    run_with(&target, &wallet(), &mut session).await;
    let results = run_with(&target, &wallet(), &mut session).await;
    assert_eq!((ended(&results, "jwt"), ended(&results, "jwt-held")), ("success".into(), "success".into()));
    assert_eq!(ended(&results, "jwt-tampered"), "failure unexpectedly_allowed");
    assert_eq!(ended(&results, "jwt-wrong_key"), "skipped no_token");
}

#[tokio::test]
async fn without_an_endpoint_tokens_are_verified_here() {
    let api = Api::new().await;
    let settings = json!({"algorithms": ["HS256"], "secret": {"env": "SECRET"}, "issuer": "nobody"});
    let target = api.target(json!({"login": login(), "jwt": settings}));
    let results = run_with(&target, &wallet(), &mut Session::default()).await;
    assert_eq!(ended(&results, "jwt"), "failure claims_invalid");
    assert_eq!((of(&results, "jwt").status, of(&results, "jwt").phases_us), (None, None));
    assert_eq!(api.server.received().len(), 1, "the login alone was asked");
}

/// A login whose tokens name their key, and the key set that holds them.
fn issue(api: &Api, key_id: &str, published: &[&str]) {
    let now = Timestamp::now().as_second();
    let (header, claims) = (json!({"alg": "ES256", "kid": key_id}), json!({"exp": now + 900, "jti": key_id}));
    let token = test_keys::signed(&header, &claims, &test_keys::signing(Algorithm::ES256), Algorithm::ES256);
    let keys: Vec<_> = published.iter().map(|id| test_keys::jwk(Algorithm::ES256, Some(id))).collect();
    api.change(|world| {
        world.login = Some(answer("200 OK", &[], &json!({"access_token": token.raw.expose()}).to_string()));
        world.keys = answer("200 OK", &[], &json!({"keys": keys}).to_string());
        world.things = Some(answer("200 OK", &[], ""));
    });
}

fn with_key_set(floor: &str) -> Value {
    let settings = json!({"algorithms": ["ES256"], "jwks": "/keys", "jwks_floor": floor, "request": "GET /things"});
    json!({"login": login(), "jwt": settings})
}

#[tokio::test]
async fn a_key_set_is_kept_and_fetched_again_for_an_unknown_key() {
    let api = Api::new().await;
    let target = api.target(with_key_set("0s"));
    let mut session = Session::default();
    issue(&api, "a", &["a"]);
    for _ in 0..2 {
        assert_eq!(ended(&run_with(&target, &wallet(), &mut session).await, "jwt"), "success");
    }
    assert_eq!(api.server.count("GET /keys"), 1);
    issue(&api, "b", &["b"]);
    let results = run_with(&target, &wallet(), &mut session).await;
    assert_eq!((ended(&results, "jwt"), ended(&results, "jwt-held")), ("success".into(), "success".into()));
    assert_eq!(api.server.count("GET /keys"), 2);

    // A key that the set does not have is told, also where the server still takes its tokens.
    issue(&api, "c", &["b"]);
    let results = run_with(&target, &wallet(), &mut session).await;
    assert_eq!(ended(&results, "jwt"), "failure key_unknown");
    api.change(|world| world.things = Some(answer("401 Unauthorized", &[], "")));
    let results = run_with(&target, &wallet(), &mut session).await;
    assert_eq!(
        (ended(&results, "jwt"), ended(&results, "jwt-held")),
        ("failure key_unknown".into(), "failure key_unknown".into())
    );
}

#[tokio::test]
async fn a_run_hands_out_who_signed_its_token_and_nothing_of_the_token() {
    let api = Api::new().await;
    let target = api.target(with_key_set("0s"));
    issue(&api, "a", &["a"]);
    let transport = fixtures::transport(&target);
    let scope = Scope { target: &target, wanted: None, agent: "local", every: None };
    let wallet = wallet();
    let ran = run(Order { scope, transport: &transport, wallet: &wallet }, &mut Session::default()).await;
    let signature = ran.sighting.signature.expect("a token that names its key");
    assert_eq!((signature.key_id.as_str(), signature.algorithm.as_str()), ("a", "ES256"));
    assert_eq!((ran.sighting.peers, ran.sighting.api_key_ends), (vec![], None));
}

#[tokio::test]
async fn within_the_floor_an_unknown_key_is_no_alarm() {
    let api = Api::new().await;
    let target = api.target(with_key_set("1h"));
    let mut session = Session::default();
    issue(&api, "a", &["a"]);
    run_with(&target, &wallet(), &mut session).await;
    issue(&api, "b", &["b"]);
    assert_eq!(ended(&run_with(&target, &wallet(), &mut session).await, "jwt"), "success", "the server's word stands");
    assert_eq!(api.server.count("GET /keys"), 1);
}

#[tokio::test]
async fn a_key_set_that_cannot_be_had_is_told_as_such() {
    let api = Api::new().await;
    let target = api.target(with_key_set("1h"));
    let mut session = Session::default();
    issue(&api, "a", &["a"]);
    api.change(|world| world.keys = answer("503 Service Unavailable", &[], ""));
    for _ in 0..2 {
        let results = run_with(&target, &wallet(), &mut session).await;
        assert_eq!(ended(&results, "jwt"), "failure server_error", "also while the floor forbids to ask again");
        assert_eq!(of(&results, "jwt").detail.as_deref(), Some("key set: HTTP 503"));
    }
    assert_eq!(api.server.count("GET /keys"), 1);
}
