//! However the daemon ends, what was stored stays stored, and the next start goes on.

use std::collections::HashSet;
use std::fs;

use anyhow::{Context, Result};
use jiff::SignedDuration;
use rusqlite::Connection;
use serde_json::json;

use crate::harness::demo::Demo;
use crate::harness::store::Records;
use crate::harness::wait::pass;

#[tokio::test]
async fn a_daemon_that_is_asked_to_end_has_stored_everything_it_saw() -> Result<()> {
    let demo = Demo::start().await?;
    // A run is under way at nearly every moment.
    demo.fault(&json!({"fault": "slow", "by": "350ms"})).await?;
    let daemon = demo.run()?;
    demo.store().runs(2).await?;
    let log = daemon.stop().await?.told(0);
    let kept = log.split(" records kept, 0 lost").next().and_then(|before| before.split(' ').next_back());
    let kept: usize = kept.with_context(|| log.clone())?.parse().with_context(|| log.clone())?;
    let records = demo.store().records().await?;
    assert_eq!(records.results.len() + records.changes.len() + records.gaps.len(), kept, "{log}");
    for probe in records.probes() {
        assert_eq!(records.of(&probe).len(), records.of("demo/login").len(), "no run is stored by halves: {probe}");
    }
    assert!(!demo.path("authprobe.db-wal").exists() || fs::metadata(demo.path("authprobe.db-wal"))?.len() == 0);
    Ok(())
}

#[tokio::test]
async fn a_run_that_does_not_end_holds_the_exit_up_for_a_while_only_and_is_recorded() -> Result<()> {
    let demo = Demo::start().await?;
    let config = fs::read_to_string(demo.path("authprobe.yaml"))?.replace("timeout: 2s", "timeout: 5m");
    fs::write(demo.path("authprobe.yaml"), config)?;
    let daemon = demo.run()?;
    let before = demo.store().runs(1).await?.of("demo/login").len();
    demo.fault(&json!({"fault": "hang"})).await?;
    demo.store()
        .until("a slot that finds the run going", |records| records.endings("demo/login").contains(&"overlap"))
        .await?;
    let log = daemon.stop().await?.told(0);
    assert!(log.contains("given up"), "{log}");
    let records = demo.store().records().await?;
    let given_up = records.of("demo/login").into_iter().skip(before).filter_map(|result| result.detail.clone());
    assert!(given_up.into_iter().any(|detail| detail.contains("stopped before the run ended")), "{records}");
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_is_killed_loses_nothing_that_was_visible_and_goes_on_in_its_beat() -> Result<()> {
    let demo = Demo::start().await?;
    let store = demo.store();
    let mut visible = HashSet::new();
    let mut beats = Vec::new();
    for round in 0..5_usize {
        let mut daemon = demo.run()?;
        let known = store.records().await.map_or(0, |records| records.results.len());
        // Each round is killed at another point of a run and of a group commit: while looking, as records come in.
        let records = store.until("new records", |records| records.results.len() > known + 29 + 7 * round).await?;
        let lines: Vec<String> = store.lines().await?.lines().map(str::to_owned).collect();
        daemon.kill()?;
        visible.extend(lines);
        let since = records.results.get(known).map(|result| result.time).context("a first result")?;
        beats.push(phase(&records, since));
        let left: HashSet<String> = store.lines().await?.lines().map(str::to_owned).collect();
        assert!(visible.is_subset(&left), "lost in round {round}: {:?}", visible.difference(&left).collect::<Vec<_>>());
        let sound: String =
            Connection::open(demo.path("authprobe.db"))?.query_row("PRAGMA quick_check", [], |row| row.get(0))?;
        assert_eq!(sound, "ok");
        // One stop is long enough to be told; the others are over before the next slot.
        if round == 2 {
            let newest = records.results.last().map(|result| result.time).context("a last result")?;
            pass(SignedDuration::from_secs(3), newest).await;
        }
    }
    let records = store.records().await?;
    assert!(!records.gaps.is_empty(), "the time in between is told as a gap");
    assert!(
        records.gaps.iter().all(|gap| gap.feed == "prober" && gap.why.contains("not running")),
        "{:?}",
        records.gaps
    );
    let mut identities = HashSet::new();
    for result in &records.results {
        assert!(identities.insert((&result.probe, result.time)), "{} twice at {}", result.probe, result.time);
    }
    let apart = |one: i64, other: i64| (one - other).rem_euclid(1000).min((other - one).rem_euclid(1000));
    // A start is never early; the least late of some is near its slot.
    assert!(beats.iter().all(|beat| apart(*beat, beats[0]) < 100), "the beat moved: {beats:?}");
    Ok(())
}

#[tokio::test]
async fn a_short_stop_is_a_gap_in_the_records() -> Result<()> {
    let demo = Demo::start().await?;
    let daemon = demo.run()?;
    let before = demo.store().runs(2).await?;
    daemon.stop().await?.told(0);
    let stopped = demo.store().records().await?.results.iter().map(|result| result.time).max().context("results")?;
    pass(SignedDuration::from_secs(3), stopped).await;
    let daemon = demo.run()?;
    let records = demo.store().until("a gap", |records| !records.gaps.is_empty()).await?;
    daemon.stop().await?.told(0);
    let gap = &records.gaps[0];
    assert!(stopped <= gap.from && gap.from < gap.until, "{gap:?}");
    assert!(before.gaps.is_empty());
    Ok(())
}

/// The millisecond within its second at which the runs of this round began, by the least late of them.
fn phase(records: &Records, since: jiff::Timestamp) -> i64 {
    let starts = records.of("demo/login").into_iter().filter(|result| result.time >= since);
    let starts: Vec<i64> = starts.map(|result| result.time.as_millisecond()).collect();
    // Measured from the first, since the residuals may lie around the full second.
    let first = starts.first().copied().unwrap_or_default();
    let least = starts.iter().map(|start| (start - first + 500).rem_euclid(1000) - 500).min().unwrap_or_default();
    (first + least).rem_euclid(1000)
}
