//! What runs see beside their results, laid beside what was seen before: signing keys, certificates, ends.

mod certificates;
mod expiries;
mod recent;
mod signing;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use probes::sighting::Sighting;
use probes::target::Target;
use storage::record::Change;

use crate::credentials;
use crate::sightings::certificates::Certificates;
use crate::sightings::expiries::Expiries;
use crate::sightings::signing::{Signed, Signing};

/// The `source` of these changes. When the prober does not run it sees none of this, so its gaps are theirs.
const SOURCE: &str = "prober";

/// What was seen of all targets.
#[derive(Debug, Default)]
pub(crate) struct Sightings(Mutex<HashMap<String, Seen>>);

/// What was seen of one target.
#[derive(Debug, Default)]
struct Seen {
    signing: Signing,
    certificates: Certificates,
    expiries: Expiries,
    api_key_ends: Option<Timestamp>,
}

impl Sightings {
    /// Takes in what a run of a target saw. The changes since the runs before it; the first finds nothing but ends.
    pub(crate) fn take(&self, target: &Target, sighting: &Sighting, now: Timestamp) -> Vec<Change> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(&target.name) {
            all.insert(target.name.clone(), Seen::default());
        }
        let Some(seen) = all.get_mut(&target.name) else { return Vec::new() };
        let mut changes = Vec::new();
        if let Some(signature) = &sighting.signature {
            changes.extend(seen.signing.take(&target.name, signature, now));
        }
        for peer in &sighting.peers {
            changes.extend(seen.certificates.take(&target.name, peer, &mut seen.expiries, now));
        }
        if sighting.api_key_ends != seen.api_key_ends {
            changes.extend(seen.api_key(target, sighting.api_key_ends, now));
        }
        changes.extend(seen.expiries.approach(&target.name, now));
        changes
    }

    /// Who signed the tokens of a target lately; nothing before a token was seen that names its key.
    pub(crate) fn signed(&self, target: &str) -> Option<Signed> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(target)?.signing.signed()
    }
}

impl Seen {
    /// The configured API key has another end than before, or none any more.
    fn api_key(&mut self, target: &Target, ends: Option<Timestamp>, now: Timestamp) -> Option<Change> {
        let settings = target.probes.api_key.as_ref()?;
        let object = credentials::object(&settings.key);
        let before = std::mem::replace(&mut self.api_key_ends, ends);
        if let Some(ends) = ends {
            self.expiries.learn(&object, format!("the API key of `{}`", target.name), ends);
        }
        // A key that cannot be read for a moment has not been replaced.
        before.filter(|_| ends.is_some()).and_then(|before| self.expiries.withdraw(&target.name, &object, before, now))
    }
}

#[cfg(test)]
mod tests;
