//! Each fault of the demo API, and the reason that each probe gives for it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::harness::demo::Demo;
use crate::harness::program::authprobe;

/// A fault as the control port takes it, and what is expected: `PROBES: REASON`, several with `; ` between.
/// A probe that is not named must succeed.
type Row = (Value, &'static str);

const AFTER_LOGIN: &str = "jwt jwt-tampered jwt-expired jwt-wrong_key jwt-alg_none can-execute cannot-admin: no_token";
const REST: &str = "api_key api_key-unknown api_key-revoked key-can-execute not-anonymous";

#[tokio::test]
async fn faults_of_the_login_are_the_logins_alone() -> Result<()> {
    expect(vec![
        (json!({"fault": "login_rejects"}), "login: login_rejected; AFTER"),
        (json!({"fault": "login_server_error"}), "login: server_error; AFTER"),
        (json!({"fault": "login_without_token"}), "login: token_missing; AFTER"),
        (json!({"fault": "login_locks_account", "after": 0}), "login: account_locked; AFTER"),
        (json!({"fault": "login_locks_account", "after": 0, "status": 423}), "login: account_locked; AFTER"),
        (json!({"fault": "huge_token"}), "login: unexpected_body; AFTER"),
    ])
    .await
}

#[tokio::test]
async fn faults_of_tokens_keys_and_roles_are_named_for_what_they_are() -> Result<()> {
    expect(vec![
        (json!({"fault": "wrong_issuer"}), "jwt: claims_invalid"),
        (json!({"fault": "clock_ahead"}), "jwt: token_not_yet_valid"),
        // A server that lives in the past lets in what ended.
        (json!({"fault": "clock_behind"}), "jwt: token_expired; jwt-expired: unexpectedly_allowed"),
        (json!({"fault": "hostile_jwt_header"}), "jwt: token_malformed"),
        (json!({"fault": "wrong_algorithm"}), "jwt: signature_invalid"),
        (
            json!({"fault": "jwt_validation_off"}),
            "jwt-tampered jwt-expired jwt-wrong_key jwt-alg_none: unexpectedly_allowed",
        ),
        (json!({"fault": "api_key_check_off"}), "api_key-unknown api_key-revoked: unexpectedly_allowed"),
        (json!({"fault": "key_revoked"}), "api_key key-can-execute: api_key_rejected"),
        (json!({"fault": "key_without_permission"}), "api_key key-can-execute: permission_denied"),
        (json!({"fault": "role_removed"}), "can-execute key-can-execute: permission_denied"),
        // Without a key set nobody here looks at key ids, and a refusal may repeat what it likes.
        (json!({"fault": "unknown_kid"}), ""),
        (json!({"fault": "echo_everything"}), ""),
        (json!({"fault": "redirect_to_login"}), ""),
    ])
    .await
}

#[tokio::test]
async fn faults_of_the_server_and_of_the_way_to_it_are_nobodys_credential() -> Result<()> {
    expect(vec![
        (json!({"fault": "rate_limited"}), "login REST: rate_limited; AFTER"),
        (
            json!({"fault": "server_error"}),
            "REST jwt jwt-tampered jwt-expired jwt-wrong_key jwt-alg_none can-execute cannot-admin: server_error",
        ),
        (json!({"fault": "close_early"}), "login REST: connect; AFTER"),
        (json!({"fault": "close_mid_body"}), "login REST: connect; AFTER"),
        (json!({"fault": "garbage"}), "login REST: unexpected_body; AFTER"),
        (json!({"fault": "endless_body"}), "login: unexpected_body; AFTER"),
        // A login that leads back to the login is one that was refused.
        (json!({"fault": "redirect_forever"}), "login: login_rejected; REST: unexpected_status; AFTER"),
        (json!({"fault": "slow", "by": "300ms"}), ""),
    ])
    .await
}

#[tokio::test]
async fn a_server_that_answers_too_late_or_never_is_a_timeout() -> Result<()> {
    expect(vec![
        (json!({"fault": "slow", "by": "1h"}), "login REST: timeout; AFTER"),
        (json!({"fault": "hang"}), "login REST: timeout; AFTER"),
        (json!({"fault": "drip_bytes"}), "login REST: timeout; AFTER"),
    ])
    .await
}

#[tokio::test]
async fn a_revoked_key_that_is_sent_to_the_login_page_is_rejected_all_the_same() -> Result<()> {
    let demo = Demo::start().await?;
    demo.fault(&json!({"fault": "redirect_to_login"})).await?;
    demo.fault(&json!({"fault": "key_revoked"})).await?;
    assert_eq!(reasons(&demo, 1).await?, parsed("api_key key-can-execute: api_key_rejected"));
    Ok(())
}

#[tokio::test]
async fn one_person_who_loses_a_role_is_told_from_a_broken_token() -> Result<()> {
    let demo = Demo::start().await?;
    let runner = json!({"user": demo.get("username"), "role": "workflow-runner"});
    demo.control("/take", &runner).await?;
    assert_eq!(reasons(&demo, 1).await?, parsed("can-execute key-can-execute: permission_denied"));
    demo.control("/grant", &runner).await?;
    demo.control("/grant", &json!({"user": demo.get("username"), "role": "admin"})).await?;
    assert_eq!(reasons(&demo, 1).await?, parsed("cannot-admin: unexpectedly_allowed"));
    Ok(())
}

#[tokio::test]
async fn a_token_signed_with_a_secret_that_the_prober_was_not_told_is_signature_invalid() -> Result<()> {
    let demo = Demo::start().await?;
    let secret = demo.rotate().await?;
    for replica in 0..3 {
        demo.control(&format!("/rollout/{replica}"), &json!({})).await?;
    }
    // The prober's secret is out of date: what it forges with it is refused, what it gets does not verify.
    assert_eq!(reasons(&demo, 1).await?, parsed("jwt: signature_invalid"));
    demo.set_secret("signing_secret", &secret)?;
    assert_eq!(reasons(&demo, 0).await?, BTreeMap::new());
    Ok(())
}

#[tokio::test]
async fn a_slow_answer_that_comes_in_time_is_measured() -> Result<()> {
    let demo = Demo::start().await?;
    demo.fault(&json!({"fault": "slow", "by": "300ms"})).await?;
    let json = check(&demo, 0).await?;
    for result in json["results"].as_array().into_iter().flatten() {
        assert!(result["took_us"].as_u64() >= Some(300_000), "{result}");
        assert!(result["phases_us"]["processing"].as_u64() >= Some(300_000), "{result}");
    }
    Ok(())
}

/// Switches each fault on, checks, and compares.
async fn expect(rows: Vec<Row>) -> Result<()> {
    let demo = Demo::start().await?;
    let mut wrong = Vec::new();
    for (fault, expected) in rows {
        let expected = parsed(&expected.replace("AFTER", AFTER_LOGIN).replace("REST", REST));
        demo.fault(&fault).await?;
        let code = i32::from(!expected.is_empty());
        let seen = reasons(&demo, code).await.with_context(|| fault.to_string())?;
        if seen != expected {
            wrong.push(format!("{fault}: expected {expected:?}, saw {seen:?}"));
        }
        demo.heal().await?;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(reasons(&demo, 0).await?, BTreeMap::new(), "all is well when all is healed");
    Ok(())
}

/// The reason of each probe that did not succeed.
async fn reasons(demo: &Demo, code: i32) -> Result<BTreeMap<String, String>> {
    let json = check(demo, code).await?;
    let reason = |result: &Value| Some((result["probe"].as_str()?.to_owned(), result["reason"].as_str()?.to_owned()));
    Ok(json["results"].as_array().into_iter().flatten().filter_map(reason).collect())
}

async fn check(demo: &Demo, code: i32) -> Result<Value> {
    Ok(serde_json::from_str(&authprobe(demo.dir(), &["check", "--format", "json"]).await?.with(code))?)
}

fn parsed(expected: &str) -> BTreeMap<String, String> {
    let groups = expected.split("; ").filter_map(|group| group.split_once(": "));
    groups.flat_map(|(probes, reason)| probes.split(' ').map(move |probe| (probe.into(), reason.into()))).collect()
}
