//! Secrets of a real cluster: their changes are recorded, their values serve as credentials and go nowhere else.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use storage::record::{Change, Known, Operation};

use super::cluster::Cluster;
use crate::canary::hunt::Hunt;
use crate::harness::demo::Demo;
use crate::harness::program::{Program, Running};
use crate::harness::store::Records;
use crate::servers::fixture::filled;

/// A value that would be found anywhere.
const CANARY: &str = "Q7canaryOfACluster4711xyzzy";
const OTHER: &str = "Q8canaryOfACluster0815plugh";

fn run(demo: &Demo, cluster: &Cluster, mode: &str) -> Result<Running> {
    let kubeconfig = cluster.kubeconfig.to_str().context("a plain path")?;
    let values = [
        ("url", demo.url()),
        ("store", "authprobe.db"),
        ("mode", mode),
        ("namespace", &cluster.namespace),
        ("kubeconfig", kubeconfig),
    ];
    std::fs::write(demo.path("authprobe.yaml"), filled("cluster.yaml", &values)?)?;
    Program::new(demo.dir(), &["run"]).start()
}

fn secret(name: &str, key: &str, value: &str) -> Value {
    json!({"metadata": {"name": name}, "stringData": {key: value}})
}

fn deployment() -> Value {
    let env = json!({"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "jwt", "key": "hs256"}}});
    let pod = json!({"containers": [{"name": "c", "image": "api:1", "env": [env]}]});
    let template = json!({"metadata": {"labels": {"app": "api"}}, "spec": pod});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"app": "api"}}, "template": template});
    json!({"metadata": {"name": "api"}, "spec": spec})
}

fn of<'r>(records: &'r Records, object: &str, operation: Operation) -> Vec<&'r Change> {
    let of = |change: &&Change| change.object == object && change.operation == Some(operation);
    records.changes.iter().filter(of).collect()
}

async fn changes_are_told(mode: &str) -> Result<()> {
    let Some(cluster) = Cluster::fresh("secrets").await? else { return Ok(()) };
    let demo = Demo::start().await?;
    cluster.create::<Secret>(secret("probe", "api_key", demo.get("api_key"))).await?;
    cluster.create::<Secret>(secret("jwt", "hs256", CANARY)).await?;
    cluster.create::<Deployment>(deployment()).await?;
    let daemon = run(&demo, &cluster, mode)?;
    let store = demo.store();
    store.until("a run", |records| records.of("demo/api_key").len() >= 3).await?;
    assert_eq!(store.records().await?.endings("demo/api_key").first(), Some(&"success"));

    // What stands at the beginning is no change, so the first that is told is the rotation.
    let jwt = format!("Secret/{}/jwt", cluster.namespace);
    cluster.alter_as::<Secret>("rotator", "jwt", json!({"stringData": {"hs256": OTHER}})).await?;
    let records = store.until("the rotation", |records| !of(records, &jwt, Operation::Updated).is_empty()).await?;
    let [rotated] = of(&records, &jwt, Operation::Updated)[..] else { bail!("one: {:?}", records.changes) };
    assert_eq!((rotated.data_changed, rotated.keys.join(",").as_str()), (Some(Known::Yes), "hs256"), "{rotated:?}");
    assert_eq!(rotated.source, "kubernetes");
    let [mount] = &rotated.mounts[..] else { bail!("one workload: {rotated:?}") };
    assert_eq!(
        (mount.workload.as_str(), mount.how.as_str()),
        (&*format!("Deployment/{}/api", cluster.namespace), "env")
    );
    let width = rotated.hi().context("an end")?.duration_since(rotated.lo().context("a beginning")?);
    assert!(width.as_secs() <= 10, "{rotated:?}");

    let label = json!({"metadata": {"annotations": {"note": "<b>\u{1b}[31m"}}});
    cluster.alter_as::<Secret>("labeller", "jwt", label).await?;
    let records = store.until("the label", |records| of(records, &jwt, Operation::Updated).len() == 2).await?;
    let label = of(&records, &jwt, Operation::Updated).into_iter().find(|change| change.id != rotated.id);
    assert_eq!(label.context("another change")?.data_changed, Some(Known::No));

    cluster.delete::<Secret>("jwt").await?;
    store.until("the end of the Secret", |records| !of(records, &jwt, Operation::Deleted).is_empty()).await?;
    cluster.create::<Secret>(secret("jwt", "hs256", CANARY)).await?;
    store.until("the Secret again", |records| !of(records, &jwt, Operation::Recreated).is_empty()).await?;

    let log = daemon.stop().await?.told(0);
    let mut hunt = Hunt::default();
    hunt.add("the value", CANARY);
    hunt.add("the other value", OTHER);
    let (files, found) = hunt.search(demo.dir(), "secrets")?;
    assert!(files > 0 && found.is_empty(), "{files} files: {found:?}");
    assert_eq!(hunt.find(log.as_bytes()), Vec::<String>::new());
    cluster.end().await
}

#[tokio::test]
async fn changes_of_a_secret_are_told_from_its_metadata() -> Result<()> {
    changes_are_told("metadata").await
}

#[tokio::test]
async fn changes_of_a_secret_are_told_from_its_values_which_go_nowhere() -> Result<()> {
    changes_are_told("keyed_hash").await
}

#[tokio::test]
async fn a_check_takes_its_credential_from_the_cluster_and_tells_when_it_is_not_there() -> Result<()> {
    let Some(cluster) = Cluster::fresh("check").await? else { return Ok(()) };
    let demo = Demo::start().await?;
    let daemon = run(&demo, &cluster, "off")?;
    let records = demo.store().until("a run", |records| records.of("demo/api_key").len() >= 2).await?;
    assert_eq!(records.endings("demo/api_key")[0], "credential_unavailable");
    daemon.stop().await?;
    cluster.create::<Secret>(secret("probe", "api_key", demo.get("api_key"))).await?;
    let ended = Program::new(demo.dir(), &["check", "--probe", "api_key"]).end().await?;
    assert_eq!(ended.code, Some(0), "{} {}", ended.out, ended.err);
    cluster.end().await
}
