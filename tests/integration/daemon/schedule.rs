//! When the daemon probes: no slot lost in silence, no herd, calendars kept.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use crate::harness::demo::Demo;
use crate::harness::store::name;

#[tokio::test]
async fn a_slot_that_finds_the_last_run_still_going_is_recorded_as_skipped() -> Result<()> {
    let demo = Demo::start().await?;
    demo.fault(&json!({"fault": "slow", "by": "1200ms"})).await?;
    let daemon = demo.run()?;
    let overlaps = |endings: &[&str]| endings.iter().filter(|ending| **ending == "overlap").count();
    let records = demo.store().until("skipped slots", |records| overlaps(&records.endings("demo/login")) >= 4).await?;
    daemon.stop().await?.told(0);
    for probe in records.probes() {
        let skipped = records.of(&probe).into_iter().filter(|result| result.reason.is_some());
        for result in skipped {
            assert_eq!(result.outcome.as_str(), "skipped", "{probe}");
            assert!(result.detail.as_deref().unwrap_or_default().contains("still going"), "{result:?}");
            assert_eq!(result.every_s, Some(1.0));
        }
    }
    // One record a second, executed or skipped: the slots are a second apart, starts a little late.
    let of_login = records.of("demo/login");
    let (first, last) = (of_login.first().context("records")?, of_login.last().context("records")?);
    let span = last.time.duration_since(first.time).as_millis();
    let slots = (span + 500) / 1000 + 1;
    assert_eq!(of_login.len() as i128, slots, "{records}");
    Ok(())
}

#[tokio::test]
async fn a_calendar_with_seconds_is_kept() -> Result<()> {
    let demo = Demo::start().await?;
    let file = demo.path("authprobe.yaml");
    let config = fs::read_to_string(&file)?.replace("every: 1s", "cron: \"* * * * * *\"\n    timezone: Europe/Paris");
    fs::write(&file, config)?;
    let daemon = demo.run()?;
    let records = demo.store().runs(4).await?;
    daemon.stop().await?.told(0);
    let of_login = records.of("demo/login");
    assert!(of_login.iter().all(|result| result.every_s == Some(1.0)), "{of_login:?}");
    // A start is never early, so the least late of some is just after the second.
    let late = of_login.iter().map(|result| result.time.as_millisecond().rem_euclid(1000)).min();
    assert!(late < Some(500), "{late:?}");
    let mut seconds: Vec<i64> = of_login.iter().map(|result| result.time.as_second()).collect();
    seconds.dedup();
    assert_eq!(seconds.len(), of_login.len(), "one run a second");
    Ok(())
}

#[tokio::test]
async fn two_hundred_targets_do_not_start_as_a_herd() -> Result<()> {
    const TARGETS: usize = 200;
    let demo = Demo::start().await?;
    let target = |index: usize| {
        format!(
            "  - {{ name: t-{index}, url: \"{}\", every: 10s, probes: {{ api_key: {{ header: X-API-Key, \
             key: {{ file: secrets/api_key }}, request: GET /api/v1/workflows }} }} }}\n",
            demo.url()
        )
    };
    let targets: String = (0..TARGETS).map(target).collect();
    fs::write(demo.path("authprobe.yaml"), format!("store: authprobe.db\ntargets:\n{targets}"))?;
    let daemon = demo.run()?;
    let records = demo.store().until("every target", |records| records.probes().len() == TARGETS).await?;
    daemon.stop().await?.told(0);
    let mut by_second = [0_usize; 10];
    for probe in records.probes() {
        let first = records.of(&probe)[0];
        by_second[first.time.as_second().rem_euclid(10) as usize] += 1;
        assert_eq!(first.outcome.as_str(), "success", "{}: {first:?}", name(first));
    }
    assert!(by_second.iter().all(|starts| (5..=40).contains(starts)), "{by_second:?}");
    Ok(())
}
