//! Faults of logins, tokens, keys and roles do what they say, and heal.

use std::time::Duration;

use serde_json::json;

use crate::demo::fault::Fault;
use crate::demo::state::Settings;
use crate::demo::tests::{Bench, body, json_body, part, status};
use crate::demo::tokens::Signing;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn every_login_fault_spoils_the_login_and_only_that() {
    let bench = Bench::start().await;
    let (token, key) = (bench.token().await, bench.credentials().api_key);
    for (fault, expected) in [(Fault::LoginRejects, 401), (Fault::LoginServerError, 500)] {
        bench.api.fault(fault);
        assert_eq!(bench.login().await.status(), expected);
        assert_eq!((bench.use_token(&token).await, bench.use_key(&key).await), (200, 200));
        bench.api.heal();
        assert_eq!(bench.login().await.status(), 200);
    }
    bench.api.fault(Fault::LoginWithoutToken);
    assert_eq!(body(bench.login().await).await, json!({ "token_type": "Bearer", "expires_in": 900 }));
}

#[tokio::test]
async fn wrong_passwords_lock_the_user_for_right_ones_and_nobody_else() {
    let bench = Bench::start().await;
    let who = bench.credentials();
    bench.api.fault(Fault::LoginLocksAccount { after: 5, status: 500 });
    for _ in 0..5 {
        assert_eq!(bench.login_as(&who.decoy_username, "wrong").await.status(), 401);
    }
    assert_eq!(bench.login_as(&who.decoy_username, &who.decoy_password).await.status(), 500);
    assert_eq!(bench.login().await.status(), 200);
    bench.api.heal();
    bench.api.fault(Fault::LoginLocksAccount { after: 5, status: 500 });
    assert_eq!(bench.login_as(&who.decoy_username, &who.decoy_password).await.status(), 200);
}

#[tokio::test]
async fn rate_limits_tell_when_to_come_back() {
    let bench = Bench::start().await;
    bench.api.fault(Fault::RateLimited { retry_after: Duration::from_secs(7) });
    let answer = bench.login().await;
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (429, "7"));
}

#[tokio::test]
async fn a_server_error_leaves_the_login_alone() {
    let bench = Bench::start().await;
    bench.api.fault(Fault::ServerError);
    let token = bench.token().await;
    assert_eq!(bench.use_token(&token).await, 500);
}

#[tokio::test]
async fn without_validation_tampered_unsigned_and_expired_tokens_are_let_in() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let (signed, _) = token.rsplit_once('.').unwrap();
    let tampered = format!("{signed}.AAAA");
    // {"alg":"none"} and {"sub":"prober","exp":1}
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwcm9iZXIiLCJleHAiOjF9.";
    for forged in [tampered.as_str(), unsigned] {
        assert_eq!(bench.use_token(forged).await, 401);
    }
    bench.api.fault(Fault::JwtValidationOff);
    for forged in [tampered.as_str(), unsigned] {
        assert_eq!(bench.use_token(forged).await, 200);
    }
}

#[tokio::test]
async fn key_faults_open_close_and_restrict() {
    let bench = Bench::start().await;
    let key = bench.credentials().api_key;
    for (fault, known, unknown) in
        [(Fault::ApiKeyCheckOff, 200, 200), (Fault::KeyRevoked, 401, 401), (Fault::KeyWithoutPermission, 403, 401)]
    {
        bench.api.fault(fault);
        assert_eq!((bench.use_key(&key).await, bench.use_key("demo_unknown").await), (known, unknown), "{fault:?}");
        bench.api.heal();
    }
    assert_eq!((bench.use_key(&key).await, bench.use_key("demo_unknown").await), (200, 401));
}

#[tokio::test]
async fn without_roles_the_restricted_endpoint_is_closed_to_a_known_caller() {
    let bench = Bench::start().await;
    let bearer = format!("Bearer {}", bench.token().await);
    bench.api.fault(Fault::RoleRemoved);
    assert_eq!(status(bench.post("/api/v1/workflows/probe/execute").header("authorization", &bearer)).await, 403);
    assert_eq!(status(bench.get("/api/v1/workflows").header("authorization", &bearer)).await, 200);
}

