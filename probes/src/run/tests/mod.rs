//! Whole runs against a scripted API that counts what it is asked.

mod canary;
mod logins;
mod tokens;

use std::sync::{Arc, Mutex};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde_json::{Value, json};
use storage::record::{Expect, Variant, to_milliseconds};
use tokio::net::TcpStream;
use tokio::task::yield_now;

use super::*;
use crate::credential::{Credential, Held, Source, Unusable};
use crate::fixtures;
use crate::fixtures::server::{Received, Server, answer};
use crate::protocol::test_keys;

const PASSWORD: &str = "the-right-password";
const KEY: &str = "the-right-api-key-0123456789";
const OLD: &str = "the-old-signing-secret-0123456789-0123456789-0123456789-0123456789";
const NEW: &str = "the-new-signing-secret-0123456789-0123456789-0123456789-0123456789";

/// What the API is like at a moment.
struct World {
    /// Answers the login in place of the rule, if it is set.
    login: Option<String>,
    /// Answers `GET /things` in place of the rule, if it is set.
    things: Option<String>,
    /// The key set.
    keys: String,
    /// The secret that new tokens are signed with.
    signs: &'static str,
    /// The secrets whose tokens are taken.
    takes: Vec<&'static str>,
    /// Whether a wrong password is answered with a throttle.
    throttles_guesses: bool,
    /// How many tokens were issued.
    issued: u32,
}

/// An API with a login, tokens, a key and a closed endpoint.
struct Api {
    server: Server,
    world: Arc<Mutex<World>>,
}

impl Api {
    async fn new() -> Self {
        let world = World {
            login: None,
            things: None,
            keys: String::new(),
            signs: OLD,
            takes: vec![OLD],
            throttles_guesses: false,
            issued: 0,
        };
        let world = Arc::new(Mutex::new(world));
        let held = Arc::clone(&world);
        let server = Server::http(move |request| held.lock().expect("not poisoned").respond(request)).await;
        Self { server, world }
    }

    fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().expect("not poisoned"));
    }

    fn target(&self, probes: Value) -> Target {
        fixtures::target(&self.server.url(), probes)
    }
}

