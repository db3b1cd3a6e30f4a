//! A pod template as what can be compared: digests of its parts, and the images it runs.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::changes::kubernetes::consumers::secret_refs;

/// The annotation that `kubectl rollout restart` writes.
const RESTARTED: &str = "annotation kubectl.kubernetes.io/restartedAt";

/// The label that a Deployment adds to the templates of its ReplicaSets.
const HASH_LABEL: &str = "pod-template-hash";

/// What a difference names at most; the rest is counted.
const NAMED: usize = 4;

/// Longest name of one difference, in characters. An image with a digest has room.
const NAME_LIMIT: usize = 120;

/// What is kept of a pod template. Values are kept as digests, for an environment variable may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// Of all of it; equal templates start equal pods.
    pub(super) digest: u128,
    /// Part in words -> digest of its value.
    parts: BTreeMap<String, u128>,
    /// Container -> image.
    images: BTreeMap<String, String>,
    /// `Secret/NAMESPACE/NAME` that it refers to.
    pub(super) secret_refs: BTreeSet<String>,
}

impl Template {
    /// Takes a template apart.
    pub(super) fn of(namespace: &str, template: &PodTemplateSpec) -> Self {
        let refs = secret_refs(namespace, template);
        let mut parts = BTreeMap::new();
        let mut images = BTreeMap::new();
        let mut whole = serde_json::to_value(template).unwrap_or_default();
        for (words, place) in [("label", "/metadata/labels"), ("annotation", "/metadata/annotations")] {
            let Some(pairs) = whole.pointer(place).and_then(Value::as_object) else { continue };
            parts.extend(pairs.iter().map(|(key, value)| (format!("{words} {key}"), digest(value))));
        }
        parts.remove(&format!("label {HASH_LABEL}"));
        let spec = whole.pointer_mut("/spec").and_then(Value::as_object_mut).map(std::mem::take).unwrap_or_default();
        for (field, value) in spec {
            match field.as_str() {
                "containers" | "initContainers" => {
                    for container in value.as_array().into_iter().flatten() {
                        take_container(container, &mut parts, &mut images);
                    }
                }
                _ => drop(parts.insert(spaced(&field), digest(&value))),
            }
        }
        Self { digest: digest_of(&parts), parts, images, secret_refs: refs }
    }

    /// What this one has that the earlier had not, in words fit for people; `restarted` where nothing else changed.
    pub(super) fn difference(&self, earlier: &Self) -> String {
        let all: BTreeSet<&String> = self.parts.keys().chain(earlier.parts.keys()).collect();
        let changed: Vec<&String> =
            all.into_iter().filter(|part| self.parts.get(*part) != earlier.parts.get(*part)).collect();
        if changed == [RESTARTED] {
            return "restarted".to_owned();
        }
        let mut named: Vec<String> = Vec::new();
        for part in changed.iter().filter(|part| **part != RESTARTED) {
            let image = part.strip_prefix("image of ").and_then(|container| self.images.get(container));
            let words = match image {
                Some(image) => format!("image {image}"),
                None => (*part).clone(),
            };
            // The image is what most rollouts are about.
            let place = if image.is_some() { 0 } else { named.len() };
            named.insert(place, words.chars().take(NAME_LIMIT).collect());
        }
        let more = named.len().saturating_sub(NAMED);
        named.truncate(NAMED);
        if more > 0 {
            named.push(format!("{more} more"));
        }
        named.join(", ")
    }

    /// The images it runs, in words.
    pub(super) fn images(&self) -> String {
        let named = self.images.values().take(NAMED).map(|image| image.chars().take(NAME_LIMIT).collect::<String>());
        format!("image {}", named.collect::<Vec<_>>().join(", "))
    }

    /// Whether the two start the same processes, though one of them may have started them again.
    pub(super) fn differs_by_restart_only(&self, other: &Self) -> bool {
        let plain = |template: &Self| {
            let mut parts = template.parts.clone();
            parts.remove(RESTARTED);
            parts
        };
        plain(self) == plain(other)
    }

    /// Secrets that this one names and the earlier did not.
    pub(super) fn new_secret_refs(&self, earlier: &Self) -> Vec<String> {
        self.secret_refs.difference(&earlier.secret_refs).cloned().collect()
    }
}

fn take_container(container: &Value, parts: &mut BTreeMap<String, u128>, images: &mut BTreeMap<String, String>) {
    let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
    for (field, value) in container.as_object().into_iter().flatten() {
        match (field.as_str(), value) {
            ("env", Value::Array(variables)) => {
                for variable in variables {
                    let key = variable.get("name").and_then(Value::as_str).unwrap_or_default();
                    parts.insert(format!("env {key} of {name}"), digest(variable));
                }
            }
            ("image", Value::String(image)) => {
                images.insert(name.to_owned(), image.clone());
                parts.insert(format!("image of {name}"), digest(value));
            }
            _ => drop(parts.insert(format!("{} of {name}", spaced(field)), digest(value))),
        }
    }
}

/// `volumeMounts` -> `volume mounts`.
fn spaced(field: &str) -> String {
    let mut words = String::with_capacity(field.len() + 4);
    for letter in field.chars() {
        if letter.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// The keys of an object are sorted, so that equal values have equal digests.
fn digest(value: &Value) -> u128 {
    xxh3_128(value.to_string().as_bytes())
}

fn digest_of(parts: &BTreeMap<String, u128>) -> u128 {
    let mut bytes = Vec::new();
    for (part, digest) in parts {
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&digest.to_le_bytes());
    }
    xxh3_128(&bytes)
}
