//! Records that come from elsewhere: imported, exported, judged.

use std::fs;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::program::{Program, authprobe};

/// Seconds from one run to the next.
const EVERY: i64 = 30;
/// Runs of the story, with six probes each.
const RUNS: i64 = 335;
/// Run in which the secret changes; the rollout begins four runs later.
const CHANGED: i64 = 200;
/// Runs at which another third of the pods has the new secret.
const READY: [i64; 3] = [205, 209, 213];

#[tokio::test]
async fn a_rolling_rotation_that_is_imported_is_explained() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-import-")?;
    fs::write(dir.path().join("story.ndjson"), story()?)?;
    let told = authprobe(dir.path(), &["import", "story.ndjson"]).await?.told(0);
    ensure!(told.contains("2013 records taken") && told.contains("2013 new, 0 replaced, 0 duplicate"), "{told}");

    let window = ["--from", "2026-11-01T00:00:00Z", "--until", "2026-11-01T03:00:00Z"];
    let arguments = [&["report", "incidents", "--format", "json"], &window[..]].concat();
    let page = authprobe(dir.path(), &arguments).await?.with(0);
    let report: Value = serde_json::from_str(&page)?;
    let incidents = report["incidents"].as_array().context("incidents")?;
    ensure!(incidents.len() == 1, "one rotation, one incident: {report:#}");
    let incident = &incidents[0];
    ensure!(incident["verdict"] == "change", "{incident:#}");
    ensure!(incident["causes"][0]["changes"] == json!(["c-17"]), "{incident:#}");
    ensure!(incident["causes"][0]["trigger"] == "c-18", "{incident:#}");
    for probe in ["orchestrator/login", "orchestrator/api_key", "orchestrator/cannot-admin"] {
        ensure!(incident["healthy"].as_array().is_some_and(|all| all.contains(&json!(probe))), "{probe}: {incident:#}");
    }
    ensure!(incident["end"].is_object() && incident["severity"] != "security", "{incident:#}");

    let again = authprobe(dir.path(), &arguments).await?.with(0);
    ensure!(again == page, "the same store and window give the same bytes");
    let text = authprobe(dir.path(), &[&["report", "incidents"], &window[..]].concat()).await?.with(0);
    ensure!(text.contains("orchestrator-jwt-secret"), "{text}");
    let id = incident["id"].as_str().context("an id")?;
    let one = authprobe(dir.path(), &[&arguments[..], &["--incident", id]].concat()).await?.with(0);
    ensure!(serde_json::from_str::<Value>(&one)?["incidents"] == report["incidents"], "{one}");
    let none = authprobe(dir.path(), &[&arguments[..], &["--incident", "i-000000000000"]].concat()).await?;
    none.told(2);
    Ok(())
}

#[tokio::test]
async fn importing_again_changes_nothing_and_order_does_not_matter() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-import-")?;
    let story = story()?;
    let mut lines: Vec<&str> = story.lines().collect();
    fs::write(dir.path().join("story.ndjson"), &story)?;
    lines.reverse();
    fs::write(dir.path().join("reversed.ndjson"), lines.join("\n"))?;

    authprobe(dir.path(), &["import", "story.ndjson"]).await?.told(0);
    let first = authprobe(dir.path(), &["export"]).await?.with(0);
    let told = authprobe(dir.path(), &["import", "story.ndjson", "reversed.ndjson"]).await?.told(0);
    ensure!(told.contains("0 new, 0 replaced, 4026 duplicate"), "{told}");
    ensure!(authprobe(dir.path(), &["export"]).await?.with(0) == first, "nothing changed");

    fs::write(dir.path().join("exported.ndjson"), &first)?;
    let input = dir.path().join("exported.ndjson");
    let copied = Program::new(dir.path(), &["import", "--store", "copy.db", "-"]).input(&input).end().await?.told(0);
    ensure!(copied.contains("2013 new"), "{copied}");
    ensure!(authprobe(dir.path(), &["export", "--store", "copy.db"]).await?.with(0) == first, "a copy is the same");
    authprobe(dir.path(), &["import", "--store", "sqlite:reversed.db", "reversed.ndjson"]).await?.told(0);
    ensure!(authprobe(dir.path(), &["export", "--store", "reversed.db"]).await?.with(0) == first, "in any order");

    for kind in ["slo", "incidents", "timeline"] {
        let arguments = ["report", kind, "--format", "json", "--from", "2026-11-01", "--until", "2026-11-02"];
        let one = authprobe(dir.path(), &arguments).await?.with(0);
        let other = authprobe(dir.path(), &[&arguments[..], &["--store", "reversed.db"]].concat()).await?.with(0);
        ensure!(one == other, "report {kind} depends on the order of arrival");
    }
    Ok(())
}

