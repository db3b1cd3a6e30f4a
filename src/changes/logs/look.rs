//! Finds the containers of a workload: its selector, the pods that match it, and what runs in them.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::ListParams;
use kube::core::Selector;
use kube::{Api, Client, Error};
use tokio::time::timeout;

use crate::changes::kubernetes::client::{Access, client, is, why};
use crate::changes::logs::named::{Kind, Named};

/// An answer is there within this time.
const ANSWER: Duration = Duration::from_secs(10);

/// Most pods of a workload that are looked at. Fewer streams are followed.
const MOST: u32 = 500;

/// A container that runs or ran.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Container {
    pub(super) pod: String,
    /// Tells the pod from another of its name.
    pub(super) uid: String,
    pub(super) name: String,
}

/// The containers of a workload in a namespace; none where there is no such workload. An error says why that is not
/// known, and holds no secret.
pub(super) type Found = Result<Option<BTreeSet<Container>>, String>;

/// Looks for one workload.
pub(super) struct Looker {
    access: Access,
    /// Made when it is used first.
    client: Option<Client>,
    workload: Named,
}

impl Looker {
    /// Looks by way of this client, or of the one that `access` leads to.
    pub(super) fn new(access: Access, client: Option<Client>, workload: Named) -> Self {
        Self { access, client, workload }
    }

    /// A way to the cluster.
    ///
    /// # Errors
    /// Why there is none, in words that hold no secret.
    pub(super) async fn client(&mut self) -> Result<Client, String> {
        if let Some(made) = &self.client {
            return Ok(made.clone());
        }
        let made = client(&self.access).await?;
        self.client = Some(made.clone());
        Ok(made)
    }

    /// What of the workload there is in a namespace.
    pub(super) async fn look(&self, client: Client, namespace: &str) -> Found {
        let asked = timeout(ANSWER, self.selector(client.clone(), namespace)).await.map_err(|_| late())?;
        let selector = match asked {
            Ok(Some(selector)) => selector,
            Ok(None) => return Ok(None),
            Err(error) if is(&error, 404) => return Ok(None),
            Err(error) => return Err(trouble(&error, "get", "it")),
        };
        let selector = Selector::try_from(selector).map_err(|_| "its selector cannot be used".to_owned())?;
        let pods: Api<Pod> = Api::namespaced(client, namespace);
        let page = ListParams { limit: Some(MOST), ..ListParams::default() }.labels_from(&selector);
        let listed = timeout(ANSWER, pods.list(&page)).await.map_err(|_| late())?;
        let listed = listed.map_err(|error| trouble(&error, "list", "pods"))?;
        Ok(Some(listed.items.into_iter().flat_map(containers).collect()))
    }

    async fn selector(&self, client: Client, namespace: &str) -> Result<Option<LabelSelector>, Error> {
        let name = self.workload.name.as_str();
        Ok(match self.workload.kind {
            Kind::DaemonSet => {
                Api::<DaemonSet>::namespaced(client, namespace).get(name).await?.spec.map(|spec| spec.selector)
            }
            Kind::Deployment => {
                Api::<Deployment>::namespaced(client, namespace).get(name).await?.spec.map(|spec| spec.selector)
            }
            Kind::ReplicaSet => {
                Api::<ReplicaSet>::namespaced(client, namespace).get(name).await?.spec.map(|spec| spec.selector)
            }
            Kind::StatefulSet => {
                Api::<StatefulSet>::namespaced(client, namespace).get(name).await?.spec.map(|spec| spec.selector)
            }
        })
    }
}

/// What a failed request says. A missing right is named.
pub(super) fn trouble(error: &Error, verb: &str, what: &str) -> String {
    if is(error, 403) { format!("the right to `{verb}` {what} is missing") } else { why(error) }
}

fn late() -> String {
    format!("no answer within {ANSWER:?}")
}

/// The containers of a pod that have something to say: those that never started have no log yet, and a pod that is
/// over says nothing more. Containers that prepare a pod are left out, unless they go on beside the others.
fn containers(pod: Pod) -> Vec<Container> {
    let (Some(name), Some(uid)) = (pod.metadata.name, pod.metadata.uid) else { return Vec::new() };
    let status = pod.status.unwrap_or_default();
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return Vec::new();
    }
    let preparing = pod.spec.into_iter().flat_map(|spec| spec.init_containers.unwrap_or_default());
    let beside: BTreeSet<String> =
        preparing.filter(|one| one.restart_policy.as_deref() == Some("Always")).map(|one| one.name).collect();
    let sidecars = status.init_container_statuses.into_iter().flatten().filter(|one| beside.contains(&one.name));
    let all = status.container_statuses.into_iter().flatten().chain(sidecars).filter(started);
    all.map(|one| Container { pod: name.clone(), uid: uid.clone(), name: one.name }).collect()
}

fn started(container: &ContainerStatus) -> bool {
    let is = container.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some());
    is || container.last_state.as_ref().is_some_and(|state| state.terminated.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(pod: serde_json::Value) -> Vec<String> {
        containers(serde_json::from_value(pod).unwrap()).into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn containers_that_started_are_followed_with_those_beside_them() {
        let (on, off) = (json!({"running": {}}), json!({"waiting": {"reason": "ContainerCreating"}}));
        let again = json!({"terminated": {"exitCode": 1}});
        let status = |name: &str, state: &serde_json::Value, last: Option<&serde_json::Value>| {
            json!({"name": name, "state": state, "lastState": last, "image": "", "imageID": "", "ready": true,
                "restartCount": 0})
        };
        let mut pod = json!({"metadata": {"name": "api-1", "uid": "1"},
            "spec": {"containers": [], "initContainers": [{"name": "proxy", "restartPolicy": "Always"},
                {"name": "migrate"}]},
            "status": {"phase": "Running",
                "containerStatuses": [status("api", &on, None), status("new", &off, None),
                    status("loops", &off, Some(&again))],
                "initContainerStatuses": [status("proxy", &on, None), status("migrate", &again, None)]}});
        assert_eq!(names(pod.clone()), ["api", "loops", "proxy"]);
        pod["status"]["phase"] = json!("Failed");
        assert_eq!(names(pod), Vec::<String>::new());
    }
}
