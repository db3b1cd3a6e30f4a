//! A cluster: its Secrets and ConfigMaps, its rollouts and restarts.

pub(crate) mod client;
mod consumers;
mod container;
pub(crate) mod credentials;
#[cfg(test)]
mod fake;
mod fleet;
mod hashes;
mod known;
mod managed;
mod observe;
mod pod;
mod replica_set;
mod restart;
mod rollout;
mod secrets;
#[cfg(test)]
mod story;
mod template;
mod watch;
mod workload;
mod workloads;

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::task::TaskTracker;

use crate::changes::Context;
use crate::changes::feed::Feed;
use crate::changes::kubernetes::client::{Access, client};
use crate::changes::kubernetes::consumers::Consumers;
use crate::changes::kubernetes::fleet::Shared;
use crate::changes::kubernetes::hashes::Hasher;
use crate::changes::kubernetes::observe::Observe;
use crate::changes::kubernetes::pod::Pods;
use crate::changes::kubernetes::replica_set::ReplicaSets;
use crate::changes::kubernetes::secrets::{Contents, Kind, Reading};
use crate::changes::kubernetes::watch::{Place, follow};
use crate::changes::kubernetes::workloads::Workloads;

/// The `source` of all that is seen here.
const SOURCE: &str = "kubernetes";

/// Says all namespaces.
pub(crate) const ALL: &str = "*";

/// A pause before the way to the cluster is looked for again.
const AGAIN: Duration = Duration::from_secs(60);

/// How a cluster is watched.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Kubernetes")]
pub(crate) struct Settings {
    /// How much of a Secret is looked at.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// A kubeconfig; without one the service account, `KUBECONFIG` or `~/.kube/config`.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig, in place of its current one.
    pub(crate) context: Option<String>,
    /// Namespaces that are watched; those of the targets by default, `["*"]` for all.
    pub(crate) namespaces: Option<Vec<String>>,
    /// Names of the Secrets that are watched; all by default, none if empty.
    pub(crate) secrets: Option<Vec<String>>,
    /// Names of the ConfigMaps that are watched; all by default, none if empty.
    pub(crate) configmaps: Option<Vec<String>>,
    /// Values that must have some length; needs the mode `keyed_hash`.
    #[serde(default)]
    pub(crate) minimum_length: Vec<MinimumLength>,
}

/// How long a value must be at least.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MinimumLength {
    /// `NAMESPACE/NAME` of the Secret.
    pub(crate) secret: String,
    /// Key within it.
    pub(crate) key: String,
    /// Fewest bytes of its value.
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
    /// Nothing of the cluster is watched.
    Off,
}

impl Settings {
    /// A relative path begins at `base`.
    pub(super) fn begin_at(&mut self, base: &Path) {
        self.kubeconfig = self.kubeconfig.take().map(|path| base.join(path));
    }

    /// Which cluster, and as whom.
    pub(crate) fn access(&self) -> Access {
        Access { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() }
    }
}

/// Starts to watch: a task for each kind of object in each namespace.
pub(super) fn start(settings: Settings, context: &Context, tasks: &TaskTracker) {
    if settings.mode == Mode::Off {
        return;
    }
    let (context, more) = (context.clone(), tasks.clone());
    tasks.spawn(async move {
        let mut feed = Feed::new(SOURCE, "cluster", &context);
        let client = loop {
            match client(&settings.access()).await {
                Ok(client) => break client,
                Err(why) => feed.blind(&why, Timestamp::now()).await,
            }
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => (),
                () = context.stop.cancelled() => return feed.close(Timestamp::now()).await,
            }
        };
        // From here on each kind tells on its own what it sees.
        feed.sees(Timestamp::now()).await;
        Watches { client, context, tasks: more }.start(settings);
    });
}

/// Starts watches.
struct Watches {
    client: Client,
    context: Context,
    tasks: TaskTracker,
}

impl Watches {
    fn start(&self, settings: Settings) {
        let Settings { mode, namespaces, secrets, configmaps, minimum_length, .. } = settings;
        let consumers = Consumers::default();
        let fleet = Shared::new(consumers.clone());
        for namespace in namespaces.unwrap_or_default() {
            self.all::<ReplicaSet, _>(&namespace, ReplicaSets::new(fleet.clone()));
            self.all::<Deployment, _>(&namespace, Workloads::new(fleet.clone()));
            self.all::<StatefulSet, _>(&namespace, Workloads::new(fleet.clone()));
            self.all::<DaemonSet, _>(&namespace, Workloads::new(fleet.clone()));
            self.all::<Pod, _>(&namespace, Pods::new(fleet.clone()));
            for name in each(configmaps.as_deref()) {
                let contents = Contents::new(Kind::ConfigMap, consumers.clone(), metadata::<ConfigMap>);
                self.watch::<PartialObjectMeta<ConfigMap>, _>(&namespace, name, contents);
            }
            for name in each(secrets.as_deref()) {
                match mode {
                    Mode::Off => unreachable!("nothing is watched then"),
                    Mode::Metadata => {
                        let contents = Contents::new(Kind::Secret, consumers.clone(), metadata::<Secret>);
                        self.watch::<PartialObjectMeta<Secret>, _>(&namespace, name, contents);
                    }
                    Mode::KeyedHash => {
                        let hasher = Hasher::new(self.context.keeper.key(), minimum_length.clone());
                        let contents =
                            Contents::new(Kind::Secret, consumers.clone(), move |secret| hasher.read(secret));
                        self.watch::<Secret, _>(&namespace, name, contents);
                    }
                }
            }
        }
    }

    fn all<K, O>(&self, namespace: &str, observer: O)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + 'static,
        O: Observe<Object = K> + 'static,
    {
        self.watch::<K, O>(namespace, None, observer);
    }

    fn watch<K, O>(&self, namespace: &str, name: Option<&String>, observer: O)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + 'static,
        O: Observe<Object = K> + 'static,
    {
        let api: Api<K> = match namespace {
            ALL => Api::all(self.client.clone()),
            namespace => Api::namespaced(self.client.clone(), namespace),
        };
        let what = match (namespace, name) {
            (ALL, None) => format!("all {}", K::plural(&())),
            (ALL, Some(name)) => format!("all {} named {name}", K::plural(&())),
            (namespace, None) => format!("{} in namespace {namespace}", K::plural(&())),
            (namespace, Some(name)) => format!("{} {namespace}/{name}", K::plural(&())),
        };
        let feed = Feed::new(SOURCE, what, &self.context);
        let place = Place { api, name: name.cloned() };
        self.tasks.spawn(follow(place, observer, feed, self.context.stop.clone()));
    }
}

/// One watch for each name, or one for all.
fn each(names: Option<&[String]>) -> Vec<Option<&String>> {
    match names {
        None => vec![None],
        Some(names) => names.iter().map(Some).collect(),
    }
}

fn metadata<K>(object: PartialObjectMeta<K>) -> Reading {
    Reading { meta: object.metadata, hashes: None, short: Vec::new() }
}
