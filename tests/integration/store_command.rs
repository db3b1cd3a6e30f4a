//! What `authprobe store` says of a store and does with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::program::authprobe;

/// Results of each of two probes, thirty seconds apart: more than a day of them.
const RUNS: i64 = 3_000;

#[tokio::test]
async fn stats_tell_what_a_store_holds_to_people_and_to_programs() -> Result<()> {
    let dir = filled().await?;
    let page: Value =
        serde_json::from_str(&authprobe(dir.path(), &["store", "stats", "--format", "json"]).await?.with(0))?;
    ensure!(page["schema"] == "authprobe.store/v1", "{page:#}");
    ensure!(
        page["results"] == RUNS * 2 && page["series"] == 2 && page["changes"] == 1 && page["gaps"] == 1,
        "{page:#}"
    );
    ensure!(page["first"] == "2026-11-01T00:00:00.25Z", "{page:#}");
    let parts: u64 = ["hot", "late", "sealed"].iter().filter_map(|part| page[part].as_u64()).sum();
    ensure!(parts == (RUNS * 2) as u64, "each result is in one place: {page:#}");
    let file = fs::metadata(dir.path().join("authprobe.db"))?.len();
    ensure!(page["file_bytes"] == file, "{page:#}");
    let tables = page["tables"].as_array().context("tables")?;
    let used: u64 = tables.iter().filter_map(|table| table["bytes"].as_u64()).sum();
    ensure!(0 < used && used <= file, "the tables lie in the file: {page:#}");

    let table = authprobe(dir.path(), &["store", "stats", "--store", "authprobe.db"]).await?.with(0);
    ensure!(table.contains("6,000 results of 2 series, 1 changes, 1 gaps"), "{table}");
    for table_of_json in tables {
        ensure!(table.contains(table_of_json["name"].as_str().context("a name")?), "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn a_store_that_is_compacted_keeps_every_record_and_is_sound() -> Result<()> {
    let dir = filled().await?;
    let before = authprobe(dir.path(), &["export"]).await?.with(0);
    let told = authprobe(dir.path(), &["store", "compact"]).await?.told(0);
    ensure!(told.contains(" before, ") && told.contains(" after"), "{told}");
    ensure!(authprobe(dir.path(), &["export"]).await?.with(0) == before, "the same records in the same order");
    let fine = authprobe(dir.path(), &["store", "check"]).await?.with(0);
    ensure!(fine.contains("6,000 results") && fine.contains(": fine"), "{fine}");
    Ok(())
}

#[tokio::test]
async fn a_backup_is_a_private_store_and_never_takes_the_place_of_a_file() -> Result<()> {
    let dir = filled().await?;
    authprobe(dir.path(), &["store", "backup", "copy.db"]).await?.told(0);
    let copy = dir.path().join("copy.db");
    ensure!(fs::metadata(&copy)?.permissions().mode() & 0o777 == 0o600, "only its owner may read it");
    let whole = authprobe(dir.path(), &["export"]).await?.with(0);
    ensure!(authprobe(dir.path(), &["export", "--store", "copy.db"]).await?.with(0) == whole, "it holds the same");
    authprobe(dir.path(), &["store", "check", "--store", "copy.db"]).await?.with(0);

    let bytes = fs::read(&copy)?;
    let told = authprobe(dir.path(), &["store", "backup", "copy.db"]).await?.told(2);
    ensure!(told.contains("copy.db") && told.contains("another name"), "{told}");
    ensure!(fs::read(&copy)? == bytes, "it is as it was");
    let told = authprobe(dir.path(), &["store", "backup", "no/such/directory/copy.db"]).await?.told(3);
    ensure!(told.contains("no/such/directory"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_damaged_store_is_told_with_what_to_do_and_ends_with_3() -> Result<()> {
    let dir = filled().await?;
    authprobe(dir.path(), &["store", "compact"]).await?.told(0);
    let path = dir.path().join("authprobe.db");
    let sound = fs::read(&path)?;
    // A compacted file has no free pages, so each page behind the first holds something.
    for page in [2, sound.len() / 4096 / 2, sound.len() / 4096 - 1] {
        let mut bytes = sound.clone();
        bytes[page * 4096..page * 4096 + 64].fill(0xa5);
        fs::write(&path, bytes)?;
        let ended = authprobe(dir.path(), &["store", "check"]).await?;
        let said = format!("{}{}", ended.out, ended.err);
        ensure!(ended.code == Some(3) && said.contains("damaged") && said.contains("backup"), "page {page}: {said}");
        ensure!(!said.contains(": fine"), "page {page}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_store_that_is_not_there_is_not_made() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-store-")?;
    for command in [&["stats"][..], &["check"], &["compact"], &["backup", "copy.db"]] {
        let told = authprobe(dir.path(), &[&["store"], command].concat()).await?.told(3);
        ensure!(told.contains("authprobe.db") && told.contains("does not exist"), "{command:?}: {told}");
    }
    ensure!(fs::read_dir(dir.path())?.next().is_none(), "nothing was made");
    Ok(())
}

#[tokio::test]
async fn the_store_is_that_of_the_configuration_unless_another_is_given() -> Result<()> {
    let dir = filled().await?;
    fs::create_dir(dir.path().join("etc"))?;
    fs::write(dir.path().join("etc/probe.yaml"), "store: ../authprobe.db\n")?;
    let of = async |arguments: &[&str]| authprobe(dir.path(), &[&["store", "stats"], arguments].concat()).await;
    ensure!(of(&["-c", "etc/probe.yaml"]).await?.with(0).contains("6,000 results"), "the configuration's");
    of(&["-c", "etc/probe.yaml", "--store", "other.db"]).await?.told(3);
    of(&["-c", "etc/nowhere.yaml"]).await?.told(2);
    of(&["--store", "clickhouse://host/db"]).await?.told(2);
    Ok(())
}

/// A directory with a store of two series, a change and a gap.
async fn filled() -> Result<TempDir> {
    let dir = TempDir::with_prefix("authprobe-store-")?;
    fs::write(dir.path().join("records.ndjson"), records()?)?;
    let told = authprobe(dir.path(), &["import", "records.ndjson"]).await?.told(0);
    ensure!(told.contains("6002 new"), "{told}");
    fs::remove_file(dir.path().join("records.ndjson"))?;
    Ok(dir)
}

fn records() -> Result<String> {
    let begin: Timestamp = "2026-11-01T00:00:00.25Z".parse()?;
    let mut lines = String::new();
    for run in 0..RUNS {
        for (number, probe) in (0_i64..).zip(["login", "jwt"]) {
            let time = begin + SignedDuration::from_secs(run * 30) + SignedDuration::from_millis(number * 40);
            let line = json!({
                "type": "result", "time": time.to_string(), "target": "orchestrator", "probe": probe, "kind": probe,
                "expect": "allow", "variant": "valid", "agent": "local", "outcome": "success", "reason": null,
                "status": 200, "took_us": 8_000 + run % 977, "every_s": 30,
            });
            lines += &format!("{line}\n");
        }
    }
    let change = json!({
        "type": "change", "id": "c-1", "time": begin.to_string(), "kind": "deploy", "object": "Deployment/a/b",
        "targets": ["orchestrator"], "source": "manual", "summary": "image v2",
    });
    let until = begin + SignedDuration::from_mins(4);
    let gap = json!({
        "type": "gap", "feed": "kubernetes", "from": begin.to_string(), "until": until.to_string(), "why": "watch lost",
    });
    Ok(lines + &format!("{change}\n{gap}\n"))
}
