//! A real Prometheus scrapes a running daemon, in both ways, and evaluates the rules that the program writes.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::harness::demo::Demo;
use crate::harness::program::authprobe;
use crate::harness::wait::{Seen, until};
use crate::harness::web::Web;
use crate::servers::prometheus::Prometheus;

#[tokio::test]
async fn prometheus_scrapes_the_daemon_and_asks_for_runs_and_evaluates_the_rules() -> Result<()> {
    let demo = Demo::start().await?;
    // Of a window of a day no burn is worth an alert.
    let config = fs::read_to_string(demo.path("authprobe.yaml"))?;
    fs::write(demo.path("authprobe.yaml"), config.replace("window: 1d", "window: 28d"))?;
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    let rules = authprobe(demo.dir(), &["rules"]).await?.with(0);
    let prometheus = Prometheus::scraping(web.url().trim_start_matches("http://"), &rules).await?;
    for job in ["authprobe", "on-demand"] {
        until(&format!("{job} to be up"), async || {
            let up = prometheus.query(&format!("up{{job=\"{job}\"}} == 1")).await?;
            let targets = || format!("{job} is not up");
            Ok(Seen::when(up.len() == 1, (), targets))
        })
        .await?;
    }
    let login = until("the probes' results", async || {
        let seen = prometheus.query("probe_success{job=\"authprobe\"} == 1").await?;
        let settled = seen.iter().any(|(labels, _)| labels["probe"] == "login");
        Ok(Seen::when(settled, seen.clone(), || format!("{seen:?}")))
    })
    .await?;
    ensure!(login.iter().all(|(labels, _)| labels["target"] == "demo" && labels["agent"] == "local"), "{login:?}");
    let asked = prometheus.query("probe_success{job=\"on-demand\"}").await?;
    let [(labels, success)] = asked.as_slice() else { anyhow::bail!("{asked:?}") };
    ensure!((&labels["instance"], &labels["probe"], *success) == (&json!("demo"), &json!("login"), 1.0), "{asked:?}");
    let phases = prometheus.query("probe_http_duration_seconds{job=\"on-demand\", phase=\"processing\"} > 0").await?;
    ensure!(phases.len() == 1, "{phases:?}");
    let groups = until("the rules to be evaluated", async || {
        let rules = prometheus.api("rules").await?["data"]["groups"].clone();
        let all: Vec<Value> = rules.as_array().into_iter().flatten().flat_map(rules_of).collect();
        Ok(Seen::when(all.len() > 20 && all.iter().all(|rule| rule["health"] != "unknown"), all, || rules.to_string()))
    })
    .await?;
    let broken: Vec<&Value> = groups.iter().filter(|rule| rule["health"] != "ok").collect();
    ensure!(broken.is_empty(), "{broken:?}");
    let firing = prometheus.query("ALERTS{alertstate=\"firing\"}").await?;
    ensure!(firing.is_empty(), "a healthy demo fires {firing:?}");
    daemon.stop().await?;
    Ok(())
}

fn rules_of(group: &Value) -> Vec<Value> {
    group["rules"].as_array().cloned().unwrap_or_default()
}
