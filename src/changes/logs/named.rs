//! Which workload is meant: its kind, its name, and its namespace where that is said.

use std::str::FromStr;

/// `KIND/NAME` or `KIND/NAMESPACE/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(super) kind: Kind,
    /// Where it is; none: wherever it is found.
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

/// Kinds of which pods can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    DaemonSet,
    Deployment,
    ReplicaSet,
    StatefulSet,
}

impl Kind {
    /// As the API writes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::DaemonSet => "DaemonSet",
            Kind::Deployment => "Deployment",
            Kind::ReplicaSet => "ReplicaSet",
            Kind::StatefulSet => "StatefulSet",
        }
    }
}

impl Named {
    /// The namespaces in which it may be: its own, or these.
    pub(super) fn places(&self, others: &[String]) -> Vec<String> {
        self.namespace.as_ref().map_or_else(|| others.to_vec(), |namespace| vec![namespace.clone()])
    }

    /// `Log/KIND/NAMESPACE/NAME`.
    pub(super) fn log(&self, namespace: &str) -> String {
        format!("Log/{}/{namespace}/{}", self.kind.word(), self.name)
    }
}

impl FromStr for Named {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        let (kind, namespace, name) = match parts[..] {
            [kind, name] => (kind, None, name),
            [kind, namespace, name] => (kind, Some(namespace), name),
            _ => {
                return Err(
                    "a workload is `KIND/NAME` or `KIND/NAMESPACE/NAME`, for example `Deployment/orchestrator`",
                );
            }
        };
        let all = [Kind::DaemonSet, Kind::Deployment, Kind::ReplicaSet, Kind::StatefulSet];
        let kind = all.into_iter().find(|known| known.word() == kind);
        let kind = kind.ok_or("logs are read of a `Deployment`, `StatefulSet`, `DaemonSet` or `ReplicaSet`")?;
        Ok(Self { kind, namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }
}
