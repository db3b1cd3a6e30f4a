//! What could not be delivered waits, in order, also while the daemon is gone; secrets are nowhere.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;

use super::{events, heard, receivers};
use crate::harness::demo::Demo;
use crate::harness::program::authprobe;
use crate::harness::wait::{Seen, until};
use crate::servers::hook::{Hook, Manner};

/// A path that is a secret, as those of chat services are.
const SECRET: &str = "hooks/canary-5f1d7a";
/// A token in a header field.
const TOKEN: &str = "canary-token-93bb";

/// Waits until somebody was tried in vain.
async fn waits(demo: &Demo, text: &str) -> Result<()> {
    until(&format!("`{text}` in the list of alerts"), async || {
        let listed = authprobe(demo.dir(), &["alerts", "list"]).await?.with(0);
        Ok(Seen::when(listed.contains(text), (), || listed))
    })
    .await
}

#[tokio::test]
async fn after_an_outage_and_a_kill_everything_arrives_in_order_and_once() -> Result<()> {
    let demo = Demo::start().await?;
    let hook = Hook::start(Manner::Fails).await?;
    demo.set_secret("hook_url", &hook.url(SECRET))?;
    demo.set_secret("hook_token", TOKEN)?;
    let line = "{name: pager, webhook: {file: secrets/hook_url}, send: [incident], headers: {Authorization: {file: secrets/hook_token}}}";
    receivers(&demo, &[line.to_owned()])?;
    let mut daemon = demo.run()?;
    demo.store().runs(3).await?;
    demo.fault(&json!({"fault": "login_rejects"})).await?;
    waits(&demo, "fires, waits").await?;
    daemon.kill()?;
    let first = daemon.err()?;
    assert!(first.contains("pager takes no alerts, they wait and are tried again: it answers 500"), "{first}");

    let mut daemon = demo.run()?;
    demo.heal().await?;
    waits(&demo, "over, waits").await?;
    assert_eq!(events(&hook.got()), []);
    hook.becomes(Manner::Takes);
    let closed = heard(&hook, "closed").await?;
    let got = hook.got();
    let alert = closed.body["alert"].as_str().context("an alert")?.to_owned();
    let of_alert: Vec<&str> =
        got.iter().filter(|got| got.body["alert"] == *alert).filter_map(|got| got.body["event"].as_str()).collect();
    assert_eq!((of_alert.first(), of_alert.last()), (Some(&"opened"), Some(&"closed")), "{:?}", events(&got));
    daemon.says("pager takes alerts again").await?;
    daemon.kill()?;
    let second = daemon.err()?;

    // Another start tells nothing again of what was acknowledged.
    let daemon = demo.run()?;
    demo.store().runs(3).await?;
    let third = daemon.stop().await?.told(0);
    let keys: Vec<String> = hook.got().iter().map(|got| got.body["key"].to_string()).collect();
    assert_eq!(keys.len(), keys.iter().collect::<BTreeSet<_>>().len(), "a key came twice: {:?}", events(&hook.got()));
    assert!(hook.got().iter().all(|got| got.head.contains(TOKEN) && got.head.contains(SECRET)));
    assert!(hook.got().iter().all(|got| got.head.to_lowercase().contains("idempotency-key: ")));

    let listed = authprobe(demo.dir(), &["alerts", "list", "--all"]).await?.with(0);
    let mut places = vec![first, second, third, listed];
    for file in fs::read_dir(demo.dir())? {
        let path = file?.path();
        if path.is_file() {
            places.push(String::from_utf8_lossy(&fs::read(path)?).into_owned());
        }
    }
    for secret in [SECRET, TOKEN] {
        assert!(places.iter().all(|place| !place.contains(secret)), "a secret stands where it should not");
    }
    Ok(())
}

#[tokio::test]
async fn a_fail_open_is_told_within_seconds_of_its_second_confirmation() -> Result<()> {
    let demo = Demo::start().await?;
    let hook = Hook::start(Manner::Takes).await?;
    receivers(&demo, &[format!("{{webhook: '{}', send: [fail_open]}}", hook.url("x"))])?;
    let daemon = demo.run()?;
    demo.store().runs(3).await?;
    demo.fault(&json!({"fault": "api_key_check_off"})).await?;
    let opened = heard(&hook, "opened").await?;
    let told = Timestamp::now();
    assert_eq!((&opened.body["kind"], &opened.body["severity"]), (&json!("fail_open"), &json!("security")));
    let records = demo.store().records().await?;
    let let_in = |probe| records.of(probe).into_iter().filter(|result| result.outcome.as_str() == "failure").nth(1);
    let certain = ["demo/api_key-unknown", "demo/api_key-revoked"].into_iter().filter_map(let_in);
    let certain = certain.map(|result| result.time).min().context("two that were let in")?;
    let seconds = told.duration_since(certain).as_secs_f64();
    assert!(seconds < 15.0, "told {seconds:.1} s after the second confirmation");
    println!("told {seconds:.1} s after the second confirmation");
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn maintenance_holds_alerts_back_until_it_is_over() -> Result<()> {
    let demo = Demo::start().await?;
    let hook = Hook::start(Manner::Takes).await?;
    receivers(&demo, &[format!("{{webhook: '{}', send: [incident]}}", hook.url("x"))])?;
    let mut daemon = demo.run()?;
    demo.store().runs(3).await?;
    let add = [
        "changes",
        "add",
        "--store",
        "authprobe.db",
        "--kind",
        "maintenance",
        "--object",
        "demo",
        "--target",
        "demo",
        "--id",
        "m1",
    ];
    let time = Timestamp::now().to_string();
    let from = [add.as_slice(), &["--at", &time]].concat();
    authprobe(demo.dir(), &from).await?.with(0);
    demo.fault(&json!({"fault": "login_rejects"})).await?;
    daemon.says("fails:").await?;
    // Until the judgement that sees it was looked at; the outbox stays as it is.
    demo.store().runs(25).await?;
    assert_eq!(events(&hook.got()), []);
    let until = Timestamp::now().to_string();
    authprobe(demo.dir(), &[from.as_slice(), &["--until", &until]].concat()).await?.with(0);
    heard(&hook, "opened").await?;
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn a_fail_open_is_told_during_maintenance_too() -> Result<()> {
    let demo = Demo::start().await?;
    let hook = Hook::start(Manner::Takes).await?;
    receivers(&demo, &[format!("{{webhook: '{}', send: [incident]}}", hook.url("x"))])?;
    let daemon = demo.run()?;
    demo.store().runs(3).await?;
    let add = ["changes", "add", "--store", "authprobe.db", "--kind", "maintenance", "--object", "demo"];
    authprobe(demo.dir(), &[add.as_slice(), &["--target", "demo", "--id", "m1"]].concat()).await?.with(0);
    demo.fault(&json!({"fault": "api_key_check_off"})).await?;
    let opened = heard(&hook, "opened").await?;
    assert_eq!(opened.body["severity"], "security");
    daemon.stop().await?.told(0);
    Ok(())
}
