//! A cluster: its Secrets and ConfigMaps, its rollouts and restarts.

mod client;
mod consumers;
mod container;
mod contents;
mod failure;
mod fields;
mod fleet;
mod hash;
mod observe;
mod pod;
mod replica_set;
mod restart;
mod rollout;
#[cfg(test)]
mod story;
mod template;
mod watch;
mod workload;
mod workloads;

use std::collections::HashMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, Resource};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::task::TaskTracker;

use crate::changes::Context;
use crate::changes::feed::Feed;
use crate::changes::kubernetes::consumers::Consumers;
use crate::changes::kubernetes::contents::{ByHash, ByMetadata, Contents};
use crate::changes::kubernetes::fleet::Shared;
use crate::changes::kubernetes::hash::Hasher;
use crate::changes::kubernetes::observe::{Key, Observe};
use crate::changes::kubernetes::pod::Pods;
use crate::changes::kubernetes::replica_set::ReplicaSets;
use crate::changes::kubernetes::watch::Scope;
use crate::changes::kubernetes::workloads::Workloads;

/// The `source` of its changes and the `feed` of its gaps.
const SOURCE: &str = "kubernetes";

/// A cluster that cannot be reached by its configuration is tried again after this.
const AGAIN: Duration = Duration::from_secs(30);

/// Every namespace of the cluster.
const ALL: &str = "*";

/// How a cluster is watched.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Kubernetes")]
pub(crate) struct Settings {
    /// How much of a Secret is looked at.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// A kubeconfig file; where there is none, the service account of the pod that this program runs in.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig; where there is none, its current one.
    pub(crate) context: Option<String>,
    /// The namespaces that are watched. Where there are none, those of the targets; `"*"` is all of them.
    #[serde(default)]
    pub(crate) namespaces: Vec<String>,
    /// Names of the Secrets that are watched, each by its name; where there are none, all of the namespaces.
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
    /// Whether ConfigMaps are watched, by their metadata.
    #[serde(default = "yes")]
    pub(crate) configmaps: bool,
    /// Values that have to have a length; with `mode: keyed_hash`.
    #[serde(default)]
    pub(crate) minimum_lengths: Vec<MinimumLength>,
}

/// A value that has to have a length.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MinimumLength {
    /// `NAMESPACE/NAME` of the Secret.
    #[schemars(example = &"llm-orchestrator/orchestrator-jwt-secret")]
    pub(crate) secret: String,
    /// Its key.
    pub(crate) key: String,
    /// Bytes that the value has at least.
    #[schemars(example = &64)]
    pub(crate) bytes: usize,
}

/// How much of a Secret is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Its metadata only.
    #[default]
    Metadata,
    /// A keyed hash of its data.
    KeyedHash,
    /// Nothing.
    Off,
}

impl Settings {
    /// A relative path begins at `base`.
    pub(super) fn begin_at(&mut self, base: &Path) {
        self.kubeconfig = self.kubeconfig.take().map(|path| base.join(path));
    }

    /// The least bytes of a key of a Secret.
    fn minimum(&self) -> HashMap<(Key, String), usize> {
        let by_key = |minimum: &MinimumLength| {
            let (namespace, name) = minimum.secret.split_once('/')?;
            let key = Key { namespace: namespace.to_owned(), name: name.to_owned() };
            Some(((key, minimum.key.clone()), minimum.bytes))
        };
        self.minimum_lengths.iter().filter_map(by_key).collect()
    }
}

fn yes() -> bool {
    true
}

/// Watches until the context says stop.
pub(crate) async fn run(settings: Settings, context: Context) {
    let Some(client) = connect(&settings, &context).await else { return };
    let cluster = Cluster { client, context, tasks: TaskTracker::new() };
    let consumers = Consumers::default();
    let fleet = Shared::new(consumers.clone());
    for namespace in &settings.namespaces {
        cluster.watch("replicasets", namespace, None, ReplicaSets::new(fleet.clone()));
        cluster.watch("deployments", namespace, None, Workloads::<Deployment>::new(fleet.clone()));
        cluster.watch("statefulsets", namespace, None, Workloads::<StatefulSet>::new(fleet.clone()));
        cluster.watch("daemonsets", namespace, None, Workloads::<DaemonSet>::new(fleet.clone()));
        cluster.watch("pods", namespace, None, Pods::new(fleet.clone()));
        cluster.watch_secrets(&settings, namespace, &consumers);
        if settings.configmaps {
            cluster.watch(
                "configmaps",
                namespace,
                None,
                ByMetadata::<ConfigMap>::new(Contents::config_maps(&consumers)),
            );
        }
    }
    cluster.tasks.close();
    cluster.tasks.wait().await;
}

/// A cluster that is watched.
struct Cluster {
    client: Client,
    context: Context,
    tasks: TaskTracker,
}

impl Cluster {
    /// Watches the Secrets of a namespace, as far as they may be looked at.
    fn watch_secrets(&self, settings: &Settings, namespace: &str, consumers: &Consumers) {
        let names: Vec<Option<&str>> = match settings.secrets.as_slice() {
            [] => vec![None],
            names => names.iter().map(|name| Some(name.as_str())).collect(),
        };
        for name in names {
            let contents = Contents::secrets(consumers, settings.minimum());
            match settings.mode {
                Mode::Off => {}
                Mode::Metadata => self.watch("secrets", namespace, name, ByMetadata::<Secret>::new(contents)),
                Mode::KeyedHash => {
                    self.watch("secrets", namespace, name, ByHash::new(contents, Hasher::new(&self.context.key)));
                }
            }
        }
    }

    /// Watches one kind in one namespace, or one object of it, in a task of its own.
    fn watch<O>(&self, kind: &str, namespace: &str, name: Option<&str>, observer: O)
    where
        O: Observe + 'static,
        O::Object: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + Sync
            + 'static,
    {
        let own = Some(namespace).filter(|namespace| *namespace != ALL);
        let objects = match own {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let named = name.map_or_else(|| kind.to_owned(), |name| format!("{kind} {name}"));
        let what = own.map_or_else(|| named.clone(), |namespace| format!("{named} in namespace {namespace}"));
        let feed = Feed::new(SOURCE, what.clone(), &self.context);
        let scope = Scope { namespace: own.map(str::to_owned), name: name.map(str::to_owned), what };
        let stop = self.context.stop.clone();
        self.tasks.spawn(watch::watch(observer, objects, scope, feed, stop));
    }
}

/// A client, as soon as there is one; none if the program stops before.
async fn connect(settings: &Settings, context: &Context) -> Option<Client> {
    let mut feed = Feed::new(SOURCE, "cluster", context);
    loop {
        match client::connect(settings.kubeconfig.as_deref(), settings.context.as_deref()).await {
            Ok(client) => return Some(client),
            Err(why) => feed.blind(&why, Timestamp::now()).await,
        }
        if context.stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_none() {
            feed.close(Timestamp::now()).await;
            return None;
        }
    }
}
