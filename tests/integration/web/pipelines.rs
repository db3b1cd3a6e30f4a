//! The snippets of docs/pipelines.md do what they say, against a running daemon.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use storage::record::ChangeKind;

use crate::web::taking::{TOKEN, Taking};

/// The first block of shell below a heading of the page.
fn snippet(heading: &str) -> Result<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pipelines.md"))?;
    let (_, below) = page.split_once(&format!("\n## {heading}\n")).with_context(|| heading.to_owned())?;
    let (_, block) = below.split_once("```sh\n").context("a block of shell")?;
    Ok(block.split_once("```").context("its end")?.0.to_owned())
}

/// Runs a snippet as a pipeline does.
async fn run(snippet: String, url: String) -> Result<Output> {
    let program = Path::new(env!("CARGO_BIN_EXE_authprobe")).parent().context("its folder")?;
    let path = format!("{}:{}", program.display(), std::env::var("PATH")?);
    let mut shell = Command::new("sh");
    shell.args(["-euc", &snippet]).env("PATH", path).env("AUTHPROBE_URL", url).env("AUTHPROBE_TOKEN", TOKEN);
    shell.env("DEPLOY_ID", "7").env("REVISION", "v0.2.0");
    let ended = tokio::task::spawn_blocking(move || shell.output()).await??;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Ok(ended)
}

#[tokio::test]
async fn both_snippets_for_a_shell_tell_the_same_deploy_once() -> Result<()> {
    let taking = Taking::start().await?;
    for heading in ["curl", "authprobe itself"] {
        let ended = run(snippet(heading)?, taking.web.url().to_owned()).await?;
        ensure!(!String::from_utf8_lossy(&ended.stderr).contains("was not told"), "{heading}: {ended:?}");
        let changes = taking.stored("pipeline", 1).await?;
        let [change] = changes.as_slice() else { unreachable!("one was waited for") };
        assert_eq!((change.id.as_str(), change.kind), ("deploy-7", ChangeKind::Deploy), "{heading}");
        assert_eq!(change.revision.as_deref(), Some("v0.2.0"), "{heading}");
    }
    Ok(())
}

#[tokio::test]
async fn an_event_of_flux_is_a_deploy() -> Result<()> {
    let taking = Taking::start().await?;
    let event = r#"{"involvedObject": {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "name": "webapp", "namespace": "apps", "uid": "1"}, "severity": "info", "reason": "UpgradeSucceeded",
        "message": "Helm upgrade succeeded", "metadata": {"revision": "1.2.3"},
        "reportingController": "helm-controller", "reportingInstance": "helm-controller-0",
        "timestamp": "2026-11-01T00:00:00Z"}"#;
    let bearer = format!("Bearer {TOKEN}");
    let json = ("Content-Type", "application/json");
    let path = "/api/v1/changes/flux";
    assert_eq!(taking.web.post(path, &[json], event).await?.status, 401);
    assert_eq!(taking.web.post(path, &[json, ("Authorization", &bearer)], event).await?.status, 202);
    let changes = taking.stored("flux", 1).await?;
    assert_eq!(changes[0].object, "HelmRelease/apps/webapp");
    assert_eq!(taking.web.post(path, &[json, ("Authorization", &bearer)], "{}").await?.status, 400);
    Ok(())
}
