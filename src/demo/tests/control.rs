//! The control port does over HTTP what the tests do in the process.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time;

use crate::demo::api_only;
use crate::demo::fault::Fault;
use crate::demo::state::Settings;
use crate::demo::tests::{Bench, body, builder, json_body, part};

async fn steer(bench: &Bench, control: &str, path: &str, given: Value) -> (u16, Value) {
    let request = bench.client.post(format!("{control}{path}"));
    let request = if given.is_null() { request } else { json_body(request, &given) };
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[tokio::test]
async fn faults_are_switched_on_and_healed() {
    let bench = Bench::start().await;
    let control = bench.api.open_control().await.unwrap();
    let (status, told) =
        steer(&bench, &control, "/fault", json!({ "fault": "rate_limited", "retry_after": "7s" })).await;
    assert_eq!((status, &told["faults"]), (200, &json!([{ "fault": "rate_limited", "retry_after": "7s" }])));
    assert_eq!(bench.login().await.status(), 429);
    let (_, told) = steer(&bench, &control, "/heal", Value::Null).await;
    assert_eq!(told["faults"], json!([]));
    assert_eq!(bench.login().await.status(), 200);
    let (status, told) = steer(&bench, &control, "/fault", json!({ "fault": "nonsense" })).await;
    assert!(status == 422 && told.to_string().contains("unknown variant `nonsense`"), "{status} {told}");
}

#[tokio::test]
async fn a_fault_below_http_does_not_reach_the_control() {
    let bench = Bench::start().await;
    let control = bench.api.open_control().await.unwrap();
    steer(&bench, &control, "/fault", json!({ "fault": "close_early" })).await;
    assert!(bench.get("/login").send().await.is_err());
    assert_eq!(steer(&bench, &control, "/heal", Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_rotation_is_stored_and_rolled_out_replica_by_replica() {
    let bench = Bench::start().await;
    let control = bench.api.open_control().await.unwrap();
    let before = bench.api.signing_secret();
    let (_, told) = steer(&bench, &control, "/rotate", Value::Null).await;
    assert_eq!(told["replicas_current"], json!([false, false, false]));
    assert_eq!(told["signing_secret"].as_str(), bench.api.signing_secret().as_deref());
    assert_ne!(bench.api.signing_secret(), before);
    let (_, told) = steer(&bench, &control, "/rollout/1", Value::Null).await;
    assert_eq!(told["replicas_current"], json!([false, true, false]));
    let (status, told) = steer(&bench, &control, "/rollout/9", Value::Null).await;
    assert_eq!((status, told), (404, json!({ "error": "there is no replica 9, they are numbered 0 to 2" })));
}

#[tokio::test]
async fn signing_and_lifetime_change_while_it_runs() {
    let bench = Bench::start().await;
    let control = bench.api.open_control().await.unwrap();
    let (_, told) = steer(&bench, &control, "/issuing", json!({ "lifetime": "2s" })).await;
    assert_eq!(told["issuing"], json!({ "opaque": false, "lifetime": "2s" }));
    let claims = part(&bench.token().await, 1);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 2);
    let (_, told) = steer(&bench, &control, "/rotate", json!({ "signing": "es256" })).await;
    assert_eq!(told["signing_secret"], Value::Null);
    assert_eq!(part(&bench.token().await, 0)["alg"], "HS256", "no replica has the new key yet");
    for replica in 0..3 {
        steer(&bench, &control, &format!("/rollout/{replica}"), Value::Null).await;
    }
    let token = bench.token().await;
    assert_eq!((part(&token, 0)["alg"].as_str(), bench.use_token(&token).await), (Some("ES256"), 200));
    assert_eq!(steer(&bench, &control, "/rotate", json!({ "signing": "es512" })).await.0, 422);
}

#[tokio::test]
async fn keys_and_roles_are_changed_and_what_changes_nothing_says_so() {
    let bench = Bench::start().await;
    let control = bench.api.open_control().await.unwrap();
    let key = bench.credentials().api_key;
    assert_eq!(steer(&bench, &control, "/revoke", Value::Null).await.1, json!({ "changed": true }));
    assert_eq!(bench.use_key(&key).await, 401);
    assert_eq!(steer(&bench, &control, "/restore", json!({ "key": key })).await.1, json!({ "changed": true }));
    assert_eq!(bench.use_key(&key).await, 200);
    assert_eq!(steer(&bench, &control, "/revoke", json!({ "key": "none" })).await.1, json!({ "changed": false }));
    let role = json!({ "user": "prober", "role": "admin" });
    assert_eq!(steer(&bench, &control, "/grant", role.clone()).await.1, json!({ "changed": true }));
    assert_eq!(steer(&bench, &control, "/take", role.clone()).await.1, json!({ "changed": true }));
    assert_eq!(steer(&bench, &control, "/take", role).await.1, json!({ "changed": false }));
}

#[tokio::test]
async fn counters_are_read_and_reset() {
    let bench = Bench::start().await;
    let control = bench.api.open_control().await.unwrap();
    bench.token().await;
    let url = format!("{control}/counters");
    let seen = body(bench.client.get(&url).send().await.unwrap()).await;
    assert_eq!(seen["endpoints"]["POST /api/v1/auth/login"]["statuses"], json!({ "200": 1 }));
    assert_eq!(steer(&bench, &control, "/counters/reset", Value::Null).await.0, 204);
    assert_eq!(body(bench.client.get(&url).send().await.unwrap()).await["endpoints"], json!({}));
}

#[test]
fn a_fault_is_spelt_by_its_name_and_perhaps_its_parameters() {
    let spelt = |fault| serde_json::to_value::<Fault>(fault).unwrap();
    assert_eq!(spelt(Fault::Hang), json!({ "fault": "hang" }));
    assert_eq!(spelt(Fault::Slow { by: Duration::from_millis(800) }), json!({ "fault": "slow", "by": "800ms" }));
    let by = Duration::from_secs(3600);
    assert_eq!(serde_json::from_value::<Fault>(json!({ "fault": "clock_behind" })).unwrap(), Fault::ClockBehind { by });
    let locks: Fault =
        serde_json::from_value(json!({ "fault": "login_locks_account", "after": 5, "status": 423 })).unwrap();
    assert_eq!(locks, Fault::LoginLocksAccount { after: 5, status: 423 });
}

#[tokio::test]
async fn serving_only_the_api_prints_one_line_that_is_enough_to_use_it() {
    let (end, ended) = oneshot::channel::<()>();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let serving = tokio::spawn(async move {
        let end = async move { ended.await.unwrap_or_default() };
        api_only::serve(Settings::default(), &mut writer, end).await
    });
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(reader), &mut line).map(|_| line)
    });
    let ready: Value = serde_json::from_str(&line.await.unwrap().unwrap()).unwrap();
    let text = |field: &str| ready[field].as_str().unwrap().to_owned();
    let client = builder().build().unwrap();
    let url = format!("{}/api/v1/workflows", text("url"));
    let with_key = client.get(&url).header("x-api-key", text("api_key")).send().await.unwrap();
    let control = client.get(text("control")).send().await.unwrap();
    assert_eq!((with_key.status().as_u16(), control.status().as_u16()), (200, 200));
    assert_eq!(text("signing_secret").len(), 64);
    end.send(()).unwrap();
    time::timeout(Duration::from_secs(20), serving).await.unwrap().unwrap().unwrap();
    assert!(client.get(&url).send().await.is_err());
}
