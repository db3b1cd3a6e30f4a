//! Who may do what.

use serde_json::json;

use crate::demo::directory::{ADMIN, RUNNER};
use crate::demo::tests::{Bench, basic, body, json_body, status, token_in};

#[tokio::test]
async fn a_key_is_taken_from_every_place_it_may_stand_in() {
    let bench = Bench::start().await;
    let key = bench.credentials().api_key;
    assert_eq!(bench.use_key(&key).await, 200);
    assert_eq!(status(bench.get(&format!("/api/v1/workflows?api_key={key}"))).await, 200);
    for scheme in ["ApiKey", "Api-Key", "token"] {
        let request = bench.get("/api/v1/workflows").header("authorization", format!("{scheme} {key}"));
        assert_eq!(status(request).await, 200, "{scheme}");
    }
}

#[tokio::test]
async fn a_token_may_come_without_a_scheme() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    assert_eq!(status(bench.get("/api/v1/workflows").header("authorization", token)).await, 200);
}

#[tokio::test]
async fn refusals_tell_a_scheme_only_for_tokens_and_for_nobody() {
    let bench = Bench::start().await;
    let nobody = bench.get("/api/v1/workflows").send().await.unwrap();
    assert_eq!((nobody.status().as_u16(), nobody.headers()["www-authenticate"].to_str().unwrap()), (401, "Bearer"));
    let token = bench.get("/api/v1/workflows").header("authorization", "Bearer a.b.c").send().await.unwrap();
    assert_eq!(token.headers()["www-authenticate"].to_str().unwrap(), "Bearer error=\"invalid_token\"");
    let revoked = bench.credentials().revoked_api_key;
    let known = bench.get("/api/v1/workflows").header("x-api-key", revoked).send().await.unwrap();
    let unknown = bench.get("/api/v1/workflows").header("x-api-key", "demo_unknown").send().await.unwrap();
    assert_eq!((known.status().as_u16(), unknown.status().as_u16()), (401, 401));
    assert!(known.headers().get("www-authenticate").is_none());
    assert_eq!(known.text().await.unwrap(), unknown.text().await.unwrap());
    let password = bench.get("/api/v1/workflows").header("authorization", basic("prober", "x"));
    assert_eq!(status(password).await, 401);
}

#[tokio::test]
async fn only_the_role_opens_a_restricted_endpoint() {
    let bench = Bench::start().await;
    let who = bench.credentials();
    let mut seen = Vec::new();
    for (user, password) in [
        (&who.username, &who.password),
        (&who.reader_username, &who.reader_password),
        (&who.admin_username, &who.admin_password),
    ] {
        let bearer = format!("Bearer {}", token_in(bench.login_as(user, password).await).await);
        let execute = bench.post("/api/v1/workflows/probe/execute").header("authorization", &bearer);
        let users = bench.get("/api/v1/admin/users").header("authorization", &bearer);
        seen.push((status(execute).await, status(users).await));
    }
    assert_eq!(seen, [(200, 403), (403, 403), (200, 200)]);
}

#[tokio::test]
async fn a_role_works_from_the_moment_it_is_given_and_an_unknown_one_changes_nothing() {
    let bench = Bench::start().await;
    let bearer = format!("Bearer {}", bench.token().await);
    let users = || status(bench.get("/api/v1/admin/users").header("authorization", &bearer));
    assert!(!bench.api.grant_role("prober", "amdin"));
    assert_eq!(users().await, 403);
    assert!(bench.api.grant_role("prober", ADMIN));
    assert_eq!(users().await, 200);
    assert!(bench.api.take_role("prober", ADMIN));
    assert!(!bench.api.take_role("prober", ADMIN));
    assert_eq!(users().await, 403);
    assert!(bench.api.take_role("prober", RUNNER));
}

#[tokio::test]
async fn an_admin_creates_a_key_that_works_until_it_is_revoked() {
    let bench = Bench::start().await;
    let who = bench.credentials();
    let wanted = json!({ "username": "reader" });
    let refused = bench.post("/api/v1/auth/api-keys").header("x-api-key", who.api_key);
    assert_eq!(status(json_body(refused, &wanted)).await, 403);
    let bearer = format!("Bearer {}", token_in(bench.login_as("root", &who.admin_password).await).await);
    let request = json_body(bench.post("/api/v1/auth/api-keys").header("authorization", bearer), &wanted);
    let created = request.send().await.unwrap();
    assert_eq!(created.status(), 201);
    let key = body(created).await["api_key"].as_str().unwrap().to_owned();
    assert_eq!(bench.use_key(&key).await, 200);
    assert!(bench.api.revoke_key(&key));
    assert_eq!(bench.use_key(&key).await, 401);
}

#[tokio::test]
async fn requests_are_counted_by_endpoint_with_what_marked_the_last() {
    let bench = Bench::start().await;
    let marked = bench.get("/api/v1/workflows").header("user-agent", "authprobe/1").header("traceparent", "00-1-2-01");
    assert_eq!(status(marked).await, 401);
    bench.token().await;
    assert_eq!(status(bench.get("/nowhere/at/all")).await, 404);
    let endpoints = bench.api.counters().endpoints;
    let workflows = &endpoints["GET /api/v1/workflows"];
    assert_eq!((workflows.requests, workflows.statuses[&401]), (1, 1));
    assert_eq!(workflows.user_agent.as_deref(), Some("authprobe/1"));
    assert_eq!(workflows.traceparent.as_deref(), Some("00-1-2-01"));
    assert_eq!((endpoints["POST /api/v1/auth/login"].requests, endpoints["other"].requests), (1, 1));
}
