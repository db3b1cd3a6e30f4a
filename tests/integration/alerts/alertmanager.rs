//! A real Alertmanager knows what fires, by stable labels, and that it is over.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::receivers;
use crate::harness::demo::Demo;
use crate::harness::program::authprobe;
use crate::harness::wait::{Seen, until};
use crate::servers::alertmanager::Alertmanager;
use crate::servers::http::Http;

/// The incidents among the alerts.
async fn incidents(alertmanager: &Alertmanager) -> Result<Vec<Value>> {
    let mut firing = alertmanager.firing().await?;
    firing.retain(|alert| alert["labels"]["alertname"] == "AuthprobeIncident");
    Ok(firing)
}

#[tokio::test]
async fn an_incident_fires_in_a_real_alertmanager_and_is_resolved_there() -> Result<()> {
    let (demo, alertmanager) = (Demo::start().await?, Alertmanager::start().await?);
    receivers(&demo, &[format!("{{alertmanager: '{}', every: 10s}}", alertmanager.url())])?;
    let tried = authprobe(demo.dir(), &["alerts", "test"]).await?.with(0);
    assert_eq!(tried, "1 alertmanager took it\n");
    assert_eq!(alertmanager.firing().await?[0]["labels"]["alertname"], "AuthprobeTest");

    let mut daemon = demo.run()?;
    demo.store().runs(3).await?;
    demo.fault(&json!({"fault": "login_rejects"})).await?;
    let alert = until("the incident in Alertmanager", async || {
        let found = incidents(&alertmanager).await?;
        Ok(found.into_iter().next().map_or_else(|| Seen::NotYet("no incident yet".into()), Seen::Done))
    })
    .await?;
    let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default();
    assert_eq!((label("target"), label("agent"), label("severity")), ("demo", "local", "critical"), "{alert}");
    let id = label("incident");
    let annotation = |name: &str| alert["annotations"][name].as_str().unwrap_or_default();
    assert!(annotation("summary").contains("demo/login"), "{alert}");
    assert!(annotation("description").contains("Since "), "{alert}");
    let (_, page) = annotation("link").split_once("/incident?").context("a link to the incident")?;
    let pages = daemon.listens().await?;
    assert!(annotation("link").starts_with(&pages), "the address that is listened on, not that of the file: {alert}");
    let shown = Http::new()?.get(&format!("{}/incident?{page}", daemon.listens().await?), &[]).await?;
    assert!(shown.status == 200 && shown.body.contains(id), "{}: {}", shown.status, shown.body);
    assert_eq!(alert["generatorURL"].as_str(), Some(annotation("link")));

    demo.heal().await?;
    until("the end of the incident in Alertmanager", async || {
        let found = incidents(&alertmanager).await?;
        Ok(Seen::when(found.is_empty(), (), || format!("it still fires: {found:?}")))
    })
    .await?;
    let listed = authprobe(demo.dir(), &["alerts", "list", "--all"]).await?.with(0);
    let line = listed.lines().find(|line| line.contains(id)).context(listed.clone())?;
    assert!(line.contains(" over "), "{listed}");
    daemon.stop().await?.told(0);
    Ok(())
}
