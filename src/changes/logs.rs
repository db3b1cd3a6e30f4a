//! Logs of workloads: counts of what speaks of failed authentication.

use schemars::JsonSchema;
use serde::Deserialize;

/// Logs that are watched.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Logs")]
pub(crate) struct Settings {
    /// `KIND/NAME` of what writes them.
    #[serde(default)]
    pub(crate) workloads: Vec<String>,
}
