//! The whole of the story in a real cluster: a Secret is rotated and lies dormant, a restart puts it in force, tokens
//! fail, and the report names the Secret with the restart as its trigger.

use std::fs;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use storage::record::{Change, ChangeKind, MountHow};

use super::cluster::Cluster;
use crate::harness::demo::Demo;
use crate::harness::phase::Phase;
use crate::harness::program::authprobe;

const NAME: &str = "orchestrator";
const SECRET: &str = "orchestrator-jwt-secret";

#[tokio::test]
async fn a_rotated_secret_is_named_with_the_restart_that_put_it_in_force() -> Result<()> {
    let Some(cluster) = Cluster::fresh("story").await? else { return Ok(()) };
    let namespace = cluster.namespace.clone();
    let demo = Demo::start().await?;
    let value = |secret: &str| json!({"metadata": {"name": SECRET}, "stringData": {"secret": secret}});
    cluster.create::<Secret>(value(demo.get("signing_secret"))).await?;
    cluster.deployment(NAME, SECRET).await?;
    cluster.roll_out(NAME, async |_| Ok(())).await?;

    let link =
        format!("    timeout: 2s\n    kubernetes: {{ namespace: {namespace}, workloads: [Deployment/{NAME}] }}\n");
    let config = fs::read_to_string(demo.path("authprobe.yaml"))?.replacen("    timeout: 2s\n", &link, 1);
    let changes = format!("changes:\n  kubernetes: {{ kubeconfig: {} }}\n", cluster.kubeconfig.display());
    fs::write(demo.path("authprobe.yaml"), config + &changes)?;
    let mut daemon = demo.run()?;
    for kind in ["secrets", "deployments", "replicasets", "pods"] {
        daemon.says(&format!("`{kind} in namespace {namespace}` is watched")).await?;
    }
    let store = demo.store();
    Phase::begin(&store, "at first all is well").expect(&[]).await?;

    let phase = Phase::begin(&store, "the Secret is rotated, and every pod still has the old one");
    let rotated = demo.rotate().await?;
    cluster.alter::<Secret>(SECRET, value(&rotated)).await?;
    let object = format!("Secret/{namespace}/{SECRET}");
    let of = |changes: &[Change], object: &str| changes.iter().rfind(|change| change.object == object).cloned();
    let records = store.until("the rotation", |records| of(&records.changes, &object).is_some()).await?;
    let secret = of(&records.changes, &object).context("the Secret")?;
    assert_eq!(secret.kind, ChangeKind::Secret);
    let workload = format!("Deployment/{namespace}/{NAME}");
    let mounts: Vec<(&str, MountHow)> = secret.mounts.iter().map(|mount| (&*mount.workload, mount.how)).collect();
    assert_eq!(mounts, [(&*workload, MountHow::Env)]);
    phase.expect(&[]).await?;

    cluster.restart(NAME, "2026-01-01T00:00:00Z").await?;
    let replica = async |count| demo.control(&format!("/rollout/{count}"), &json!({})).await.map(drop);
    cluster.roll_out(NAME, replica).await?;
    let ended = |change: &Change| change.object == workload && change.until.is_some();
    let records = store.until("the end of the rollout", |records| records.changes.iter().any(ended)).await?;
    let rollout = of(&records.changes, &workload).context("the rollout")?;
    assert_eq!((rollout.kind, rollout.summary.as_str()), (ChangeKind::Rollout, "restarted"));
    assert!(rollout.progress.len() > 1, "{rollout:?}");
    // The prober still has the old secret: it cannot verify what the server signs now. A token from before is refused.
    let failing = [("demo/jwt", "signature_invalid"), ("demo/jwt-held", "success|token_rejected")];
    Phase::begin(&store, "tokens fail").expect(&failing).await?;
    daemon.stop().await?.told(0);

    let report = authprobe(demo.dir(), &["report", "incidents", "--format", "json"]).await?.with(0);
    let report: Value = serde_json::from_str(&report)?;
    let incident = &report["incidents"][0];
    assert_eq!(incident["verdict"], "change", "{report:#}");
    assert_eq!(incident["causes"][0]["changes"], json!([secret.id]), "{incident:#}");
    assert_eq!(incident["causes"][0]["trigger"], rollout.id, "{incident:#}");
    let text = authprobe(demo.dir(), &["report", "incidents"]).await?.with(0);
    assert!(text.contains(&object) && !text.contains(&rotated), "{text}");
    cluster.end().await
}