#[tokio::test]
async fn an_export_may_be_cut_and_written_to_a_file() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-import-")?;
    fs::write(dir.path().join("story.ndjson"), story()?)?;
    authprobe(dir.path(), &["import", "story.ndjson"]).await?.told(0);
    let whole = authprobe(dir.path(), &["export"]).await?.with(0);
    authprobe(dir.path(), &["export", "-o", "whole.ndjson"]).await?.with(0);
    ensure!(fs::read_to_string(dir.path().join("whole.ndjson"))? == whole, "to a file as to standard output");

    let results = |page: &str| page.lines().filter(|line| line.contains(r#""type":"result""#)).count();
    let (mut parts, cuts) = (0, ["2026-11-01T00:00:00Z", "2026-11-01T01:40:00.25Z", "2026-11-01T03:00:00Z"]);
    for cut in cuts.windows(2) {
        parts += results(&authprobe(dir.path(), &["export", "--from", cut[0], "--until", cut[1]]).await?.with(0));
    }
    ensure!(parts == results(&whole), "half-open windows add up");
    let other = authprobe(dir.path(), &["export", "--target", "other*"]).await?.with(0);
    ensure!(results(&other) == 0, "{other}");
    Ok(())
}

#[tokio::test]
async fn a_report_and_an_export_take_the_form_that_their_file_ends_in() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-import-")?;
    fs::write(dir.path().join("story.ndjson"), story()?)?;
    authprobe(dir.path(), &["import", "story.ndjson"]).await?.told(0);
    let window = ["--from", "2026-11-01", "--until", "2026-11-02"];
    for (file, begins, holds) in [
        ("page.html", "<!DOCTYPE html>", "What broke"),
        ("page.md", "# ", "Trigger and contributing changes"),
        ("page.csv", "incident,severity,", "signature_invalid"),
        ("page.txt", "Incidents, ", "failing"),
    ] {
        let arguments = [&["report", "incidents", "-o", file], &window[..]].concat();
        authprobe(dir.path(), &arguments).await?.with(0);
        let page = fs::read_to_string(dir.path().join(file))?;
        ensure!(page.starts_with(begins) && page.contains(holds), "{file}: {page}");
    }
    authprobe(dir.path(), &["export", "-o", "results.csv"]).await?.told(0);
    let table = fs::read_to_string(dir.path().join("results.csv"))?;
    ensure!(table.starts_with("time,target,probe,kind,") && table.lines().count() > 2_000, "{table}");
    ensure!(
        authprobe(dir.path(), &["export", "--format", "csv"]).await?.with(0) == table,
        "the same on standard output"
    );
    Ok(())
}

#[tokio::test]
async fn a_change_that_is_added_by_hand_is_listed_once() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-import-")?;
    let add = [
        "changes",
        "add",
        "--kind",
        "deploy",
        "--object",
        "Deployment/a/b",
        "--target",
        "api",
        "--at",
        "2026-11-01T00:00:00Z",
    ];
    let add = [&add[..], &["--revision", "7", "image\u{1b}[31m v2"]].concat();
    let id = authprobe(dir.path(), &add).await?.with(0);
    ensure!(authprobe(dir.path(), &add).await?.with(0) == id, "the same change has the same id");
    let listed = authprobe(dir.path(), &["changes", "list"]).await?.with(0);
    ensure!(listed.contains(id.trim()) && listed.contains("Deployment/a/b"), "{listed}");
    ensure!(!listed.contains('\u{1b}'), "a terminal is not given orders: {listed:?}");
    let json: Value = serde_json::from_str(&authprobe(dir.path(), &["changes", "list", "--json"]).await?.with(0))?;
    ensure!(json["type"] == "change" && json["revision"] == "7" && json["targets"] == json!(["api"]), "{json}");
    Ok(())
}

