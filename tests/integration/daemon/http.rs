//! What the daemon answers over HTTP: that it lives, that it is ready, what it measures.

use anyhow::Result;

use crate::harness::demo::Demo;
use crate::harness::program::Program;
use crate::servers::http::Http;

#[tokio::test]
async fn a_daemon_that_probes_is_ready_and_counts_what_it_stores() -> Result<()> {
    let (demo, http) = (Demo::start().await?, Http::new()?);
    let mut daemon = demo.run()?;
    let url = daemon.url().await?;
    demo.store().runs(1).await?;
    let get = async |path: &str| http.get(&format!("{url}{path}"), &[]).await;
    assert_eq!(get("/healthz").await?.body, "ok\n");
    let ready = get("/readyz").await?;
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));
    let metrics = get("/metrics").await?.body;
    let value = |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    assert!(value("authprobe_store_records_total{outcome=\"kept\"}") > Some(0), "{metrics}");
    assert_eq!(value("authprobe_store_records_total{outcome=\"lost\"}"), Some(0), "{metrics}");
    assert_eq!(value("authprobe_store_writable"), Some(1), "{metrics}");
    assert!(metrics.contains(&format!("authprobe_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"))));
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    assert_eq!(get("/nothing").await?.status, 404);
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_before_anything_is_probed() -> Result<()> {
    let (one, other) = (Demo::start().await?, Demo::start().await?);
    let mut daemon = one.run()?;
    let url = daemon.url().await?;
    let address = url.trim_start_matches("http://");
    let told = Program::new(other.dir(), &["run", "--listen", address]).end().await?.told(3);
    let says = format!("nobody can listen at {address}: end what uses it, or choose another `listen`");
    assert!(told.contains(&says), "{told}");
    assert!(!other.path("authprobe.db").exists());
    Ok(())
}
