//! Receivers that were away for long, or see the daemon die in the moment of their answer.

use std::time::Duration;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use storage::outbox::{Outbox, Post};

use super::{events, heard, receivers};
use crate::harness::demo::Demo;
use crate::harness::program::authprobe;
use crate::harness::wait::{Seen, until, until_within};
use crate::harness::web::Web;
use crate::servers::alertmanager::Alertmanager;
use crate::servers::hook::{Hook, Manner};
use crate::servers::process::free_port;

/// A message that was made so long ago, as the daemon writes it.
fn old(alert: &str, revision: u32, firing: bool, hours: i64) -> Result<Post> {
    let at = Timestamp::now().checked_sub(SignedDuration::from_hours(hours))?;
    let key = format!("{alert}-{revision}");
    let body = json!({
        "schema": "authprobe.alert/v1", "key": key, "alert": alert, "revision": revision,
        "event": if firing { "opened" } else { "closed" }, "status": if firing { "firing" } else { "resolved" },
        "kind": "incident", "severity": "major", "starts_at": at.to_string(),
        "ends_at": if firing { None } else { Some(at.to_string()) },
        "labels": {"alertname": "AuthprobeIncident", "incident": alert, "severity": "major"}, "targets": ["demo"],
        "summary": "s", "description": "d", "cause": null, "link": "http://127.0.0.1/", "before": null,
    });
    Ok(Post { receiver: "pager".into(), alert: alert.into(), key, revision, firing, at, body: body.to_string() })
}

#[tokio::test]
async fn an_outage_of_hours_loses_nothing_within_the_bounds_and_counts_what_is_beyond() -> Result<()> {
    let demo = Demo::start().await?;
    let hook = Hook::start(Manner::Fails).await?;
    receivers(&demo, &[format!("{{name: pager, webhook: '{}'}}", hook.url("x"))])?;
    let mut posts = Vec::new();
    for number in 0..10 {
        posts.push(old(&format!("incident/ancient-{number}"), 1, true, 73)?);
        posts.push(old(&format!("incident/ancient-{number}"), 2, false, 73)?);
    }
    for number in 0..550 {
        posts.push(old(&format!("incident/{number}"), 1, true, 5)?);
        posts.push(old(&format!("incident/{number}"), 2, false, 5)?);
    }
    Outbox::open(&Outbox::beside(&demo.path("authprobe.db")))?.post(&posts)?;
    let mut daemon = demo.run()?;
    daemon.says("120 messages of alerts are dropped").await?;
    let web = Web::of(&mut daemon).await?;
    until("what was dropped in the metrics", async || {
        let scrape = web.get("/metrics", &[]).await?.body;
        let dropped = scrape.contains("authprobe_alert_messages_total{receiver=\"pager\",state=\"dropped\"} 120\n");
        let waiting = scrape.contains("authprobe_alert_waiting_messages{receiver=\"pager\"} 1000");
        Ok(Seen::when(dropped && waiting, (), || scrape))
    })
    .await?;
    demo.store().runs(10).await?;
    let tries = hook.connections();
    hook.becomes(Manner::Takes);
    until_within(Duration::from_secs(90), "all that waits", async || {
        let count = hook.got().len();
        Ok(Seen::when(count >= 1000, (), || format!("{count} arrived")))
    })
    .await?;
    println!("{tries} attempts in vain before");
    let got = events(&hook.got());
    for number in 50..550 {
        let alert = format!("incident/{number}");
        let of: Vec<&str> = got.iter().filter(|(id, _)| *id == alert).map(|(_, event)| event.as_str()).collect();
        assert_eq!(of, ["opened", "closed"], "{alert}");
    }
    let log = daemon.stop().await?.told(0);
    assert!(log.contains("0 slots skipped"), "{log}");
    Ok(())
}

#[tokio::test]
async fn an_alertmanager_that_comes_up_late_is_told_everything() -> Result<()> {
    let demo = Demo::start().await?;
    let port = free_port()?;
    receivers(&demo, &[format!("{{name: am, alertmanager: 'http://127.0.0.1:{port}', every: 10s}}")])?;
    let mut daemon = demo.run()?;
    demo.store().runs(3).await?;
    demo.fault(&json!({"fault": "key_revoked"})).await?;
    daemon.says("am takes no alerts, they wait and are tried again").await?;
    demo.store().runs(10).await?;
    let alertmanager = Alertmanager::start_on(port).await?;
    let firing = async |wanted: bool| {
        // An outage that lasted has to be over for a while before it counts as over.
        until_within(Duration::from_secs(120), "an incident in Alertmanager, or its end", async || {
            let all = alertmanager.firing().await?;
            let found = all.iter().any(|alert| alert["labels"]["alertname"] == "AuthprobeIncident");
            Ok(Seen::when(found == wanted, (), || format!("{all:?}")))
        })
        .await
    };
    firing(true).await?;
    daemon.says("am takes alerts again").await?;
    demo.heal().await?;
    firing(false).await?;
    let log = daemon.stop().await?.told(0);
    assert!(log.contains("0 slots skipped"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_kill_between_the_answer_and_its_note_tells_again_with_the_same_key() -> Result<()> {
    let demo = Demo::start().await?;
    let hook = Hook::start(Manner::Fails).await?;
    receivers(&demo, &[format!("{{name: pager, webhook: '{}', send: [incident]}}", hook.url("x"))])?;
    let daemon = demo.run()?;
    demo.store().runs(3).await?;
    demo.fault(&json!({"fault": "login_rejects"})).await?;
    until("a message that waits", async || {
        let listed = authprobe(demo.dir(), &["alerts", "list"]).await?.with(0);
        Ok(Seen::when(listed.contains("fires, waits"), (), || listed))
    })
    .await?;
    hook.becomes(Manner::Kills(daemon.pid()));
    let ended = daemon.end().await?;
    assert_eq!(ended.code, None, "{}", ended.err);
    let first = heard(&hook, "opened").await?;
    let answered = hook.got().len();

    hook.becomes(Manner::Takes);
    let daemon = demo.run()?;
    let again = until("the same message", async || {
        let got = hook.got();
        let same = got.iter().skip(answered).find(|got| got.body["key"] == first.body["key"]).cloned();
        Ok(same.map_or_else(|| Seen::NotYet(format!("{:?}", events(&got))), Seen::Done))
    })
    .await?;
    assert_eq!(again.body, first.body);
    demo.store().runs(8).await?;
    let count = hook.got().iter().filter(|got| got.body["key"] == first.body["key"]).count();
    assert_eq!(count, 2, "once in vain, once noted: {:?}", events(&hook.got()));
    daemon.stop().await?.told(0);
    Ok(())
}
