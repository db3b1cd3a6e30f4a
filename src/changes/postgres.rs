//! API keys and roles in the database of a target.

use std::time::Duration;

use probes::credential::Source;
use schemars::JsonSchema;
use serde::Deserialize;

/// A database that is watched.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Postgres")]
pub(crate) struct Settings {
    /// Where it is, with user and password.
    pub(crate) url: Source,
    /// Interval between two looks.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>")]
    pub(crate) every: Option<Duration>,
    /// Where API keys are.
    pub(crate) api_keys: Option<serde_json::Value>,
    /// Where the roles of users are.
    pub(crate) user_roles: Option<serde_json::Value>,
}
