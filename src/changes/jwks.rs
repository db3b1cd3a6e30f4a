//! Key sets of issuers (RFC 7517): keys added, removed, replaced.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// A key set that is watched.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KeySet")]
pub(crate) struct Settings {
    /// Where it is.
    pub(crate) url: String,
    /// Interval between two looks.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>")]
    pub(crate) every: Option<Duration>,
}
