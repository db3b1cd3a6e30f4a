//! The rules that `authprobe rules` writes, judged by promtool: their form, and when they fire.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::harness::program::authprobe;
use crate::servers::fixture::filled;

#[tokio::test]
async fn promtool_takes_the_rules_and_they_fire_when_they_must_and_not_below_the_guard() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-")?;
    fs::write(dir.path().join("authprobe.yaml"), filled("prometheus/rules.yaml", &[])?)?;
    fs::write(dir.path().join("tests.yaml"), filled("prometheus/rules-tests.yaml", &[])?)?;
    let rules = authprobe(dir.path(), &["rules", "--url", "https://authprobe.example.com/{{ .X }}"]).await?.with(0);
    fs::write(dir.path().join("rules.yml"), &rules)?;
    for arguments in [["check", "rules", "rules.yml"], ["test", "rules", "tests.yaml"]] {
        let promtool = Command::new("promtool").args(arguments).current_dir(dir.path()).output();
        let said = promtool.context("promtool is not installed: tests/install.sh does that")?;
        let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        ensure!(said.status.success(), "promtool {arguments:?}: {out}\n{err}\n{rules}");
    }
    Ok(())
}
