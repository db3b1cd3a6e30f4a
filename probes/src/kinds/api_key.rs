//! Settings of the API-key probes: which key, how it is sent, which keys must be refused.

use std::iter;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use storage::record::Variant;

use crate::credential::Source;
use crate::kinds::login::Carrier;
use crate::kinds::request::Request;

/// How the API is called with a key. Exactly one of `header`, `query` and `scheme` is given.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// Header that carries the key.
    pub header: Option<String>,
    /// Query parameter that carries the key.
    pub query: Option<String>,
    /// Scheme of `Authorization: SCHEME KEY`.
    pub scheme: Option<String>,
    /// The key.
    pub key: Source,
    /// Endpoint where the key is tried.
    pub request: Request,
    /// Keys that must be refused.
    #[serde(default)]
    pub deny: Vec<DeniedKey>,
    /// A key that was taken out of use, for `deny: [revoked]`.
    pub revoked_key: Option<Source>,
    /// Beat of the keys that must be refused; absent: every run.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>")]
    pub deny_every: Option<Duration>,
    /// Statuses that count as refused; empty: any 4xx but 408, 425 and 429, or a redirect to a login page.
    #[serde(default)]
    pub refused: Vec<u16>,
}

/// A key that must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeniedKey {
    /// A key that never existed.
    Unknown,
    /// The configured `revoked_key`.
    Revoked,
}

impl DeniedKey {
    /// The word of the interchange.
    #[must_use]
    pub fn variant(self) -> Variant {
        match self {
            DeniedKey::Unknown => Variant::Unknown,
            DeniedKey::Revoked => Variant::Revoked,
        }
    }
}

impl ApiKey {
    /// How the key is sent; `None` unless exactly one way is configured.
    #[must_use]
    pub fn carrier(&self) -> Option<Carrier> {
        match (&self.header, &self.query, &self.scheme) {
            (Some(name), None, None) => Some(Carrier::Header(name.clone())),
            (None, Some(name), None) => Some(Carrier::Query(name.clone())),
            (None, None, Some(name)) => Some(Carrier::Scheme(name.clone())),
            _ => None,
        }
    }

    /// The sources of all secrets that the probes use.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        iter::once(&self.key).chain(&self.revoked_key).chain(self.request.sources())
    }
}
