//! What happened before the daemon was started: budgets that burn over days, incidents that nobody was there to see.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{events, heard, receivers};
use crate::harness::demo::Demo;
use crate::harness::program::authprobe;
use crate::harness::wait::{Seen, until, until_within};
use crate::servers::alertmanager::Alertmanager;
use crate::servers::hook::{Hook, Manner};

/// Seconds of a day.
const DAY: i64 = 24 * 3600;

/// Results of the API key: from so many seconds ago until so many seconds ago, one every so many.
fn results(from: i64, until: i64, every: usize, outcome: &str) -> Result<String> {
    let (now, mut lines) = (Timestamp::now(), String::new());
    let reason = if outcome == "failure" { "\"api_key_rejected\"" } else { "null" };
    for ago in (until..from).rev().step_by(every) {
        let time = now.checked_sub(SignedDuration::from_secs(ago))?;
        writeln!(
            lines,
            r#"{{"type":"result","time":"{time}","agent":"local","target":"demo","probe":"api_key","kind":"api_key","outcome":"{outcome}","reason":{reason},"took_us":900,"every_s":{every}}}"#
        )?;
    }
    Ok(lines)
}

async fn import(demo: &Demo, lines: &str) -> Result<()> {
    fs::write(demo.path("history.ndjson"), lines)?;
    let told = authprobe(demo.dir(), &["import", "--store", "authprobe.db", "history.ndjson"]).await?;
    anyhow::ensure!(told.code == Some(0), "{}", told.err);
    Ok(())
}

/// The burn alerts that fire, as severity and window, in order.
async fn burning(alertmanager: &Alertmanager) -> Result<(Vec<(String, String)>, Vec<Value>)> {
    let mut firing = alertmanager.firing().await?;
    firing.retain(|alert| alert["labels"]["alertname"] == "AuthprobeBudgetBurn");
    let label = |alert: &Value, name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
    let mut found: Vec<_> = firing.iter().map(|alert| (label(alert, "severity"), label(alert, "window"))).collect();
    found.sort();
    Ok((found, firing))
}

#[tokio::test]
async fn a_failing_endpoint_burns_a_budget_and_both_severities_reach_alertmanager_and_are_resolved() -> Result<()> {
    let (demo, alertmanager) = (Demo::start().await?, Alertmanager::start().await?);
    let file = demo.path("authprobe.yaml");
    let objective = "{ name: auth, probes: [\"demo/*\"], objective: 99, window: 1d, latency: 1s }";
    let config = fs::read_to_string(&file)?;
    anyhow::ensure!(config.contains(objective), "{config}");
    fs::write(&file, config.replace(objective, "{ name: keys, probes: [demo/api_key], objective: 99, window: 28d }"))?;
    receivers(&demo, &[format!("{{name: am, alertmanager: '{}', every: 10s, send: [burn]}}", alertmanager.url())])?;
    // Three days went well; the endpoint begins to fail now, and the longest window is full.
    import(&demo, &results(3 * DAY + 3600, 0, 120, "success")?).await?;
    let mut daemon = demo.run()?;
    demo.store().until("runs", |records| records.of("demo/api_key").len() > 2193).await?;
    let at = Timestamp::now().to_string();
    let change = ["changes", "add", "--store", "authprobe.db", "--kind", "secret", "--object", "Secret/prod/keys"];
    let change = [change.as_slice(), &["--target", "demo", "--id", "c-keys", "--at", &at]].concat();
    authprobe(demo.dir(), &change).await?.with(0);
    demo.fault(&json!({"fault": "key_revoked"})).await?;
    let both = [("page".to_owned(), "1h".to_owned()), ("ticket".to_owned(), "3d".to_owned())];
    let firing = until_within(Duration::from_secs(120), "both severities", async || {
        let (found, firing) = burning(&alertmanager).await?;
        let explained = firing.iter().all(|alert| alert["annotations"]["cause"].is_string());
        let all = both.iter().all(|one| found.contains(one)) && explained;
        Ok(Seen::when(all, firing.clone(), || format!("{found:?}, {firing:#?}")))
    })
    .await?;
    let pages = daemon.listens().await?;
    for alert in &firing {
        let annotation = |name: &str| alert["annotations"][name].as_str().unwrap_or_default();
        assert!(annotation("cause").contains("Secret/prod/keys"), "{alert:#}");
        assert!(annotation("description").contains("Likely cause ("), "{alert:#}");
        assert_eq!((annotation("link"), alert["labels"]["slo"].as_str()), (&*format!("{pages}/slos"), Some("keys")));
    }
    // The windows pass: the store becomes one whose failures are four days older, and well since then.
    daemon.stop().await?.told(0);
    demo.heal().await?;
    let mut older = String::new();
    for line in demo.store().lines().await?.lines() {
        let mut record: Value = serde_json::from_str(line)?;
        if record["type"] == "result" && record["probe"] == "api_key" {
            let time: Timestamp = record["time"].as_str().context("a time")?.parse()?;
            record["time"] = time.checked_sub(SignedDuration::from_secs(4 * DAY))?.to_string().into();
            record["planned"] = Value::Null;
            writeln!(older, "{record}")?;
        }
    }
    for name in ["authprobe.db", "authprobe.db-wal", "authprobe.db-shm"] {
        let _ = fs::remove_file(demo.path(name));
    }
    import(&demo, &(older + &results(3 * DAY + 3600, 0, 120, "success")?)).await?;
    let daemon = demo.run()?;
    until("the end of both in Alertmanager", async || {
        let (found, _) = burning(&alertmanager).await?;
        Ok(Seen::when(found.is_empty(), (), || format!("{found:?} still fire")))
    })
    .await?;
    let listed = authprobe(demo.dir(), &["alerts", "list", "--all"]).await?.with(0);
    assert!(listed.matches(" over").count() >= 2 && !listed.contains("fires"), "{listed}");
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn an_incident_that_passed_while_nothing_ran_is_told_once_as_over() -> Result<()> {
    let demo = Demo::start().await?;
    let hook = Hook::start(Manner::Takes).await?;
    receivers(&demo, &[format!("{{name: chat, webhook: '{}', send: [incident]}}", hook.url("x"))])?;
    let outage = [
        results(7200, 3600, 30, "success")?,
        results(3600, 3000, 30, "failure")?,
        results(3000, 30, 30, "success")?,
        // Of the day before yesterday nobody wants to hear.
        results(2 * DAY + 3600, 2 * DAY, 30, "failure")?,
        results(2 * DAY, 2 * DAY - 3600, 30, "success")?,
    ];
    let daemon = demo.run()?;
    demo.store().runs(2).await?;
    daemon.stop().await?.told(0);
    import(&demo, &outage.concat()).await?;

    let daemon = demo.run()?;
    let closed = heard(&hook, "closed").await?;
    daemon.stop().await?.told(0);
    assert_eq!((&closed.body["status"], &closed.body["revision"]), (&json!("resolved"), &json!(1)));
    assert!(closed.body["summary"].as_str().unwrap_or_default().starts_with("over: "), "{}", closed.body);
    assert!(closed.body["description"].as_str().unwrap_or_default().contains("did not run"), "{}", closed.body);

    let mut daemon = demo.run()?;
    let before = demo.store().records().await?.of("demo/api_key").len();
    demo.store().until("more runs", |records| records.of("demo/api_key").len() > before + 8).await?;
    daemon.says("probing").await?;
    daemon.stop().await?.told(0);
    assert_eq!(hook.got().len(), 1, "{:?}", events(&hook.got()));
    Ok(())
}
