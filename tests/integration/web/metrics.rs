//! The metrics are what Prometheus reads, in both of its text formats.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::harness::demo::Demo;
use crate::harness::web::Web;

#[tokio::test]
async fn promtool_finds_nothing_wrong_with_the_metrics() -> Result<()> {
    let demo = Demo::start().await?;
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    web.ready().await?;
    for path in ["/metrics", "/probe?target=demo"] {
        let text = web.get(path, &[]).await?;
        assert_eq!(text.status, 200);
        checked(&text.body)?;
    }
    Ok(())
}

/// Fails with what promtool finds wrong.
fn checked(metrics: &str) -> Result<()> {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("promtool is not installed: tests/install.sh does that")?;
    promtool.stdin.take().context("its input")?.write_all(metrics.as_bytes())?;
    let said = promtool.wait_with_output()?;
    ensure!(said.status.success(), "{}\n{}", String::from_utf8_lossy(&said.stderr), metrics);
    Ok(())
}

#[tokio::test]
async fn a_scraper_that_takes_open_metrics_gets_them() -> Result<()> {
    let demo = Demo::start().await?;
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    // As Prometheus asks.
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let open = web.get("/metrics", &[("Accept", accept)]).await?;
    assert!(
        open.body.ends_with("# EOF\n") && open.body.contains("# TYPE authprobe_store_records counter\n"),
        "{open:?}"
    );
    let text = web.get("/metrics", &[("Accept", "text/plain")]).await?;
    assert!(text.body.contains("# TYPE authprobe_store_records_total counter\n"), "{text:?}");
    Ok(())
}