impl World {
    fn respond(&mut self, request: &Received) -> String {
        let no = || answer("401 Unauthorized", &[], r#"{"message":"Unauthorized"}"#);
        let yes = || answer("200 OK", &[], r#"{"items":[]}"#);
        match request.line() {
            "POST /login" => match &self.login {
                Some(said) => said.clone(),
                None if request.body.contains(PASSWORD) => {
                    self.issued += 1;
                    answer("200 OK", &[], &json!({"access_token": token(self.signs, self.issued)}).to_string())
                }
                None if self.throttles_guesses => answer("429 Too Many Requests", &["retry-after: 600"], ""),
                None => no(),
            },
            "GET /keys" => self.keys.clone(),
            "GET /things" => match &self.things {
                Some(said) => said.clone(),
                None if request.header("x-api-key") == KEY => yes(),
                None if self.takes.iter().any(|secret| verifies(request.header("authorization"), secret)) => yes(),
                None => no(),
            },
            "GET /admin" => answer("403 Forbidden", &[], r#"{"message":"Forbidden"}"#),
            _ => answer("404 Not Found", &[], ""),
        }
    }
}

fn token(secret: &str, number: u32) -> String {
    let now = Timestamp::now().as_second();
    let claims = json!({"sub": "probe", "iat": now, "exp": now + 900, "jti": number});
    let key = EncodingKey::from_secret(secret.as_bytes());
    test_keys::signed(&json!({"alg": "HS256"}), &claims, &key, Algorithm::HS256).raw.expose().to_owned()
}

fn verifies(authorization: &str, secret: &str) -> bool {
    let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
    let key = DecodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::decode::<Value>(token, &key, &Validation::new(Algorithm::HS256)).is_ok()
}

fn login() -> Value {
    json!({"path": "/login", "username": "probe", "password": {"env": "PASSWORD"}, "token": "/access_token"})
}

fn everything() -> Value {
    json!({
        "login": login(),
        "jwt": {"algorithms": ["HS256"], "secret": {"env": "SECRET"}, "request": "GET /things",
                "deny": ["tampered", "expired", "wrong_key", "alg_none"]},
        "api_key": {"header": "X-API-Key", "key": {"env": "KEY"}, "request": "GET /things", "deny": ["unknown"]},
        "permission": [
            {"name": "can-read", "request": "GET /things", "expect": "allow"},
            {"name": "cannot-admin", "request": "GET /admin", "expect": "deny"},
            {"name": "strangers-cannot", "request": "GET /things", "expect": "deny", "as": "anonymous"}
        ]
    })
}

fn wallet() -> Wallet {
    fixtures::wallet(&[("PASSWORD", PASSWORD), ("KEY", KEY), ("SECRET", OLD)])
}

async fn run_with(target: &Target, wallet: &Wallet, session: &mut Session) -> Vec<ProbeResult> {
    let transport = fixtures::transport(target);
    let scope = Scope { target, wanted: None, agent: "local", every: Some(Duration::from_secs(30)) };
    run(Order { scope, transport: &transport, wallet }, session).await.results
}

fn of<'a>(results: &'a [ProbeResult], probe: &str) -> &'a ProbeResult {
    results.iter().find(|result| result.probe == probe).unwrap_or_else(|| panic!("no result of {probe}"))
}

/// Outcome and reason of a probe, as they stand in a report.
fn ended(results: &[ProbeResult], probe: &str) -> String {
    let ProbeResult { outcome, reason, .. } = of(results, probe);
    reason.map_or_else(|| outcome.to_string(), |reason| format!("{outcome} {reason}"))
}

#[tokio::test]
async fn a_run_has_a_result_for_every_probe_under_its_name() {
    let api = Api::new().await;
    let target = api.target(everything());
    let mut session = Session::default();
    run_with(&target, &wallet(), &mut session).await;
    let results = run_with(&target, &wallet(), &mut session).await;
    let names: Vec<&str> = results.iter().map(|result| result.probe.as_str()).collect();
    let plans = target.probes.plans();
    assert_eq!(names, plans.iter().map(|plan| plan.name.as_str()).collect::<Vec<_>>());
    assert_eq!(
        names,
        [
            "login",
            "jwt",
            "jwt-held",
            "jwt-tampered",
            "jwt-expired",
            "jwt-wrong_key",
            "jwt-alg_none",
            "api_key",
            "api_key-unknown",
            "can-read",
            "cannot-admin",
            "strangers-cannot",
        ]
    );
    for (result, plan) in results.iter().zip(&plans) {
        assert_eq!((result.outcome, result.reason), (Outcome::Success, None), "{}: {:?}", result.probe, result.detail);
        assert_eq!((result.kind, result.expect, result.variant), (plan.kind, plan.expect, plan.variant));
        assert_eq!(
            (result.target.as_str(), result.agent.as_str(), result.every_s),
            ("orchestrator", "local", Some(30.0))
        );
        assert!(result.status.is_some() && result.took_us > 0 && result.phases_us.is_some());
        assert_eq!(result.time, to_milliseconds(result.time));
        assert_eq!(result.detail, None);
    }
    assert_eq!(of(&results, "strangers-cannot").variant, Variant::Anonymous);
    assert_eq!(of(&results, "cannot-admin").expect, Expect::Deny);
}

#[tokio::test]
async fn only_what_is_wanted_is_asked() {
    let api = Api::new().await;
    let target = api.target(everything());
    let transport = fixtures::transport(&target);
    let wallet = wallet();
    let wanted = HashSet::from(["api_key".to_owned()]);
    let scope = Scope { target: &target, wanted: Some(&wanted), agent: "local", every: None };
    let results = run(Order { scope, transport: &transport, wallet: &wallet }, &mut Session::default()).await.results;
    assert_eq!(results.len(), 1);
    assert_eq!((results[0].probe.as_str(), results[0].every_s), ("api_key", None));
    assert_eq!(api.server.received().len(), 1, "no login without need");
    let wanted = HashSet::from(["can-read".to_owned()]);
    let scope = Scope { wanted: Some(&wanted), ..scope };
    let results = run(Order { scope, transport: &transport, wallet: &wallet }, &mut Session::default()).await.results;
    assert_eq!(results.len(), 1, "the login is the means, not the end");
    assert_eq!(api.server.count("POST /login"), 1);
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let api = Api::new().await;
    api.change(|world| world.things = Some(answer("429 Too Many Requests", &["retry-after: 120"], "")));
    let target = api.target(everything());
    let mut session = Session::default();
    let results = run_with(&target, &wallet(), &mut session).await;
    assert_eq!(ended(&results, "api_key"), "failure rate_limited");
    assert_eq!(ended(&results, "jwt-tampered"), "failure rate_limited", "what is throttled is not protected");
    assert!(of(&results, "api_key").detail.as_ref().is_some_and(|detail| detail.contains("120 s")));
    let asked = api.server.received().len();
    let results = run_with(&target, &wallet(), &mut session).await;
    assert_eq!(results.len(), target.probes.plans().len());
    assert!(results.iter().all(|result| result.reason == Some(Reason::Overlap) && result.outcome == Outcome::Skipped));
    assert!(results[0].detail.as_ref().is_some_and(|detail| detail.contains("Retry-After")));
    assert_eq!(api.server.received().len(), asked, "nothing was sent");
}

#[tokio::test]
async fn an_outage_goes_on_being_measured_however_long_the_server_expects_it_to_last() {
    let api = Api::new().await;
    api.change(|world| world.things = Some(answer("503 Service Unavailable", &["retry-after: 7200"], "")));
    let mut session = Session::default();
    let results = run_with(&api.target(everything()), &wallet(), &mut session).await;
    assert_eq!(ended(&results, "api_key"), "failure server_error");
    let left = |after| session.waiting(Instant::now() + Duration::from_secs(after));
    assert!(left(200).is_some() && left(301).is_none());
}

#[tokio::test]
async fn probes_that_must_be_refused_may_have_a_slower_beat() {
    let api = Api::new().await;
    let mut probes = everything();
    probes["jwt"]["deny_every"] = "100s".into();
    probes["api_key"]["deny_every"] = "10s".into();
    let target = api.target(probes);
    let mut session = Session::default();
    let first = run_with(&target, &wallet(), &mut session).await;
    assert_eq!(of(&first, "jwt-tampered").every_s, Some(120.0), "the first multiple of 30 s");
    assert_eq!(of(&first, "jwt").every_s, Some(30.0));
    assert_eq!(of(&first, "api_key-unknown").every_s, Some(30.0), "never faster than the target");
    let second = run_with(&target, &wallet(), &mut session).await;
    assert!(second.iter().all(|result| result.probe != "jwt-tampered"));
    assert_eq!(ended(&second, "api_key-unknown"), "success");
    let due = |after| session.is_due("jwt-tampered", Instant::now() + Duration::from_secs(after));
    assert!(!due(100) && due(106), "half a run before the slot at 120 s, whatever the jitter");
    let scope = Scope { target: &target, wanted: None, agent: "local", every: Some(Duration::from_secs(30)) };
    let missed = skipped(scope, Timestamp::now(), "the last run was still going");
    assert!(missed.iter().all(|result| result.probe != "jwt-tampered" && result.phases_us.is_none()));
    assert!(missed.iter().any(|result| result.probe == "api_key-unknown"));
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_the_probers_own_fault() {
    let api = Api::new().await;
    let mut wallet = wallet();
    let lost = Unusable("permission denied".into());
    wallet.insert(Source::Env("KEY".into()), Err(lost));
    let results = run_with(&api.target(everything()), &wallet, &mut Session::default()).await;
    for probe in ["api_key", "api_key-unknown"] {
        assert_eq!(ended(&results, probe), "invalid credential_unavailable");
    }
    assert_eq!(of(&results, "api_key").detail.as_deref(), Some("environment variable KEY: permission denied"));
    assert_eq!(ended(&results, "jwt"), "success");
}

#[tokio::test]
async fn an_unreachable_target_fails_every_probe_and_protects_nothing() {
    let api = Api::new().await;
    let target = api.target(everything());
    drop(api);
    // The port is free again once the server's task is gone.
    while TcpStream::connect(target.url.socket_addrs(|| None).expect("an address")[0]).await.is_ok() {
        yield_now().await;
    }
    let results = run_with(&target, &wallet(), &mut Session::default()).await;
    for probe in ["login", "api_key", "api_key-unknown", "strangers-cannot"] {
        assert_eq!(ended(&results, probe), "failure connect");
    }
    assert_eq!(ended(&results, "jwt"), "skipped no_token");
}
