//! Every shape of login works, and refuses what is wrong.

use std::time::Duration;

use serde_json::json;

use crate::demo::fault::Fault;
use crate::demo::state::{Issuing, Settings};
use crate::demo::tests::{Bench, basic, body, form_body, json_body, part, status, token_in};
use crate::demo::tokens::Signing;

#[tokio::test]
async fn a_json_login_gives_a_token_with_the_documented_claims() {
    let bench = Bench::start().await;
    let answer = body(bench.login().await).await;
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(900)));
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(part(token, 0)["alg"], "HS256");
    let claims = part(token, 1);
    assert_eq!(claims["sub"], "prober");
    assert_eq!(claims["iss"], "llm-orchestrator");
    assert_eq!(claims["roles"], json!(["workflow-runner"]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert_eq!(claims["jti"].as_str().unwrap().len(), 16);
    assert_eq!(bench.use_token(token).await, 200);
}

#[tokio::test]
async fn form_and_basic_logins_give_tokens_that_work() {
    let bench = Bench::start().await;
    let who = bench.credentials();
    let fields = [("username", who.username.as_str()), ("password", who.password.as_str())];
    let by_form = form_body(bench.post("/api/v1/auth/login"), &fields).send().await.unwrap();
    let authorization = basic(&who.username, &who.password);
    let by_basic = bench.post("/api/v1/auth/login").header("authorization", authorization).send().await.unwrap();
    for answer in [by_form, by_basic] {
        assert_eq!(bench.use_token(&token_in(answer).await).await, 200);
    }
}

#[tokio::test]
async fn the_token_may_lie_deeper_in_the_body_or_in_a_header() {
    let bench = Bench::start().await;
    let who = bench.credentials();
    let given = json!({ "username": who.username, "password": who.password });
    let nested = body(json_body(bench.post("/api/v1/auth/nested"), &given).send().await.unwrap()).await;
    assert_eq!(nested["data"]["expires_in_ms"], 900_000);
    assert_eq!(bench.use_token(nested["data"]["access_token"].as_str().unwrap()).await, 200);
    let header = json_body(bench.post("/api/v1/auth/header"), &given).send().await.unwrap();
    assert_eq!(header.status(), 204);
    assert_eq!(bench.use_token(header.headers()["x-auth-token"].to_str().unwrap()).await, 200);
}

#[tokio::test]
async fn a_session_login_answers_with_a_cookie_and_an_empty_body() {
    let bench = Bench::start().await;
    let who = bench.credentials();
    let given = json!({ "username": who.username, "password": who.password });
    let answer = json_body(bench.post("/api/v1/auth/session"), &given).send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert_eq!(answer.text().await.unwrap(), "");
    let pair = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(status(bench.get("/api/v1/workflows").header("cookie", &pair)).await, 200);
    assert_eq!(status(bench.get("/api/v1/workflows").header("cookie", "session=none")).await, 401);
}

#[tokio::test]
async fn a_client_gets_a_token_by_basic_or_in_the_body_and_a_user_by_password() {
    let bench = Bench::start().await;
    let who = bench.credentials();
    let grant = ("grant_type", "client_credentials");
    let authorization = basic(&who.client_id, &who.client_secret);
    let by_basic = form_body(bench.post("/oauth/token"), &[grant]).header("authorization", authorization);
    let in_body = [grant, ("client_id", who.client_id.as_str()), ("client_secret", who.client_secret.as_str())];
    let password =
        [("grant_type", "password"), ("username", who.username.as_str()), ("password", who.password.as_str())];
    for request in
        [by_basic, form_body(bench.post("/oauth/token"), &in_body), form_body(bench.post("/oauth/token"), &password)]
    {
        assert_eq!(bench.use_token(&token_in(request.send().await.unwrap()).await).await, 200);
    }
}

#[tokio::test]
async fn the_token_endpoint_refuses_as_rfc_6749_says() {
    let bench = Bench::start().await;
    let who = bench.credentials();
    let wrong = form_body(bench.post("/oauth/token"), &[("grant_type", "client_credentials")])
        .header("authorization", basic(&who.client_id, "wrong"));
    let wrong = wrong.send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    assert!(wrong.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic"));
    assert_eq!(body(wrong).await["error"], "invalid_client");
    let user = form_body(bench.post("/oauth/token"), &[("grant_type", "client_credentials")])
        .header("authorization", basic(&who.username, &who.password));
    assert_eq!(status(user).await, 401);
    let other = form_body(bench.post("/oauth/token"), &[("grant_type", "magic")]).send().await.unwrap();
    assert_eq!((other.status().as_u16(), body(other).await["error"].clone()), (400, json!("unsupported_grant_type")));
}

#[tokio::test]
async fn wrong_passwords_and_unknown_users_are_refused_alike_and_counted() {
    let bench = Bench::start().await;
    let wrong = bench.login_as("decoy", "wrong").await;
    let unknown = bench.login_as("nobody", "wrong").await;
    assert_eq!((wrong.status().as_u16(), unknown.status().as_u16()), (401, 401));
    assert_eq!(wrong.text().await.unwrap(), unknown.text().await.unwrap());
    let failed = bench.api.counters().failed_logins;
    assert_eq!((failed["decoy"], failed["unknown"]), (1, 1));
    assert_eq!(status(bench.post("/api/v1/auth/login").body("{")).await, 400);
}

#[tokio::test]
async fn an_opaque_token_is_no_jwt_and_works() {
    let bench =
        Bench::with(Settings { issuing: Issuing { opaque: true, ..Issuing::default() }, ..Settings::default() }).await;
    let token = bench.token().await;
    assert!(!token.contains('.'));
    assert_eq!(bench.use_token(&token).await, 200);
    assert_eq!(bench.use_token("0123456789abcdef").await, 401);
    bench.api.fault(Fault::ClockAhead { by: Duration::from_secs(901) });
    assert_eq!(bench.use_token(&token).await, 401, "it has expired");
}

#[tokio::test]
async fn tokens_of_a_key_pair_verify_with_the_published_key() {
    for (signing, name) in [(Signing::Rs256, "RS256"), (Signing::Es256, "ES256"), (Signing::EdDsa, "EdDSA")] {
        let bench = Bench::with(Settings { signing, ..Settings::default() }).await;
        let token = bench.token().await;
        assert_eq!(bench.use_token(&token).await, 200);
        let published = bench.get("/.well-known/jwks.json").send().await.unwrap().text().await.unwrap();
        let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&published).unwrap();
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(part(&token, 0)["alg"], name);
        let key = jsonwebtoken::DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
        let validation = jsonwebtoken::Validation::new(header.alg);
        assert!(jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).is_ok(), "{name}");
    }
}

#[tokio::test]
async fn a_shared_secret_publishes_no_key() {
    let bench = Bench::start().await;
    assert_eq!(body(bench.get("/.well-known/jwks.json").send().await.unwrap()).await, json!({ "keys": [] }));
    assert_eq!(bench.api.signing_secret().unwrap().len(), 64);
}