#[tokio::test]
async fn token_faults_show_in_the_token() {
    let bench = Bench::start().await;
    let before = part(&bench.token().await, 1)["iat"].as_i64().unwrap();
    let spoilt = async |fault| {
        bench.api.heal();
        bench.api.fault(fault);
        bench.token().await
    };
    assert_eq!(part(&spoilt(Fault::WrongIssuer).await, 1)["iss"], "somebody-else");
    assert_eq!(part(&spoilt(Fault::UnknownKid).await, 0)["kid"], "never-published");
    assert_eq!(part(&spoilt(Fault::WrongAlgorithm).await, 0)["alg"], "HS512");
    assert!(spoilt(Fault::HugeToken).await.len() > 1 << 20);
    let hostile = part(&spoilt(Fault::HostileJwtHeader).await, 0);
    assert!(hostile["crit"].is_array() && hostile["jku"].is_string() && hostile["kid"].as_str().unwrap().len() > 8192);
    let ahead = part(&spoilt(Fault::ClockAhead { by: HOUR }).await, 1)["iat"].as_i64().unwrap();
    let behind = part(&spoilt(Fault::ClockBehind { by: HOUR }).await, 1)["iat"].as_i64().unwrap();
    assert!((3600..3660).contains(&(ahead - before)), "{}", ahead - before);
    assert!((-3600..-3540).contains(&(behind - before)), "{}", behind - before);
}

#[tokio::test]
async fn a_clock_an_hour_ahead_ends_tokens_that_were_good() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench.api.fault(Fault::ClockAhead { by: HOUR });
    assert_eq!(bench.use_token(&token).await, 401);
    bench.api.heal();
    assert_eq!(bench.use_token(&token).await, 200);
}

#[tokio::test]
async fn a_wrong_algorithm_on_a_key_pair_is_the_public_key_taken_as_a_secret() {
    let bench = Bench::with(Settings { signing: Signing::Es256, ..Settings::default() }).await;
    bench.api.fault(Fault::WrongAlgorithm);
    let token = bench.token().await;
    assert_eq!(part(&token, 0)["alg"], "HS256");
    assert_eq!(bench.use_token(&token).await, 401);
}

#[tokio::test]
async fn refusals_redirect_to_a_login_page_that_exists() {
    let bench = Bench::start().await;
    bench.api.fault(Fault::RedirectToLogin);
    let refused = bench.get("/api/v1/workflows").send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["location"].to_str().unwrap()), (302, "/login"));
    assert_eq!(status(bench.get("/login")).await, 200);
    let token = bench.token().await;
    assert_eq!(bench.use_token(&token).await, 200);
}

#[tokio::test]
async fn an_endless_redirect_leads_to_itself() {
    let bench = Bench::start().await;
    bench.api.fault(Fault::RedirectForever);
    let answer = bench.get("/api/v1/workflows").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (302, "/api/v1/workflows"));
}

#[tokio::test]
async fn errors_echo_every_credential_that_came() {
    let bench = Bench::start().await;
    bench.api.fault(Fault::EchoEverything);
    let given = json!({ "username": "prober", "password": "canary-password" });
    let request = json_body(bench.post("/api/v1/auth/login"), &given).header("x-api-key", "canary-key");
    let login = request.send().await.unwrap().text().await.unwrap();
    assert!(login.contains("canary-password") && login.contains("canary-key"));
    let api = bench.get("/api/v1/workflows").header("authorization", "Bearer canary.token.x").send().await.unwrap();
    assert!(api.headers()["www-authenticate"].to_str().unwrap().contains("canary.token.x"));
    assert!(api.text().await.unwrap().contains("Bearer canary.token.x"));
    let query = bench.get("/api/v1/workflows?api_key=canary-in-query").send().await.unwrap();
    assert!(query.text().await.unwrap().contains("canary-in-query"));
    let token = bench.token().await;
    assert_eq!(bench.use_token(&token).await, 200, "only errors echo");
}
