//! Key sets of issuers (RFC 7517): keys added, removed, replaced, and keys that are used too early or go too soon.

mod diff;
mod fetch;
mod keys;
mod look;
mod overlap;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::changes::Context;
use crate::changes::feed::Feed;
use crate::changes::jwks::fetch::Place;
use crate::changes::jwks::look::KeySet;
use crate::changes::poll::poll;
use crate::config::TargetConfig;
use crate::sightings::Sightings;

/// A look may take this long: two documents, with redirects.
const LIMIT: Duration = Duration::from_secs(30);

/// A key set that is watched.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KeySet")]
pub(crate) struct Settings {
    /// Where it is. Excludes `issuer`.
    pub(crate) url: Option<String>,
    /// The issuer, whose metadata (OpenID Connect Discovery) says where its key set is. Excludes `url`.
    pub(crate) issuer: Option<String>,
    /// Interval between two looks.
    #[serde(default = "minute", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub(crate) every: Duration,
    /// Names of the targets that trust its keys; absent: those whose `jwt` probe names the same key set or issuer.
    #[serde(default)]
    pub(crate) targets: Vec<String>,
    /// TLS files.
    #[serde(default)]
    pub(crate) tls: Trust,
    /// How long a verifier may keep the key set before it asks again.
    #[serde(default = "ten_minutes", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub(crate) max_cache: Duration,
    /// How long tokens live; absent: as long as those that the login probe receives.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>")]
    pub(crate) token_lifetime: Option<Duration>,
}

/// Who is trusted for a key set.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KeySetTls")]
pub(crate) struct Trust {
    /// PEM file with the authorities that are trusted in place of the system's.
    pub(crate) ca: Option<PathBuf>,
}

impl Settings {
    /// Lets relative paths begin at `base`.
    pub(crate) fn begin_at(&mut self, base: &Path) {
        self.tls.ca = self.tls.ca.take().map(|path| base.join(path));
    }

    /// The URL that names the key set: its own or its issuer's.
    fn address(&self) -> &str {
        self.url.as_deref().or(self.issuer.as_deref()).unwrap_or_default()
    }

    /// The names of the targets that trust its keys.
    fn trusted_by(&self, targets: &[TargetConfig]) -> Vec<String> {
        if !self.targets.is_empty() {
            return self.targets.clone();
        }
        let same = |one: &str, other: &str| one.trim_end_matches('/') == other.trim_end_matches('/');
        let trusts = |config: &&TargetConfig| {
            let url = config.target.key_set();
            let issuer = config.target.probes.jwt.as_ref().and_then(|jwt| jwt.issuer.as_deref());
            self.url.as_deref().zip(url.as_ref()).is_some_and(|(mine, theirs)| same(mine, theirs.as_str()))
                || self.issuer.as_deref().zip(issuer).is_some_and(|(mine, theirs)| same(mine, theirs))
        };
        targets.iter().filter(trusts).map(|config| config.target.name.clone()).collect()
    }
}

/// Watches one key set until the daemon stops.
pub(super) fn watch(
    settings: Settings,
    targets: &[TargetConfig],
    sightings: Arc<Sightings>,
    context: &Context,
) -> impl Future<Output = ()> + Send + use<> {
    let feed = Feed::new("jwks", settings.address(), context);
    let trusted_by = settings.trusted_by(targets);
    let (every, stop) = (settings.every, context.stop.clone());
    let place = Place::new(&settings);
    let set = KeySet::new(settings, place, trusted_by, sightings);
    async move { poll(set, feed, every, LIMIT, stop).await }
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

#[cfg(test)]
mod tests;
