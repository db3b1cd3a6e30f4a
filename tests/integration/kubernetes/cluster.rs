//! A namespace of its own in a real cluster, whose pods become ready when a test says so.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::harness::wait::{Seen, until_within};

/// Names the cluster.
const KUBECONFIG: &str = "AUTHPROBE_TEST_KUBECONFIG";

/// A cluster that has other work takes its time over a rollout.
const PATIENCE: Duration = Duration::from_secs(120);

/// A namespace of a cluster. A test that fails leaves it behind.
pub(crate) struct Cluster {
    client: Client,
    pub(crate) namespace: String,
    pub(crate) kubeconfig: PathBuf,
}

impl Cluster {
    /// A new namespace; none where no cluster is named.
    pub(crate) async fn fresh(purpose: &str) -> Result<Option<Self>> {
        let Some(kubeconfig) = std::env::var_os(KUBECONFIG).map(PathBuf::from) else {
            eprintln!("PASSED OVER, no cluster: {KUBECONFIG} is not set");
            return Ok(None);
        };
        let file = Kubeconfig::read_from(&kubeconfig).context("the kubeconfig")?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config)?;
        let named = json!({"metadata": {"generateName": format!("authprobe-{purpose}-")}});
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace = namespaces.create(&PostParams::default(), &serde_json::from_value(named)?).await?.name_any();
        Ok(Some(Self { client, namespace, kubeconfig }))
    }

    /// Objects of one kind.
    pub(crate) fn all<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Makes an object.
    pub(crate) async fn create<K>(&self, object: Value) -> Result<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Serialize
            + std::fmt::Debug,
    {
        Ok(self.all::<K>().create(&PostParams::default(), &serde_json::from_value(object)?).await?)
    }

    /// Alters an object: strategic merge.
    pub(crate) async fn alter<K>(&self, name: &str, change: Value) -> Result<()>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        self.alter_as::<K>("authprobe-test", name, change).await
    }

    /// The same in the name of a manager.
    pub(crate) async fn alter_as<K>(&self, manager: &str, name: &str, change: Value) -> Result<()>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        let params = PatchParams { field_manager: Some(manager.into()), ..PatchParams::default() };
        self.all::<K>().patch(name, &params, &Patch::Strategic(change)).await?;
        Ok(())
    }

    /// Deletes an object.
    pub(crate) async fn delete<K>(&self, name: &str) -> Result<()>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        self.all::<K>().delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// A Deployment of three replicas that takes a Secret's key in as an environment variable.
    pub(crate) async fn deployment(&self, name: &str, secret: &str) -> Result<Deployment> {
        self.create(json!({"metadata": {"name": name}, "spec": {"replicas": 3,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{
            "name": "app", "image": "registry.invalid/app:v1",
            "env": [{"name": "JWT_SECRET", "valueFrom": {"secretKeyRef": {"name": secret, "key": "secret"}}}],
        }]}}}}))
        .await
    }

    /// What `kubectl rollout restart` does.
    pub(crate) async fn restart(&self, name: &str, when: &str) -> Result<()> {
        let annotations = json!({"kubectl.kubernetes.io/restartedAt": when});
        self.alter::<Deployment>(name, json!({"spec": {"template": {"metadata": {"annotations": annotations}}}})).await
    }

    /// Lets pods become ready one by one until the Deployment has rolled out, and calls after each.
    pub(crate) async fn roll_out(&self, name: &str, mut each: impl AsyncFnMut(usize) -> Result<()>) -> Result<()> {
        let mut count = 0;
        until_within(PATIENCE, &format!("the rollout of {name}"), async || {
            let deployment = self.all::<Deployment>().get(name).await?;
            if has_rolled_out(&deployment) {
                return Ok(Seen::Done(()));
            }
            let mut pods = self.all::<Pod>().list(&ListParams::default().labels(&format!("app={name}"))).await?.items;
            pods.retain(|pod| pod.meta().deletion_timestamp.is_none() && !is_ready(pod));
            if let Some(pod) = pods.first() {
                self.make_ready(&pod.name_any(), 0).await?;
                each(count).await?;
                count += 1;
            }
            Ok(Seen::NotYet(format!("{} pods are not ready, {:?}", pods.len(), deployment.status)))
        })
        .await
    }

    /// Does what the kubelet would do: a pod is ready, and was started again so many times.
    pub(crate) async fn make_ready(&self, pod: &str, restarts: i32) -> Result<()> {
        let now = jiff::Timestamp::now();
        let mut container = json!({"name": "app", "image": "x", "imageID": "x", "ready": true,
            "restartCount": restarts, "state": {"running": {"startedAt": now}}});
        if restarts > 0 {
            container["lastState"] = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": now}});
        }
        let status = json!({"status": {"phase": "Running", "containerStatuses": [container],
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now}]}});
        self.all::<Pod>().patch_status(pod, &PatchParams::default(), &Patch::Strategic(status)).await?;
        Ok(())
    }

    /// Deletes the namespace, without waiting until it is gone.
    pub(crate) async fn end(self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(&self.namespace, &DeleteParams::background()).await?;
        Ok(())
    }
}

fn has_rolled_out(deployment: &Deployment) -> bool {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
    deployment.status.as_ref().is_some_and(|status| {
        status.observed_generation >= deployment.metadata.generation
            && status.updated_replicas == wanted
            && status.available_replicas == wanted
            && status.replicas == wanted
    })
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
