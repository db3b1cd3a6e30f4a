//! Objectives of records that are imported, against a second computation that shares nothing with the program.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use boon::{Compiler, Schemas};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::program::{Ended, authprobe};

/// Cases that are drawn anew by each seed.
const SEEDS: std::ops::Range<u32> = 0..16;

#[tokio::test]
async fn every_number_is_what_a_walk_from_slot_to_slot_comes_to() -> Result<()> {
    let mut schemas = Schemas::new();
    let schema = Compiler::new()
        .compile(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report.schema.json"), &mut schemas)
        .map_err(|error| anyhow!("{error:#}"))?;
    for seed in SEEDS {
        let dir = TempDir::with_prefix("authprobe-objectives-")?;
        let path = dir.path().to_str().context("a path in Unicode")?;
        python("cases.py", &[&seed.to_string(), path])?;
        authprobe(dir.path(), &["import", "records.ndjson"]).await?.told(0);
        authprobe(dir.path(), &["export", "-o", "exported.ndjson"]).await?.with(0);
        let window: Vec<String> = serde_json::from_str(&fs::read_to_string(dir.path().join("window.json"))?)?;
        let mut arguments = vec!["report", "slo", "--format", "json"];
        arguments.extend(window.iter().map(String::as_str));
        let ended = authprobe(dir.path(), &arguments).await?;
        ensure!(matches!(ended.code, Some(0 | 1)), "seed {seed}: {}", ended.err);
        let report: Value = serde_json::from_str(&ended.out)?;
        schemas.validate(&report, schema).map_err(|error| anyhow!("seed {seed}: {error:#}"))?;
        let missed = report["slos"].as_array().context("slos")?.iter().any(|slo| slo["status"] == "missed");
        ensure!(ended.code == Some(i32::from(missed)), "seed {seed}: the exit code says whether one is missed");
        fs::write(dir.path().join("report.json"), &ended.out)?;
        python("naive.py", &[path]).with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}

fn python(script: &str, arguments: &[&str]) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slo").join(script);
    let ended =
        Command::new("python3").arg(script).args(arguments).output().context("python3, see tests/install.sh")?;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Ok(())
}

#[tokio::test]
async fn a_window_that_holds_nothing_is_answered_and_one_without_length_is_refused() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-objectives-")?;
    python("cases.py", &["1", dir.path().to_str().context("a path in Unicode")?])?;
    authprobe(dir.path(), &["import", "records.ndjson"]).await?.told(0);
    let asked = |from, until| authprobe_report(dir.path(), from, until);
    let refused = asked("2020-01-01", "2020-01-01").await?.told(2);
    ensure!(refused.contains("give a later `--until`"), "{refused}");
    let before = asked("2020-01-01", "2020-02-01").await?.with(0);
    ensure!(before.contains("nothing was planned in this window"), "{before}");
    let future = asked("2100-01-01", "2100-02-01").await?.with(0);
    ensure!(future.contains("nothing was planned in this window"), "{future}");
    Ok(())
}

async fn authprobe_report(dir: &Path, from: &str, until: &str) -> Result<Ended> {
    authprobe(dir, &["report", "slo", "--from", from, "--until", until]).await
}
