//! Links a change that names no target to the targets that depend on its object.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use storage::record::{Change, SecretRole};

/// What belongs to a target in Kubernetes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Namespace of the workloads and the Secrets.
    pub namespace: String,
    /// `KIND/NAME` of what serves the API.
    #[serde(default)]
    pub workloads: Vec<String>,
    /// Names of the Secrets by their role.
    #[serde(default)]
    pub secrets: Roles,
}

/// Names of Secrets by their role.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// What tokens are signed with.
    pub jwt_signing: Option<String>,
    /// The API keys.
    pub api_keys: Option<String>,
    /// A password.
    pub password: Option<String>,
    /// A certificate and its key.
    pub tls: Option<String>,
    /// Anything else.
    pub other: Option<String>,
}

/// Gives each change without targets the targets whose link covers it, and a secret its role.
pub fn apply(links: &BTreeMap<String, Link>, changes: &mut [Change]) {
    for change in changes.iter_mut().filter(|change| change.targets.is_empty()) {
        let covering = links.iter().filter(|(_, link)| link.covers(change));
        let found: Vec<(&String, &Link)> = covering.collect();
        if change.secret_role.is_none() {
            change.secret_role = found.iter().find_map(|(_, link)| link.role(&change.object));
        }
        change.targets = found.into_iter().map(|(target, _)| target.clone()).collect();
    }
}

impl Link {
    fn covers(&self, change: &Change) -> bool {
        let workload = |object: &str| self.local(object).is_some_and(|local| self.workloads.contains(&local));
        self.role(&change.object).is_some()
            || workload(&change.object)
            || change.workload.as_deref().is_some_and(workload)
            || change.mounts.iter().any(|mount| workload(&mount.workload))
    }

    /// The role of a Secret of this link.
    fn role(&self, object: &str) -> Option<SecretRole> {
        let local = self.local(object)?;
        let name = local.strip_prefix("Secret/")?;
        let Roles { jwt_signing, api_keys, password, tls, other } = &self.secrets;
        let roles = [
            (jwt_signing, SecretRole::JwtSigning),
            (api_keys, SecretRole::ApiKeys),
            (password, SecretRole::Password),
            (tls, SecretRole::Tls),
            (other, SecretRole::Other),
        ];
        roles.into_iter().find(|(secret, _)| secret.as_deref() == Some(name)).map(|(_, role)| role)
    }

    /// `KIND/NAME` of an object `KIND/NAMESPACE/NAME` that is in this link's namespace.
    fn local(&self, object: &str) -> Option<String> {
        let mut parts = object.splitn(3, '/');
        let (kind, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
        (namespace == self.namespace).then(|| format!("{kind}/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use storage::record::{Mount, MountHow};

    use super::*;

    fn linked(change: Change) -> Change {
        let link = Link {
            namespace: "llm".into(),
            workloads: vec!["Deployment/orchestrator".into()],
            secrets: Roles { jwt_signing: Some("jwt-secret".into()), ..Roles::default() },
        };
        let mut changes = [change];
        apply(&BTreeMap::from([("orchestrator".to_owned(), link)]), &mut changes);
        let [change] = changes;
        change
    }

    fn of(object: &str) -> Change {
        Change { object: object.into(), ..Change::default() }
    }

    #[test]
    fn a_secret_is_linked_by_its_name_and_gets_its_role() {
        let change = linked(of("Secret/llm/jwt-secret"));
        assert_eq!(change.targets, ["orchestrator"]);
        assert_eq!(change.secret_role, Some(SecretRole::JwtSigning));
    }

    #[test]
    fn a_workload_is_linked_by_its_kind_and_name_or_by_what_it_mounts() {
        assert_eq!(linked(of("Deployment/llm/orchestrator")).targets, ["orchestrator"]);
        let mount = Mount { workload: "Deployment/llm/orchestrator".into(), how: MountHow::Env };
        assert_eq!(linked(Change { mounts: vec![mount], ..of("Secret/llm/other") }).targets, ["orchestrator"]);
        let restart = Change { workload: Some("Deployment/llm/orchestrator".into()), ..of("Pod/llm/orchestrator-1") };
        assert_eq!(linked(restart).targets, ["orchestrator"]);
    }

    #[test]
    fn another_namespace_or_name_is_not_linked_and_a_named_target_stays() {
        for object in
            ["Secret/other/jwt-secret", "Secret/llm/jwt-secret-2", "StatefulSet/llm/orchestrator", "jwt-secret"]
        {
            assert!(linked(of(object)).targets.is_empty(), "{object}");
        }
        let named = Change { targets: vec!["billing".into()], ..of("Secret/llm/jwt-secret") };
        assert_eq!(linked(named).targets, ["billing"]);
    }
}