/// The lines of a story: all is well, the secret changes, the pods are replaced one by one, all is well again.
fn story() -> Result<String> {
    let begin: Timestamp = "2026-11-01T00:00:00.25Z".parse()?;
    let at = |run: i64, later: i64| begin + SignedDuration::from_secs(run * EVERY) + SignedDuration::from_millis(later);
    let mut lines = String::new();
    let probes = [
        ("login", "login", "allow", "valid"),
        ("jwt", "jwt", "allow", "fresh"),
        ("jwt-held", "jwt", "allow", "held"),
        ("api_key", "api_key", "allow", "valid"),
        ("can-execute", "permission", "allow", "fresh"),
        ("cannot-admin", "permission", "deny", "fresh"),
    ];
    for run in 0..RUNS {
        for (number, (probe, kind, expect, variant)) in (0_i64..).zip(probes) {
            let fails = fails(probe, run);
            let mut line = json!({
                "type": "result", "time": at(run, number * 40).to_string(), "target": "orchestrator", "probe": probe,
                "kind": kind, "expect": expect, "variant": variant, "agent": "local",
                "outcome": if fails { "failure" } else { "success" }, "reason": null, "took_us": 8_000 + run,
                "status": if fails { 401 } else if expect == "deny" { 403 } else { 200 }, "every_s": EVERY,
            });
            if fails {
                line["reason"] = json!("signature_invalid");
                line["detail"] = json!("HTTP 401 Unauthorized (JWT signature invalid)");
            }
            lines += &format!("{line}\n");
        }
    }
    let ready: Vec<Value> =
        READY.iter().zip([0.33, 0.67, 1.0]).map(|(run, share)| json!([at(*run, 0).to_string(), share])).collect();
    for change in [
        json!({
            "type": "change", "id": "c-17", "time": at(CHANGED, 0).to_string(), "kind": "secret",
            "object": "Secret/llm-orchestrator/orchestrator-jwt-secret", "targets": ["orchestrator"],
            "data_changed": "yes", "keys": ["secret"], "secret_role": "jwt_signing", "summary": "key secret changed",
            "mounts": [{"workload": "Deployment/llm-orchestrator/orchestrator", "how": "env"}],
            "source": "kubernetes", "known_at": at(CHANGED, 900).to_string(),
        }),
        json!({
            "type": "change", "id": "c-18", "time": at(CHANGED + 4, 0).to_string(), "until": at(READY[2], 0).to_string(),
            "kind": "rollout", "object": "Deployment/llm-orchestrator/orchestrator", "targets": ["orchestrator"],
            "progress": ready, "revision": "42", "summary": "restarted", "source": "kubernetes",
        }),
        json!({
            "type": "gap", "feed": "kubernetes", "from": at(20, 0).to_string(), "until": at(28, 0).to_string(),
            "why": "watch lost",
        }),
    ] {
        lines += &format!("{change}\n");
    }
    Ok(lines)
}

/// With n of three pods new, tokens pass as often as two requests in turn meet pods that agree.
fn fails(probe: &str, run: i64) -> bool {
    let new = READY.iter().filter(|ready| run >= **ready).count() as i64;
    match probe {
        "jwt" | "can-execute" => (1..3).contains(&new) && run % 9 < 5,
        // A held token is of the old secret, until a new one is kept.
        "jwt-held" => new > 0 && run < READY[2] + 8 && (new == 3 || run % 3 < new),
        _ => false,
    }
}
