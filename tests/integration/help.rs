//! What the program says of itself.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::program::{Program, authprobe};

#[tokio::test]
async fn every_command_explains_itself_with_examples() -> Result<()> {
    let dir = TempDir::new()?;
    for command in [
        &[][..],
        &["demo"],
        &["init"],
        &["check"],
        &["run"],
        &["report"],
        &["rules"],
        &["changes", "add"],
        &["changes", "list"],
        &["changes", "watch"],
        &["incidents", "confirm"],
        &["incidents", "reject"],
        &["note", "add"],
        &["alerts", "test"],
        &["alerts", "list"],
        &["import"],
        &["export"],
        &["store"],
        &["store", "stats"],
        &["store", "check"],
        &["store", "compact"],
        &["store", "backup"],
        &["config"],
        &["completions"],
        &["man"],
    ] {
        let long = authprobe(dir.path(), &[command, &["--help"]].concat()).await?.with(0);
        ensure!(long.contains("Usage:") && long.contains("Examples:\n  "), "{command:?}: {long}");
        let short = authprobe(dir.path(), &[command, &["-h"]].concat()).await?.with(0);
        ensure!(short.contains("Usage:"), "{command:?}: {short}");
        let version = authprobe(dir.path(), &[command, &["--version"]].concat()).await?.with(0);
        ensure!(version.contains(env!("CARGO_PKG_VERSION")), "{command:?}: {version}");
    }
    for command in [["config", "check"], ["config", "schema"]] {
        authprobe(dir.path(), &[&command[..], &["--help"]].concat()).await?.with(0);
    }
    Ok(())
}

#[tokio::test]
async fn every_shell_gets_completions_that_know_the_commands() -> Result<()> {
    let dir = TempDir::new()?;
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = authprobe(dir.path(), &["completions", shell]).await?.with(0);
        ensure!(script.contains("authprobe") && script.contains("incidents"), "{shell}: {script}");
    }
    ensure!(authprobe(dir.path(), &["completions", "tcsh"]).await?.told(2).contains("zsh"), "it names the shells");
    Ok(())
}

#[tokio::test]
async fn every_command_has_a_manual_page_that_a_reader_of_them_takes() -> Result<()> {
    let dir = TempDir::new()?;
    authprobe(dir.path(), &["man", "share/man1"]).await?.with(0);
    let pages =
        fs::read_dir(dir.path().join("share/man1"))?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let has = |name: &str| pages.iter().any(|page| page.ends_with(name));
    ensure!(has("authprobe.1") && has("authprobe-report.1") && has("authprobe-changes-add.1"), "{pages:?}");
    ensure!(!pages.iter().any(|page| page.to_string_lossy().contains("help")), "{pages:?}");
    let mut mandoc = Command::new("mandoc");
    let judged = mandoc.args(["-T", "lint", "-W", "error"]).args(&pages).output().context("mandoc is not here")?;
    ensure!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
    fs::write(dir.path().join("file"), "")?;
    ensure!(authprobe(dir.path(), &["man", "file"]).await?.told(3).contains("file"), "a file is no directory");
    Ok(())
}

#[tokio::test]
async fn the_starter_configuration_is_fine_once_its_secrets_are_there() -> Result<()> {
    let dir = TempDir::new()?;
    authprobe(dir.path(), &["init"]).await?.with(0);
    let starter = fs::read_to_string(dir.path().join("authprobe.yaml"))?;
    ensure!(authprobe(dir.path(), &["init", "-"]).await?.with(0) == starter, "`-` prints the same");
    ensure!(authprobe(dir.path(), &["init"]).await?.told(2).contains("already"), "what is there stays");
    let mut check = Program::new(dir.path(), &["config", "check"]);
    for word in starter.split(['{', '}']).filter_map(|part| part.trim().strip_prefix("env: ")) {
        check = check.env(word.trim(), "a-value-of-this-test");
    }
    for file in starter.split(['{', '}']).filter_map(|part| part.trim().strip_prefix("file: ")) {
        let path = dir.path().join(file.trim());
        fs::create_dir_all(path.parent().unwrap_or(dir.path()))?;
        fs::write(path, "a-secret-of-this-test-that-is-long-enough-for-anything")?;
    }
    let fine = check.end().await?.with(0);
    ensure!(fine.contains("fine"), "{fine}");
    Ok(())
}

#[tokio::test]
async fn the_schema_is_a_json_schema_that_knows_the_keys() -> Result<()> {
    let dir = TempDir::new()?;
    let schema: Value = serde_json::from_str(&authprobe(dir.path(), &["config", "schema"]).await?.with(0))?;
    ensure!(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema", "{}", schema["$schema"]);
    for key in ["store", "targets", "slos", "corrections"] {
        ensure!(schema["properties"][key].is_object(), "{key} is missing");
    }
    Ok(())
}
