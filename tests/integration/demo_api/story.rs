//! The promise: a secret is rotated, tokens fail, the report names the change.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::harness::program::Program;
use crate::harness::wait::{Seen, until_within};

#[tokio::test]
async fn the_demo_names_the_change_behind_each_incident_in_under_a_minute() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-story-")?;
    let begun = Instant::now();
    let mut demo = Program::new(dir.path(), &["demo", "--dir", "told"]).start()?;
    let minute = std::time::Duration::from_secs(60);
    until_within(minute, "the demo to end", async || Ok(Seen::when(demo.has_ended()?, (), String::new))).await?;
    let ended = demo.end().await?;
    assert!(begun.elapsed() < minute);
    let printed = ended.with(0);

    let read = |name: &str| -> Result<String> {
        let file = dir.path().join("told").join(name);
        fs::read_to_string(&file).with_context(|| file.display().to_string())
    };
    let incidents: Value = serde_json::from_str(&read("incidents.json")?)?;
    let all = incidents["incidents"].as_array().cloned().unwrap_or_default();
    assert_eq!(all.len(), 2, "the rotation, and the revoked key: {incidents:#}");

    let rotation = &all[0];
    assert_eq!(rotation["verdict"], "change", "{rotation:#}");
    assert_eq!(rotation["causes"][0]["changes"], json!(["demo-secret"]), "{rotation:#}");
    assert_eq!(rotation["causes"][0]["trigger"], "demo-rollout", "{rotation:#}");
    let healthy = rotation["healthy"].as_array().cloned().unwrap_or_default();
    for probe in ["orchestrator/login", "orchestrator/api_key"] {
        assert!(healthy.contains(&json!(probe)), "{probe} was well: {rotation:#}");
    }
    assert!(rotation["end"].is_object(), "it is over: {rotation:#}");

    let revocation = &all[1];
    assert_eq!(revocation["verdict"], "change", "{revocation:#}");
    assert_eq!(revocation["causes"][0]["changes"], json!(["demo-key"]), "{revocation:#}");
    assert!(revocation["end"].is_null(), "the key is still revoked: {revocation:#}");
    for incident in &all {
        let none = incident["none_probability"].as_f64().unwrap_or_default();
        let of = |cause: &Value| cause["probability"].as_f64();
        let sum: f64 = incident["causes"].as_array().into_iter().flatten().filter_map(of).sum();
        assert!(none + sum <= 1.0 + 1e-9, "{incident:#}");
    }

    let text = read("incidents.txt")?;
    assert!(printed.contains(text.trim_end().lines().next().unwrap_or("?")), "what is printed is what is written");
    assert!(text.contains("orchestrator-jwt-secret") && text.contains("ApiKey/demo/probe"), "{text}");
    let timeline: Value = serde_json::from_str(&read("timeline.json")?)?;
    let kinds: Vec<&str> =
        timeline["items"].as_array().into_iter().flatten().filter_map(|item| item["kind"].as_str()).collect();
    assert!(
        kinds.contains(&"change") && kinds.contains(&"probe_transition") && kinds.contains(&"recovery"),
        "{kinds:?}"
    );
    let slo: Value = serde_json::from_str(&read("slo.json")?)?;
    assert_eq!(slo["slos"][0]["status"], "missed", "{slo:#}");
    for kind in ["slo", "timeline"] {
        assert!(!read(&format!("{kind}.txt"))?.trim().is_empty());
    }
    Ok(())
}
