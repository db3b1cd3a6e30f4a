//! A namespace of a test's own in a real cluster.

use std::env;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace as Object;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The variable that names a kubeconfig with all rights on some cluster.
const VARIABLE: &str = "AUTHPROBE_TEST_KUBECONFIG";

/// A namespace.
pub(super) struct Namespace {
    pub(super) name: String,
    pub(super) kubeconfig: PathBuf,
    client: Client,
}

impl Namespace {
    /// Makes one; none, and a word of it, where no cluster is named.
    pub(super) async fn make(what: &str) -> Result<Option<Self>> {
        let Some(kubeconfig) = env::var_os(VARIABLE).map(PathBuf::from) else {
            eprintln!("left out: {VARIABLE} names no cluster");
            return Ok(None);
        };
        let client = client(&kubeconfig).await?;
        let unique = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let name = format!("authprobe-{what}-{unique}");
        let object: Object = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        Api::<Object>::all(client.clone()).create(&PostParams::default(), &object).await?;
        Ok(Some(Self { name, kubeconfig, client }))
    }

    /// Makes an object.
    pub(super) async fn create<K>(&self, object: Value) -> Result<()>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Serialize,
        K: std::fmt::Debug,
    {
        let object: K = serde_json::from_value(object)?;
        self.api::<K>().create(&PostParams::default(), &object).await?;
        Ok(())
    }

    /// Merges a patch into an object, as a manager.
    pub(super) async fn patch<K>(&self, name: &str, manager: &str, patch: Value) -> Result<()>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        self.api::<K>().patch(name, &params, &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Deletes an object.
    pub(super) async fn delete<K>(&self, name: &str) -> Result<()>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        self.api::<K>().delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Deletes the namespace and all in it.
    pub(super) async fn end(self) -> Result<()> {
        Api::<Object>::all(self.client).delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }
}

async fn client(kubeconfig: &Path) -> Result<Client> {
    let read = Kubeconfig::read_from(kubeconfig).with_context(|| kubeconfig.display().to_string())?;
    Ok(Client::try_from(Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?)?)
}
