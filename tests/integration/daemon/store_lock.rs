//! One daemon a store; commands that write for a moment take turns with it.

use std::fs;

use anyhow::{Context, Result};

use crate::harness::demo::Demo;
use crate::harness::program::authprobe;

#[tokio::test]
async fn a_second_daemon_is_refused_with_the_first_ones_process_and_the_first_goes_on() -> Result<()> {
    let demo = Demo::start().await?;
    let first = demo.run()?;
    demo.store().runs(1).await?;
    fs::create_dir(demo.path("elsewhere"))?;
    std::os::unix::fs::symlink(demo.path("authprobe.db"), demo.path("elsewhere/other.db"))?;
    for name in ["authprobe.db", "elsewhere/other.db"] {
        let told = authprobe(demo.dir(), &["run", "--store", name]).await?.told(3);
        let holder = format!("process {}", first.pid());
        assert!(told.contains(&holder) && told.contains(name) && told.contains("--store"), "{told}");
    }
    let before = demo.store().records().await?.of("demo/login").len();
    demo.store().runs(before + 2).await?;
    first.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_was_killed_leaves_the_store_to_the_next_one() -> Result<()> {
    let demo = Demo::start().await?;
    let mut first = demo.run()?;
    let before = demo.store().runs(1).await?.of("demo/login").len();
    first.kill()?;
    let second = demo.run()?;
    demo.store().runs(before + 1).await?;
    let told = authprobe(demo.dir(), &["run"]).await?.told(3);
    assert!(told.contains(&format!("process {}", second.pid())), "{told}");
    second.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn commands_that_write_for_a_moment_take_turns_with_the_daemon() -> Result<()> {
    let demo = Demo::start().await?;
    let daemon = demo.run()?;
    let store = demo.store();
    store.runs(1).await?;
    let gap =
        r#"{"type":"gap","feed":"logs","from":"2026-11-01T01:00:00Z","until":"2026-11-01T01:04:00Z","why":"test"}"#;
    fs::write(demo.path("gap.ndjson"), gap)?;
    authprobe(demo.dir(), &["import", "gap.ndjson"]).await?.with(0);
    authprobe(demo.dir(), &["changes", "add", "--kind", "note", "--object", "Note/test"]).await?.with(0);
    authprobe(demo.dir(), &["check", "--record", "--probe", "api_key"]).await?.with(0);
    let now = store.records().await?;
    store.runs(now.of("demo/login").len() + 1).await?;
    let log = daemon.stop().await?.told(0);
    assert!(log.contains(", 0 lost"), "{log}");
    let records = store.records().await?;
    assert!(records.gaps.iter().any(|gap| gap.feed == "logs"), "{:?}", records.gaps);
    records.changes.iter().find(|change| change.object == "Note/test").context("the change")?;
    assert!(records.of("demo/api_key").iter().any(|result| result.every_s.is_none()), "the result of the check");
    Ok(())
}
