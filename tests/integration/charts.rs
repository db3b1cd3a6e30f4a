//! Charts beside a report, as files.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::harness::program::authprobe;

/// Two hours of one probe that fails for ten minutes.
fn records() -> String {
    let line = |slot: u32| {
        let (hour, minute, second) = (10 + slot / 120, slot / 2 % 60, slot % 2 * 30);
        let end = if (100..120).contains(&slot) {
            r#""outcome":"failure","reason":"token_rejected""#
        } else {
            r#""outcome":"success""#
        };
        format!(
            r#"{{"type":"result","time":"2026-11-01T{hour}:{minute:02}:{second:02}Z","target":"a","probe":"jwt","kind":"jwt",{end},"took_us":4000,"every_s":30}}"#
        )
    };
    (0..240).map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn each_chart_of_a_report_appears_in_both_forms_and_is_replaced_as_a_whole() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-charts-")?;
    fs::write(dir.path().join("records.ndjson"), records())?;
    authprobe(dir.path(), &["import", "records.ndjson"]).await?.told(0);
    let window = ["--from", "2026-11-01T10:00:00Z", "--until", "2026-11-01T12:00:00Z"];
    let drawn = [&["report", "incidents", "--charts", "new/charts"], &window[..]].concat();
    let page = authprobe(dir.path(), &drawn).await?.with(0);
    ensure!(page == authprobe(dir.path(), &[&["report", "incidents"], &window[..]].concat()).await?.with(0), "{page}");
    let charts = dir.path().join("new/charts");
    let names = || -> Result<BTreeSet<String>> {
        let names = fs::read_dir(&charts)?.map(|file| file?.file_name().into_string().ok().context("a name"));
        names.collect()
    };
    let expected = ["latency", "probes", "success"].map(|name| [format!("{name}.png"), format!("{name}.svg")]);
    ensure!(names()? == expected.into_iter().flatten().collect(), "{:?}", names()?);
    let svg = fs::read_to_string(charts.join("success.svg"))?;
    ensure!(svg.starts_with("<svg ") && svg.contains("91.67 % of 240 executions succeeded"), "{svg}");
    let png = fs::read(charts.join("success.png"))?;
    ensure!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    fs::write(charts.join("success.svg"), "an older chart, longer than the new one".repeat(1_000))?;
    authprobe(dir.path(), &drawn).await?.with(0);
    ensure!(fs::read_to_string(charts.join("success.svg"))? == svg && fs::read(charts.join("success.png"))? == png);
    Ok(())
}

#[tokio::test]
async fn a_chart_that_cannot_be_is_told() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-charts-")?;
    fs::write(dir.path().join("records.ndjson"), records())?;
    authprobe(dir.path(), &["import", "records.ndjson"]).await?.told(0);
    let before = ["report", "timeline", "--from", "2020-01-01", "--until", "2020-01-02", "--charts", "charts"];
    let ended = authprobe(dir.path(), &before).await?;
    ensure!(ended.code == Some(0) && ended.err.contains("nothing was recorded in this window"), "{}", ended.err);
    let told = authprobe(dir.path(), &["report", "schema", "--charts", "charts"]).await?.told(2);
    ensure!(told.contains("`--charts` goes with"), "{told}");
    fs::write(dir.path().join("file"), "")?;
    let told = authprobe(dir.path(), &["report", "incidents", "--charts", "file"]).await?.told(3);
    ensure!(told.contains("cannot make the directory file"), "{told}");
    Ok(())
}
