//! What is older than the configuration allows goes while the daemon works.

use std::fs;

use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::harness::demo::Demo;
use crate::harness::program::authprobe;

/// Results of each age that is imported.
const EACH: i64 = 500;

#[tokio::test]
async fn results_that_are_too_old_go_and_all_others_stay() -> Result<()> {
    let demo = Demo::start().await?;
    let now = Timestamp::now();
    let (old, young) = (now - SignedDuration::from_hours(10 * 24), now - SignedDuration::from_hours(24));
    fs::write(demo.path("old.ndjson"), results("old", old) + &results("young", young))?;
    authprobe(demo.dir(), &["import", "old.ndjson"]).await?.told(0);
    let config = fs::read_to_string(demo.path("authprobe.yaml"))?;
    fs::write(demo.path("authprobe.yaml"), format!("{config}retention: {{ results: 7d, rollups: 1y }}\n"))?;

    let mut daemon = demo.run()?;
    daemon.says("500 results dropped").await?;
    let records = demo.store().until("a run after it", |records| records.of("demo/login").len() >= 2).await?;
    ensure!(records.of("import/old").is_empty(), "{records}");
    ensure!(records.of("import/young").len() == EACH as usize, "{records}");
    let log = daemon.stop().await?.told(0);
    ensure!(log.contains(", 0 lost"), "{log}");
    Ok(())
}

#[tokio::test]
async fn without_the_key_nothing_is_dropped() -> Result<()> {
    let demo = Demo::start().await?;
    let old = "1996-11-01T00:00:00Z".parse::<Timestamp>()?;
    fs::write(demo.path("old.ndjson"), results("old", old))?;
    authprobe(demo.dir(), &["import", "old.ndjson"]).await?.told(0);
    let daemon = demo.run()?;
    let records = demo.store().until("two runs", |records| records.of("demo/login").len() >= 2).await?;
    ensure!(records.of("import/old").len() == EACH as usize, "{records}");
    let log = daemon.stop().await?.told(0);
    ensure!(!log.contains("dropped"), "{log}");
    Ok(())
}

/// Results of one probe, a second apart.
fn results(probe: &str, begin: Timestamp) -> String {
    let line = |second: i64| {
        let line = json!({
            "type": "result", "time": (begin + SignedDuration::from_secs(second)).to_string(), "target": "import",
            "probe": probe, "kind": "login", "expect": "allow", "variant": "valid", "agent": "local",
            "outcome": "success", "reason": null, "took_us": 8_000, "every_s": 1,
        });
        format!("{line}\n")
    };
    (0..EACH).map(line).collect()
}
