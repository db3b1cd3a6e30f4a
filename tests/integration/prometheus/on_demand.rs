//! Runs that are asked for: what they answer, what they leave alone, and how they are held back.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::harness::demo::Demo;
use crate::harness::web::Web;

#[tokio::test]
async fn a_run_answers_what_it_saw_as_metrics_and_records_nothing() -> Result<()> {
    let demo = Demo::start().await?;
    // The schedule of this daemon has a slot an hour at most, so what is stored is not from it.
    let config = std::fs::read_to_string(demo.path("authprobe.yaml"))?;
    std::fs::write(demo.path("authprobe.yaml"), config.replace("every: 1s", "every: 24h"))?;
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    web.ready().await?;
    let answer = web.get("/probe?target=demo&module=login", &[]).await?;
    ensure!(answer.status == 200, "{answer:?}");
    for line in [
        "probe_success{target=\"demo\",probe=\"login\",agent=\"local\"} 1.0",
        "probe_http_status_code{target=\"demo\",probe=\"login\",agent=\"local\"} 200.0",
        "authprobe_probe_info{target=\"demo\",probe=\"login\",agent=\"local\",outcome=\"success\",reason=\"\"} 1.0",
    ] {
        ensure!(answer.body.lines().any(|one| one == line), "no {line} in {}", answer.body);
    }
    ensure!(!answer.body.contains("probe=\"jwt\""), "{}", answer.body);
    let all = web.get("/probe?target=demo", &[]).await?.body;
    ensure!(all.matches("probe_success{").count() > 10 && !all.contains("jwt-held"), "{all}");
    demo.fault(&json!({"fault": "key_revoked"})).await?;
    let failed = web.get("/probe?target=demo&module=api_key", &[]).await?.body;
    ensure!(failed.contains("outcome=\"failure\",reason=\"api_key_rejected\"} 1.0"), "{failed}");
    ensure!(failed.contains("probe_success{target=\"demo\",probe=\"api_key\",agent=\"local\"} 0.0"), "{failed}");
    let text = web.get("/probe?target=demo&module=api_key&debug=true", &[]).await?.body;
    for part in ["GET /api/v1/workflows", "status 401", "api_key_rejected", "probe_success{"] {
        ensure!(text.contains(part), "no {part} in {text}");
    }
    daemon.stop().await?;
    let stored = demo.store().records().await?;
    ensure!(stored.results.is_empty(), "{stored}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_configured_is_refused_with_what_is() -> Result<()> {
    let demo = Demo::start().await?;
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    for (path, status, names) in [
        ("/probe", 400, "demo"),
        ("/probe?target=http://127.0.0.1:9", 404, "demo"),
        ("/probe?target=demo&module=nothing", 404, "api_key-revoked"),
        ("/probe?target=demo&module=%5B", 404, "login"),
    ] {
        let answer = web.get(path, &[]).await?;
        ensure!(answer.status == status && answer.body.contains(names), "{path}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_target_that_hangs_is_answered_before_the_scraper_gives_up() -> Result<()> {
    let demo = Demo::start().await?;
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    demo.fault(&json!({"fault": "hang"})).await?;
    let begun = Instant::now();
    let waits = [("X-Prometheus-Scrape-Timeout-Seconds", "1")];
    let answer = web.get("/probe?target=demo&module=login", &waits).await?;
    ensure!(begun.elapsed().as_secs_f64() < 1.0, "{:?}", begun.elapsed());
    ensure!(answer.body.contains("outcome=\"skipped\",reason=\"timeout\"} 1.0"), "{answer:?}");
    ensure!(answer.body.contains("probe_success{target=\"demo\",probe=\"login\",agent=\"local\"} 0.0"), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn who_asks_too_often_waits_for_his_turn() -> Result<()> {
    let demo = Demo::start().await?;
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    web.ready().await?;
    let begun = Instant::now();
    for _ in 0..3 {
        ensure!(web.get("/probe?target=demo&module=login", &[]).await?.status == 200, "every one is answered");
    }
    ensure!(begun.elapsed().as_secs_f64() >= 2.0, "three runs took {:?}", begun.elapsed());
    Ok(())
}
