//! The trouble of one target is its own: the daemon goes on with the rest.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::Result;

use crate::harness::demo::Demo;
use crate::harness::phase::Phase;

#[tokio::test]
async fn targets_that_are_dead_or_hang_do_not_hold_up_the_healthy_one() -> Result<()> {
    let demo = Demo::start().await?;
    // It takes connections in and never answers one.
    let hanging = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let hangs = format!("http://{}", hanging.local_addr()?);
    let target = |name: &str, url: &str| {
        format!(
            "  - {{ name: {name}, url: \"{url}\", every: 1s, timeout: 1s, probes: {{ api_key: {{ header: X-API-Key, \
             key: {{ file: secrets/api_key }}, request: GET /api/v1/workflows }} }} }}\n"
        )
    };
    let others = [
        target("dead", "http://127.0.0.1:1"),
        target("hanging", &hangs),
        target("not-found", &format!("{}/nowhere", demo.url())),
    ];
    let config = fs::read_to_string(demo.path("authprobe.yaml"))?;
    let config = config.replace("slos:", &format!("{}slos:", others.concat()));
    fs::write(demo.path("authprobe.yaml"), config)?;

    let daemon = demo.run()?;
    let store = demo.store();
    Phase::begin(&store, "three are ill and one is well")
        .expect(&[
            ("dead/api_key", "connect"),
            // A run that takes all of the second is still going at the next.
            ("hanging/api_key", "timeout|overlap"),
            ("not-found/api_key", "unexpected_status"),
        ])
        .await?;
    daemon.stop().await?.told(0);
    Ok(())
}
