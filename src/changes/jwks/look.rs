//! One look at a key set: what changed in it, and what that means for tokens that are about.

use std::sync::Arc;

use jiff::Timestamp;
use storage::record::Change;
use url::Url;

use crate::changes::jwks::Settings;
use crate::changes::jwks::diff;
use crate::changes::jwks::fetch::Place;
use crate::changes::jwks::keys::Keys;
use crate::changes::jwks::overlap::Overlap;
use crate::changes::poll::Look;
use crate::sightings::Sightings;

/// A key set that is looked at.
pub(super) struct KeySet {
    place: Place,
    /// The object of its changes.
    object: String,
    /// The targets that trust its keys.
    targets: Vec<String>,
    keys: Option<Keys>,
    overlap: Overlap,
    sightings: Arc<Sightings>,
}

impl KeySet {
    /// A key set that was not looked at yet.
    pub(super) fn new(settings: Settings, place: Place, targets: Vec<String>, sightings: Arc<Sightings>) -> Self {
        let object = object(settings.address());
        let overlap = Overlap::new(settings.max_cache, settings.token_lifetime);
        Self { place, object, targets, keys: None, overlap, sightings }
    }
}

impl Look for KeySet {
    async fn look(&mut self, since: Option<Timestamp>, now: Timestamp) -> Result<Vec<Change>, String> {
        let fetched = self.place.fetch(now).await?;
        let mut changes = Vec::new();
        if let Some(keys) = fetched {
            if let (Some(before), Some(since)) = (&self.keys, since) {
                changes = diff::changes(before, &keys);
                self.overlap.published(before, &keys, since);
                changes.extend(self.overlap.removed_too_soon(before, &keys, &self.targets, &self.sightings, now));
            }
            self.keys = Some(keys);
        }
        if let Some(keys) = &self.keys {
            changes.extend(self.overlap.used_too_early(keys, &self.targets, &self.sightings, now));
        }
        let complete = |change: Change| {
            let targets = if change.targets.is_empty() { self.targets.clone() } else { change.targets };
            let since = since.unwrap_or(now);
            // The clock may have been set back in between.
            Change {
                time_lo: Some(since.min(now)),
                time_hi: Some(since.max(now)),
                object: self.object.clone(),
                targets,
                ..change
            }
        };
        Ok(changes.into_iter().map(complete).collect())
    }
}

/// `Jwks/` and the URL without its scheme and its query.
fn object(url: &str) -> String {
    let url: Option<Url> = url.parse().ok();
    let place = url.map(|url| format!("{}{}", url.authority(), url.path().trim_end_matches('/')));
    format!("Jwks/{}", place.unwrap_or_default())
}
