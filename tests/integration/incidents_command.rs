//! `authprobe incidents` and `authprobe note`: what people say is kept, shown, and learned from.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::demo::Demo;
use crate::harness::program::authprobe;
use crate::harness::wait::{Seen, until};
use crate::harness::web::Web;

/// A store of two days; on each a secret is changed, and a minute later tokens fail for half an hour.
async fn story() -> Result<TempDir> {
    let dir = TempDir::new()?;
    let mut lines = String::new();
    for day in ["01", "02"] {
        for slot in 0..240_i64 {
            let time = format!("2026-11-{day}T{:02}:{:02}:{:02}Z", slot / 120, slot % 120 / 2, slot % 2 * 30);
            for (probe, kind) in [("login", "login"), ("jwt", "jwt")] {
                let failed = probe == "jwt" && (80..140).contains(&slot);
                let (outcome, reason) = if failed { ("failure", "\"signature_invalid\"") } else { ("success", "null") };
                writeln!(
                    lines,
                    r#"{{"type":"result","time":"{time}","target":"api","probe":"{probe}","kind":"{kind}","outcome":"{outcome}","reason":{reason},"took_us":900,"every_s":30}}"#
                )?;
            }
        }
        for (id, object, minute) in [("secret", "Secret/prod/jwt", 39), ("config", "ConfigMap/prod/api", 38)] {
            let kind = if id == "secret" { "secret" } else { "configmap" };
            writeln!(
                lines,
                r#"{{"type":"change","id":"{id}-{day}","time":"2026-11-{day}T00:{minute}:00Z","kind":"{kind}","object":"{object}","targets":["api"],"data_changed":"yes","mounts":[{{"workload":"Deployment/prod/api","how":"volume"}}],"source":"kubernetes"}}"#
            )?;
        }
    }
    fs::write(dir.path().join("all.ndjson"), lines)?;
    authprobe(dir.path(), &["import", "all.ndjson"]).await?.with(0);
    Ok(dir)
}

/// The incidents of the store, the earliest first, as JSON.
async fn incidents(dir: &Path) -> Result<Vec<Value>> {
    let report = authprobe(dir, &["report", "incidents", "--format", "json"]).await?.with(0);
    let report: Value = serde_json::from_str(&report)?;
    Ok(report["incidents"].as_array().context("incidents")?.clone())
}

fn id(incident: &Value) -> Result<&str> {
    incident["id"].as_str().context("an id")
}

