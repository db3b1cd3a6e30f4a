//! Which workloads take in which Secrets and ConfigMaps, and how, by their pod templates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec, VolumeMount};
use storage::record::{Mount, MountHow};

/// Secrets and ConfigMaps, as `Secret/NAMESPACE/NAME`, and how each is taken in.
type Uses = Vec<(String, MountHow)>;

/// The consumers that are known, shared between those who watch workloads and those who watch Secrets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Consumers {
    /// Workload -> what it takes in.
    known: Arc<Mutex<BTreeMap<String, Uses>>>,
}

impl Consumers {
    /// What a workload takes in from now on.
    pub(crate) fn set(&self, workload: &str, uses: Uses) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(workload.to_owned(), uses);
    }

    /// A workload is gone.
    pub(crate) fn remove(&self, workload: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(workload);
    }

    /// The workloads that take in an object.
    pub(crate) fn of(&self, object: &str) -> Vec<Mount> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let all = known.iter().flat_map(|(workload, uses)| uses.iter().map(move |(used, how)| (workload, used, *how)));
        all.filter(|(_, used, _)| *used == object)
            .map(|(workload, _, how)| Mount { workload: workload.clone(), how })
            .collect()
    }
}

/// The Secrets that a template names, as `Secret/NAMESPACE/NAME`. Those that only pull images are none.
pub(crate) fn secret_refs(namespace: &str, template: &PodTemplateSpec) -> BTreeSet<String> {
    uses(namespace, template)
        .into_iter()
        .map(|(object, _)| object)
        .filter(|object| object.starts_with("Secret/"))
        .collect()
}

/// The Secrets and ConfigMaps that a template takes in, and how; each way once.
pub(crate) fn uses(namespace: &str, template: &PodTemplateSpec) -> Uses {
    let Some(spec) = &template.spec else { return Vec::new() };
    let containers: Vec<&Container> = spec.containers.iter().chain(spec.init_containers.iter().flatten()).collect();
    let mut found = BTreeSet::new();
    let mut uses = |kind: &str, name: &str, how: MountHow| {
        if !name.is_empty() {
            found.insert((format!("{kind}/{namespace}/{name}"), how));
        }
    };
    for container in &containers {
        for from in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
            from.secret_key_ref.iter().for_each(|key| uses("Secret", &key.name, MountHow::Env));
            from.config_map_key_ref.iter().for_each(|key| uses("ConfigMap", &key.name, MountHow::Env));
        }
        for from in container.env_from.iter().flatten() {
            from.secret_ref.iter().for_each(|all| uses("Secret", &all.name, MountHow::Env));
            from.config_map_ref.iter().for_each(|all| uses("ConfigMap", &all.name, MountHow::Env));
        }
    }
    for volume in spec.volumes.iter().flatten() {
        let mounts = containers.iter().flat_map(|container| container.volume_mounts.iter().flatten());
        let mounts: Vec<_> = mounts.filter(|mount| mount.name == volume.name).collect();
        let subpath = |mount: &&VolumeMount| mount.sub_path.is_some() || mount.sub_path_expr.is_some();
        let mut mounted = |kind: &str, name: &str, whole: MountHow| {
            if mounts.iter().any(subpath) {
                uses(kind, name, MountHow::Subpath);
            }
            if !mounts.iter().all(subpath) {
                uses(kind, name, whole);
            }
        };
        if let Some(secret) = &volume.secret {
            mounted("Secret", secret.secret_name.as_deref().unwrap_or_default(), MountHow::Volume);
        }
        if let Some(map) = &volume.config_map {
            mounted("ConfigMap", &map.name, MountHow::Volume);
        }
        for source in volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten()) {
            source.secret.iter().for_each(|secret| mounted("Secret", &secret.name, MountHow::Projected));
            source.config_map.iter().for_each(|map| mounted("ConfigMap", &map.name, MountHow::Projected));
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_take_in_an_object_is_found_and_the_secret_that_pulls_images_is_none() {
        let template: PodTemplateSpec = serde_json::from_value(json!({"spec": {
            "imagePullSecrets": [{"name": "registry"}],
            "initContainers": [{"name": "migrate", "envFrom": [{"secretRef": {"name": "database"}}]}],
            "containers": [{
                "name": "app",
                "env": [
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "jwt", "key": "secret"}}},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "b"}}},
                    {"name": "C", "value": "plain"},
                ],
                "volumeMounts": [
                    {"name": "whole", "mountPath": "/a"},
                    {"name": "part", "mountPath": "/b", "subPath": "b"},
                    {"name": "both", "mountPath": "/c"},
                    {"name": "both", "mountPath": "/d", "subPathExpr": "$(NAME)"},
                    {"name": "projected", "mountPath": "/e"},
                ],
            }],
            "volumes": [
                {"name": "whole", "secret": {"secretName": "tls"}},
                {"name": "part", "configMap": {"name": "part"}},
                {"name": "both", "secret": {"secretName": "both"}},
                {"name": "projected", "projected": {"sources": [{"secret": {"name": "token"}}, {"configMap": {"name": "ca"}}]}},
                {"name": "nowhere", "secret": {"secretName": "unused"}},
            ],
        }}))
        .unwrap();
        let found = uses("llm", &template);
        let words: Vec<String> = found.iter().map(|(object, how)| format!("{object} {}", how.as_str())).collect();
        let expected = [
            "ConfigMap/llm/ca projected",
            "ConfigMap/llm/part subpath",
            "ConfigMap/llm/settings env",
            "Secret/llm/both volume",
            "Secret/llm/both subpath",
            "Secret/llm/database env",
            "Secret/llm/jwt env",
            "Secret/llm/tls volume",
            "Secret/llm/token projected",
        ];
        assert_eq!(words, expected);
        assert_eq!(secret_refs("llm", &template).len(), 5);
    }

    #[test]
    fn an_object_is_known_by_its_consumers_until_they_are_gone() {
        let consumers = Consumers::default();
        consumers.set("Deployment/llm/web", vec![("Secret/llm/jwt".into(), MountHow::Env)]);
        consumers.set("Deployment/llm/api", vec![("Secret/llm/jwt".into(), MountHow::Volume)]);
        let workloads = || consumers.of("Secret/llm/jwt").into_iter().map(|mount| mount.workload).collect::<Vec<_>>();
        assert_eq!(workloads(), ["Deployment/llm/api", "Deployment/llm/web"]);
        consumers.remove("Deployment/llm/api");
        consumers.set("Deployment/llm/web", Vec::new());
        assert!(workloads().is_empty());
    }
}
