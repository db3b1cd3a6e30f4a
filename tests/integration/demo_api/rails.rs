//! The daemon treats a server with care, however it fails: what the demo API counted says so.

use anyhow::Result;
use serde_json::{Value, json};

use crate::harness::demo::Demo;
use crate::harness::phase::Phase;

#[tokio::test]
async fn a_login_stops_after_five_rejections_until_its_credential_changes() -> Result<()> {
    let demo = Demo::start().await?;
    demo.set_secret("password", "a-password-that-is-wrong")?;
    let daemon = demo.run()?;
    let store = demo.store();
    let records =
        store.until("a login that stopped", |records| records.endings("demo/login").contains(&"no_token")).await?;
    let endings = records.endings("demo/login");
    assert!(endings.iter().take(5).all(|ending| *ending == "login_rejected"), "{records}");
    let later = store.runs(endings.len() + 2).await?;
    assert!(later.endings("demo/login").iter().skip(5).all(|ending| *ending == "no_token"), "{later}");
    assert_eq!(failed_logins(&demo).await?, 5, "the account was asked five times and no more");
    let said = later.of("demo/login").last().and_then(|result| result.detail.clone()).unwrap_or_default();
    assert!(said.contains("stopped after 5 straight rejections"), "{said}");

    let phase = Phase::begin(&store, "the right password");
    demo.set_secret("password", demo.get("password"))?;
    phase.recover().await?;
    assert_eq!(failed_logins(&demo).await?, 5);
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn a_server_that_asks_to_be_left_alone_is_left_alone() -> Result<()> {
    let demo = Demo::start().await?;
    demo.fault(&json!({"fault": "rate_limited", "retry_after": "1h"})).await?;
    let daemon = demo.run()?;
    let store = demo.store();
    let records = store.until("a pause", |records| records.endings("demo/login").contains(&"overlap")).await?;
    assert_eq!(records.endings("demo/login")[0], "rate_limited");
    let asked = requests(&demo).await?;
    let later = store.runs(records.of("demo/login").len() + 3).await?;
    assert_eq!(requests(&demo).await?, asked, "not one request more");
    for probe in later.probes() {
        let (first, rest) = (later.endings(&probe)[0], &later.endings(&probe)[1..]);
        assert!(first == "rate_limited" || first == "no_token", "{probe}: {first}");
        assert!(rest.iter().all(|ending| *ending == "overlap"), "{probe}: {rest:?}");
    }
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn requests_say_who_sends_them() -> Result<()> {
    let demo = Demo::start().await?;
    let daemon = demo.run()?;
    demo.store().runs(2).await?;
    daemon.stop().await?.told(0);
    let counters = demo.ask("/counters").await?;
    let endpoints = counters["endpoints"].as_object().cloned().unwrap_or_default();
    assert!(endpoints.len() >= 4, "{counters}");
    for (endpoint, seen) in endpoints {
        let agent = seen["user_agent"].as_str().unwrap_or_default();
        assert_eq!(agent, concat!("authprobe/", env!("CARGO_PKG_VERSION")), "{endpoint}");
        let trace: Vec<&str> = seen["traceparent"].as_str().unwrap_or_default().split('-').collect();
        assert_eq!(trace.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2], "{endpoint}: {trace:?}");
    }
    Ok(())
}

async fn failed_logins(demo: &Demo) -> Result<u64> {
    let counters = demo.ask("/counters").await?;
    Ok(counters["failed_logins"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum())
}

async fn requests(demo: &Demo) -> Result<u64> {
    let counters: Value = demo.ask("/counters").await?;
    let endpoints = counters["endpoints"].as_object().into_iter().flatten();
    Ok(endpoints.filter_map(|(_, seen)| seen["requests"].as_u64()).sum())
}
