//! Ends that are known ahead: told once when they come near, and withdrawn when what ends is replaced before.

use jiff::{SignedDuration, Timestamp};
use storage::record::{Change, ChangeKind};

use crate::sightings::SOURCE;

/// An end is told this long ahead: most certificates are renewed by then, and their ends are nobody's concern.
const AHEAD: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Most ends that are kept of one target.
const MOST: usize = 64;

/// The ends that are known of one target.
#[derive(Debug, Default)]
pub(super) struct Expiries(Vec<Expiry>);

#[derive(Debug)]
struct Expiry {
    object: String,
    /// What ends, in words.
    what: String,
    ends: Timestamp,
    told: bool,
}

impl Expiries {
    /// Learns of an end. It is told when it is near.
    pub(super) fn learn(&mut self, object: &str, what: String, ends: Timestamp) {
        if self.0.iter().any(|known| known.object == object && known.ends == ends) {
            return;
        }
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push(Expiry { object: object.to_owned(), what, ends, told: false });
    }

    /// The ends that have come near and were not told yet.
    pub(super) fn approach(&mut self, target: &str, now: Timestamp) -> Vec<Change> {
        let near = self.0.iter_mut().filter(|known| !known.told && known.ends.duration_since(now) <= AHEAD);
        near.map(|known| {
            known.told = true;
            let ends = if known.ends > now { "ends" } else { "ended" };
            known.change(
                target,
                ChangeKind::Expiry,
                known.ends,
                format!("{} {ends} at {}", known.what, known.ends),
                now,
            )
        })
        .collect()
    }

    /// What ends was replaced before. Where its end was told, a note takes the place of the change: under the
    /// same id, so that nothing is put down to an end that never came.
    pub(super) fn withdraw(&mut self, target: &str, object: &str, ends: Timestamp, now: Timestamp) -> Option<Change> {
        let index = self.0.iter().position(|known| known.object == object && known.ends == ends)?;
        let known = self.0.remove(index);
        let summary = format!("{} that was to end at {ends} is not in use any more", known.what);
        known.told.then(|| known.change(target, ChangeKind::Note, now, summary, now))
    }
}

impl Expiry {
    fn change(&self, target: &str, kind: ChangeKind, time: Timestamp, summary: String, now: Timestamp) -> Change {
        Change {
            id: format!("expiry-{target}-{}-{}", self.object, self.ends.as_second()),
            time: Some(time),
            kind,
            object: self.object.clone(),
            targets: vec![target.to_owned()],
            summary,
            source: SOURCE.into(),
            known_at: Some(now),
            ..Change::default()
        }
    }
}
