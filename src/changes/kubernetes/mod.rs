//! A cluster: its Secrets and ConfigMaps, its rollouts and restarts.

use schemars::JsonSchema;
use serde::Deserialize;

/// How a cluster is watched.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Kubernetes")]
pub(crate) struct Settings {
    /// How much of a Secret is looked at.
    #[serde(default)]
    pub(crate) mode: Mode,
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
