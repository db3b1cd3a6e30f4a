//! Rollouts, scalings and restarts of a real cluster are recorded as they happen.

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use serde_json::json;
use storage::record::{Change, ChangeKind, Operation};
use tempfile::TempDir;

use super::cluster::Cluster;
use crate::harness::program::Program;
use crate::harness::store::Store;

const WEB: &str = "web";

/// Waits until a change that fits is recorded.
async fn recorded(store: &Store, what: &str, fits: impl Fn(&Change) -> bool) -> Result<Change> {
    let records = store.until(what, |records| records.changes.iter().any(&fits)).await?;
    records.changes.into_iter().find(fits).context("it was there just now")
}

#[tokio::test]
async fn what_happens_to_a_deployment_is_recorded() -> Result<()> {
    let Some(cluster) = Cluster::fresh("workloads").await? else { return Ok(()) };
    let dir = TempDir::with_prefix("authprobe-cluster-")?;
    let (kubeconfig, namespace) = (cluster.kubeconfig.display(), &cluster.namespace);
    let config = format!(
        "store: authprobe.db\ntargets:\n  - name: web\n    url: http://127.0.0.1:9\n    every: 1h\n    probes:\n      \
         login: {{ path: /login, username: {{ file: secret }}, password: {{ file: secret }} }}\n    \
         kubernetes: {{ namespace: {namespace}, workloads: [Deployment/web] }}\n\
         changes:\n  kubernetes: {{ kubeconfig: {kubeconfig} }}\n"
    );
    std::fs::write(dir.path().join("authprobe.yaml"), config)?;
    std::fs::write(dir.path().join("secret"), "x")?;
    cluster.deployment(WEB, "jwt").await?;
    cluster.roll_out(WEB, async |_| Ok(())).await?;

    let mut daemon = Program::new(dir.path(), &["run"]).start()?;
    for kind in ["deployments", "replicasets", "pods"] {
        daemon.says(&format!("`{kind} in namespace {namespace}` is watched")).await?;
    }
    let store = Store::at(&dir.path().join("authprobe.db"));
    let object = format!("Deployment/{namespace}/{WEB}");

    let template = json!({"spec": {"containers": [{"name": "app", "image": "registry.invalid/app:v2"}]}});
    cluster.alter::<Deployment>(WEB, json!({"spec": {"template": template}})).await?;
    cluster.roll_out(WEB, async |_| Ok(())).await?;
    let rollout = recorded(&store, "the rollout", |change| {
        change.kind == ChangeKind::Rollout && change.until.is_some() && change.summary.contains("app:v2")
    })
    .await?;
    assert_eq!((&rollout.object, rollout.operation), (&object, Some(Operation::Updated)));
    assert_eq!(rollout.revision.as_deref(), Some("2"));
    assert!(rollout.progress.len() > 1 && rollout.progress.is_sorted_by_key(|(at, _)| *at), "{rollout:?}");
    assert!(rollout.progress.last().is_some_and(|(_, share)| *share == 1.0), "{rollout:?}");

    cluster.alter::<Deployment>(WEB, json!({"spec": {"replicas": 4}})).await?;
    cluster.roll_out(WEB, async |_| Ok(())).await?;
    let scaled = recorded(&store, "the scaling", |change| change.kind == ChangeKind::Scale).await?;
    assert_eq!(scaled.summary, "scaled from 3 to 4 replicas");

    let pods = cluster.all::<Pod>().list(&ListParams::default()).await?.items;
    let [first, second, ..] = pods.as_slice() else { anyhow::bail!("{} pods", pods.len()) };
    cluster.make_ready(&first.name_any(), 1).await?;
    let killed = recorded(&store, "the restart", |change| change.summary.contains("OOMKilled")).await?;
    assert_eq!(killed.object, format!("Pod/{namespace}/{}", first.name_any()));
    assert_eq!(killed.workload.as_ref(), Some(&object));

    cluster.all::<Pod>().delete(&second.name_any(), &DeleteParams::default()).await?;
    let deleted = recorded(&store, "the deletion", |change| change.object.ends_with(&second.name_any())).await?;
    assert_eq!((deleted.kind, deleted.operation), (ChangeKind::Restart, Some(Operation::Deleted)));
    cluster.roll_out(WEB, async |_| Ok(())).await?;

    let changes = store.records().await?.changes;
    assert_eq!(changes.len(), 4, "nothing else was told: {changes:#?}");
    daemon.stop().await?.told(0);
    cluster.end().await
}
