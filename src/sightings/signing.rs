//! Which key signs the tokens of a target, and when another took over.

use std::time::Duration;

use jiff::Timestamp;
use probes::sighting::Signature;
use storage::record::{Change, ChangeKind};

use crate::sightings::SOURCE;
use crate::sightings::recent::Recent;

/// The keys that signed the tokens of one target.
#[derive(Debug, Default)]
pub(super) struct Signing {
    recent: Recent<String>,
    lives: Option<Duration>,
    switch: Option<Switch>,
}

/// Another key took over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Switch {
    /// Id of the key that signs now.
    pub(crate) to: String,
    /// When it was seen first.
    pub(crate) at: Timestamp,
}

/// Who signed the tokens of a target lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// The last time that another key took over.
    pub(crate) switch: Option<Switch>,
    /// Ids of keys, and when each was last seen to sign.
    pub(crate) keys: Vec<(String, Timestamp)>,
    /// How long a token lives.
    pub(crate) lives: Option<Duration>,
}

impl Signing {
    /// Takes in who signed a fresh token.
    pub(super) fn take(&mut self, target: &str, signature: &Signature, now: Timestamp) -> Option<Change> {
        let Signature { key_id, algorithm, issuer, lives } = signature;
        self.lives = lives.or(self.lives);
        let id = || format!("signing_switch-{target}-{}", now.as_millisecond());
        self.recent.begin(key_id, now);
        let arrival = self.recent.see(key_id, now, id)?;
        self.switch = Some(Switch { to: key_id.clone(), at: now });
        Some(Change {
            id: id(),
            // The clock may have been set back in between.
            time_lo: Some(arrival.since.min(now)),
            time_hi: Some(arrival.since.max(now)),
            kind: ChangeKind::SigningSwitch,
            object: format!("Issuer/{}", issuer.as_deref().unwrap_or(target)),
            targets: vec![target.to_owned()],
            keys: vec![key_id.clone()],
            reverts: arrival.reverts,
            summary: format!("tokens are signed with `{key_id}` ({algorithm}) instead of `{}`", arrival.from),
            source: SOURCE.into(),
            known_at: Some(now),
            ..Change::default()
        })
    }

    /// Who signed lately, once anybody was seen to.
    pub(super) fn signed(&self) -> Option<Signed> {
        let keys: Vec<_> = self.recent.values().iter().map(|key| (key.value.clone(), key.last)).collect();
        (!keys.is_empty()).then(|| Signed { switch: self.switch.clone(), keys, lives: self.lives })
    }
}
