//! docs/tutorial.md does what it says, from its first line of shell to its last.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

#[tokio::test]
async fn the_tutorial_ends_with_the_named_cause() -> Result<()> {
    let page = tokio::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tutorial.md")).await?;
    let blocks = page.split("\n```sh\n").skip(1).filter_map(|rest| rest.split_once("\n```").map(|(block, _)| block));
    // Whatever fails, nothing that the tutorial started outlives it.
    let mut script = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    script.extend(blocks.map(|block| format!("{block}\n")));
    let program = Path::new(env!("CARGO_BIN_EXE_authprobe")).parent().context("its folder")?;
    let dir = TempDir::new()?;
    let mut shell = Command::new("bash");
    shell.args(["-euc", &script]).current_dir(dir.path()).env_remove("AUTHPROBE_TEST_KUBECONFIG");
    shell.env("PATH", format!("{}:{}", program.display(), std::env::var("PATH")?));
    // Another daemon may have the usual port.
    shell.env("AUTHPROBE_LISTEN", "127.0.0.1:0");
    let ended = tokio::task::spawn_blocking(move || shell.output()).await??;
    let (told, log) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    ensure!(ended.status.success(), "{told}{log}");
    for said in [
        "1 objective: fine",
        "7 success",
        "ikely cause",
        "ApiKey/prod/probe",
        "an objective is missed",
        "people     it was",
    ] {
        ensure!(told.contains(said), "it does not say `{said}`: {told}{log}");
    }
    Ok(())
}
