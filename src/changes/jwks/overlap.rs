//! Whether old and new key overlap long enough, as verifiers that keep a key set for a while need it.
//!
//! A key has to be published before it signs, by as long as verifiers keep a set; and it has to stay until the last
//! token that it signed is past its end, and verifiers have asked again. Only what is certain is told: every moment
//! is taken as the one that is most in the issuer's favour.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use storage::record::{Change, ChangeKind};

use crate::changes::jwks::keys::{Keys, cut};
use crate::sightings::Sightings;

/// Tolerance of verifiers for the end of a token.
const LEEWAY: Duration = Duration::from_secs(30);

/// Most keys whose publication is remembered.
const MOST: usize = 64;

/// What is known of the keys of a set over time.
#[derive(Debug)]
pub(super) struct Overlap {
    max_cache: Duration,
    token_lifetime: Option<Duration>,
    /// Earliest moment at which a key can have been published. Keys of the first look are not in it.
    published: BTreeMap<String, Timestamp>,
    /// The last switch of each target that was judged.
    judged: HashMap<String, Timestamp>,
}

impl Overlap {
    /// Nothing known yet.
    pub(super) fn new(max_cache: Duration, token_lifetime: Option<Duration>) -> Self {
        Self { max_cache, token_lifetime, published: BTreeMap::new(), judged: HashMap::new() }
    }

    /// Takes in keys that were not there at the look before, which was at `since`.
    pub(super) fn published(&mut self, before: &Keys, keys: &Keys, since: Timestamp) {
        self.published.retain(|id, _| keys.has(id));
        for id in keys.0.iter().filter_map(|key| key.id.as_deref()).map(cut) {
            if self.published.len() < MOST && !before.has(&id) {
                self.published.entry(id).or_insert(since);
            }
        }
    }

    /// Keys that went while tokens that they signed may still be about, or while verifiers may be served none else.
    pub(super) fn removed_too_soon(
        &self,
        before: &Keys,
        keys: &Keys,
        targets: &[String],
        sightings: &Sightings,
        now: Timestamp,
    ) -> Vec<Change> {
        let mut notes = Vec::new();
        for target in targets {
            let Some(signed) = sightings.signed(target) else { continue };
            let lives = self.token_lifetime.or(signed.lives).unwrap_or_default();
            let needed = lives.saturating_add(LEEWAY).saturating_add(self.max_cache);
            for (id, last) in signed.keys.iter().filter(|(id, _)| before.has(id) && !keys.has(id)) {
                let stayed = Duration::try_from(now.duration_since(*last)).unwrap_or_default();
                if stayed < needed {
                    let summary = format!(
                        "key `{id}` was removed at most {} after it signed a token; \
                         tokens live {} and verifiers keep a key set for {}",
                        words(stayed),
                        words(lives),
                        words(self.max_cache)
                    );
                    notes.push(note(target, id, summary));
                }
            }
        }
        notes
    }

    /// Keys that sign though verifiers cannot know them yet. `keys` were there at `now`.
    pub(super) fn used_too_early(
        &mut self,
        keys: &Keys,
        targets: &[String],
        sightings: &Sightings,
        now: Timestamp,
    ) -> Vec<Change> {
        let mut notes = Vec::new();
        for target in targets {
            let Some(switch) = sightings.signed(target).and_then(|signed| signed.switch) else { continue };
            // What was published before the switch is seen by a look that begins after it.
            if now < switch.at || self.judged.get(target) == Some(&switch.at) {
                continue;
            }
            self.judged.insert(target.clone(), switch.at);
            let published = self.published.get(&switch.to);
            let lead = published.map(|since| Duration::try_from(switch.at.duration_since(*since)).unwrap_or_default());
            let summary = match lead {
                _ if !keys.has(&switch.to) => {
                    format!("tokens are signed with `{}`, which the key set does not hold", switch.to)
                }
                Some(lead) if lead < self.max_cache => format!(
                    "key `{}` signs tokens at most {} after it was published; verifiers keep a key set for {}",
                    switch.to,
                    words(lead),
                    words(self.max_cache)
                ),
                Some(_) | None => continue,
            };
            notes.push(note(target, &switch.to, summary));
        }
        notes
    }
}

fn note(target: &str, key: &str, summary: String) -> Change {
    let (targets, keys) = (vec![target.to_owned()], vec![key.to_owned()]);
    Change { kind: ChangeKind::Note, targets, keys, summary, ..Change::default() }
}

/// A duration in whole seconds, as it is written in the configuration.
fn words(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}