#[tokio::test]
async fn a_confirmed_cause_is_shown_beside_and_makes_later_ones_likelier() -> Result<()> {
    let dir = story().await?;
    let before = incidents(dir.path()).await?;
    let [first, second] = before.as_slice() else { anyhow::bail!("{before:?}") };
    assert_eq!(first["causes"][0]["changes"][0], "secret-01");
    assert_eq!(first["confirmed"], Value::Null);

    let because = "rotated by hand, \"now\"";
    let words = ["incidents", "confirm", id(first)?, "--because", because, "--author", "sre"];
    let said = authprobe(dir.path(), &words).await?.with(0);
    assert_eq!(said, format!("v-{}\n", id(first)?));
    let after = incidents(dir.path()).await?;
    let confirmed = &after[0]["confirmed"];
    assert_eq!((&confirmed["decision"], &confirmed["changes"][0]), (&"confirmed".into(), &"secret-01".into()));
    assert_eq!((&confirmed["by"], &confirmed["because"]), (&"sre".into(), &because.into()));
    assert_eq!(after[0]["causes"], first["causes"], "what was said changes nothing of the incident itself");
    let chance = |incident: &Value| incident["causes"][0]["probability"].as_f64();
    ensure!(chance(&after[1]) > chance(second), "{:?} and {:?}", chance(&after[1]), chance(second));
    let text = authprobe(dir.path(), &["report", "incidents"]).await?.with(0);
    ensure!(text.contains("it was secret-01: rotated by hand") && text.contains("says sre"), "{text}");

    // A later word replaces it, and it goes where the records go.
    authprobe(dir.path(), &["incidents", "reject", id(first)?]).await?.with(0);
    let lines = authprobe(dir.path(), &["export"]).await?.with(0);
    let verdicts: Vec<&str> = lines.lines().filter(|line| line.contains(r#""type":"verdict""#)).collect();
    assert_eq!(verdicts.len(), 1, "{verdicts:?}");
    ensure!(
        verdicts[0].contains(r#""decision":"rejected""#) && verdicts[0].contains(r#""lag":"volume""#),
        "{verdicts:?}"
    );
    fs::write(dir.path().join("again.ndjson"), &lines)?;
    authprobe(dir.path(), &["import", "--store", "other.db", "again.ndjson"]).await?.with(0);
    let report = |store| ["report", "incidents", "--format", "json", "--store", store];
    let [here, there] =
        [authprobe(dir.path(), &report("authprobe.db")).await?, authprobe(dir.path(), &report("other.db")).await?];
    assert_eq!(here.with(0), there.with(0));
    Ok(())
}

#[tokio::test]
async fn another_change_or_none_can_be_confirmed() -> Result<()> {
    let dir = story().await?;
    let all = incidents(dir.path()).await?;
    let [first, second] = all.as_slice() else { anyhow::bail!("{all:?}") };
    authprobe(dir.path(), &["incidents", "confirm", id(first)?, "--change", "config-01"]).await?.with(0);
    authprobe(dir.path(), &["incidents", "confirm", id(second)?, "--none"]).await?.with(0);
    let said = incidents(dir.path()).await?;
    assert_eq!(said[0]["confirmed"]["changes"], serde_json::json!(["config-01"]));
    assert_eq!(said[1]["confirmed"]["changes"], serde_json::json!([]));
    let text = authprobe(dir.path(), &["report", "incidents"]).await?.with(0);
    ensure!(text.contains("no recorded change caused it"), "{text}");
    Ok(())
}

#[tokio::test]
async fn what_does_not_exist_is_told_with_what_does() -> Result<()> {
    let dir = story().await?;
    let all = incidents(dir.path()).await?;
    let told = authprobe(dir.path(), &["incidents", "confirm", "i-none"]).await?.told(2);
    ensure!(
        told.contains("no incident `i-none`") && told.contains(id(&all[0])?) && told.contains(id(&all[1])?),
        "{told}"
    );
    let wrong = ["incidents", "confirm", id(&all[0])?, "--change", "c-\u{1b}[2J"];
    let told = authprobe(dir.path(), &wrong).await?.told(2);
    ensure!(told.contains("secret-01") && !told.contains("secret-02") && !told.contains('\u{1b}'), "{told}");
    for words in [
        &["--none", "--change", "secret-01"][..],
        &["--trigger", "config-01"],
        &["--because", "two\nlines"],
        &["--because", " "],
        &["--last", "3h"],
    ] {
        authprobe(dir.path(), &[&["incidents", "confirm", id(&all[0])?], words].concat()).await?.told(2);
    }
    authprobe(dir.path(), &["incidents", "confirm", id(&all[0])?, "--store", "no.db"]).await?.told(3);
    ensure!(!authprobe(dir.path(), &["export"]).await?.with(0).contains("verdict"));
    Ok(())
}

#[tokio::test]
async fn a_note_is_added_once_and_stands_in_the_timeline() -> Result<()> {
    let dir = story().await?;
    let words =
        ["note", "add", "--at", "2026-11-01T00:50:00Z", "--target", "api", "--author", "sre", "called the provider"];
    let one = authprobe(dir.path(), &words).await?.with(0);
    assert_eq!(one, authprobe(dir.path(), &words).await?.with(0));
    let lines = authprobe(dir.path(), &["export"]).await?.with(0);
    let notes: Vec<&str> = lines.lines().filter(|line| line.contains(r#""kind":"note""#)).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    ensure!(notes[0].contains(r#""source":"people""#), "{notes:?}");
    let timeline = authprobe(dir.path(), &["report", "timeline"]).await?.with(0);
    ensure!(timeline.contains("called the provider"), "{timeline}");
    authprobe(dir.path(), &["note", "add", "--at", "2026-11-01T00:50:00Z", "\u{1b}[2J"]).await?.told(2);
    authprobe(dir.path(), &["note", "add", "no moment"]).await?.told(2);
    Ok(())
}

#[tokio::test]
async fn a_note_is_kept_beside_a_running_daemon() -> Result<()> {
    let demo = Demo::start().await?;
    let mut daemon = demo.run()?;
    Web::of(&mut daemon).await?.ready().await?;
    let words = ["note", "add", "--at", "2026-11-01T00:50:00Z", "seen by hand"];
    let id = authprobe(demo.dir(), &words).await?.with(0);
    let records = demo.store().records().await?;
    ensure!(records.changes.iter().any(|change| change.id == id.trim()), "{id}: {:?}", records.changes);
    Ok(())
}

#[tokio::test]
async fn a_verdict_is_kept_beside_a_running_daemon_and_shown_by_the_next_report() -> Result<()> {
    let demo = Demo::start().await?;
    let mut daemon = demo.run()?;
    Web::of(&mut daemon).await?.ready().await?;
    demo.fault(&json!({"fault": "key_revoked"})).await?;
    let incident = until("an incident", async || {
        let found = incidents(demo.dir()).await?;
        Ok(found.first().cloned().map_or_else(|| Seen::NotYet("none".into()), Seen::Done))
    });
    let incident = id(&incident.await?)?.to_owned();
    let words = ["incidents", "confirm", &incident, "--none", "--because", "revoked by hand", "--author", "sre"];
    let verdict = authprobe(demo.dir(), &words).await?.with(0);
    let shown = async || -> Result<(Value, Value)> {
        let [_, incidents, timeline] = demo.report(1).await?;
        let found = incidents["incidents"].as_array().into_iter().flatten().find(|found| found["id"] == *incident);
        let note = timeline["items"].as_array().into_iter().flatten().find(|item| item["kind"] == "note");
        Ok((found.context("the incident")?["confirmed"].clone(), note.context("the note")?.clone()))
    };
    let (confirmed, note) = shown().await?;
    assert_eq!((&confirmed["decision"], &confirmed["by"]), (&"confirmed".into(), &"sre".into()));
    assert_eq!(note["role"], "context");
    ensure!(note["detail"].as_str().is_some_and(|detail| detail.contains("revoked by hand")), "{note}");
    let evidence = |of: &str, name: &str| json!({"type": of, "ref": name});
    assert_eq!(note["evidence"], json!([evidence("verdict", verdict.trim()), evidence("incident", &incident)]));

    // The daemon went on meanwhile, and a later word takes the place of the first.
    authprobe(demo.dir(), &["incidents", "confirm", &incident, "--none", "--because", "seen again"]).await?.with(0);
    let runs = demo.store().records().await?.of("demo/login").len();
    demo.store().runs(runs + 1).await?;
    let log = daemon.stop().await?.told(0);
    ensure!(log.contains(", 0 lost"), "{log}");
    let (confirmed, note) = shown().await?;
    assert_eq!((&confirmed["because"], &confirmed["by"]), (&"seen again".into(), &Value::Null));
    ensure!(note["detail"].as_str().is_some_and(|detail| detail.contains("seen again")), "{note}");
    assert_eq!(demo.store().records().await?.verdicts.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_file_of_numbers_changes_what_a_report_says() -> Result<()> {
    let dir = story().await?;
    let built_in = authprobe(dir.path(), &["config", "model"]).await?.with(0);
    let target = "{name: api, url: 'http://127.0.0.1:1', every: 30s, probes: {login: {path: /a, username: a, password: {env: A}, token: /t}}}";
    let config = format!("targets: [{target}]\nmodel: numbers.toml\n");
    fs::write(dir.path().join("authprobe.yaml"), config)?;
    fs::write(dir.path().join("numbers.toml"), &built_in)?;
    let whole = incidents(dir.path()).await?;
    fs::write(dir.path().join("numbers.toml"), "[prior]\nsecret = 0.0001\n")?;
    let other = incidents(dir.path()).await?;
    assert_eq!(whole[0]["causes"][0]["changes"][0], "secret-01");
    ensure!(other[0]["causes"][0]["probability"] != whole[0]["causes"][0]["probability"]);
    fs::write(dir.path().join("numbers.toml"), "[priors]\n")?;
    let told = authprobe(dir.path(), &["report", "incidents"]).await?.told(2);
    ensure!(told.contains("numbers.toml:1:2: priors: unknown key, did you mean `prior`?"), "{told}");
    Ok(())
}
