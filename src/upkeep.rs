//! Decides what the store needs between two batches: pieces of upkeep after each, pieces of retention once an hour.

use std::time::Duration;

use jiff::Timestamp;
use storage::error::Error;
use storage::sqlite::retention::{Retained, Retention};
use storage::sqlite::writer::Writer;
use tokio::time::Instant;
use tracing::{info, warn};

/// Time from one round of retention to the next.
const EVERY: Duration = Duration::from_hours(1);

/// Pause after a piece that failed.
const AFTER_FAILURE: Duration = Duration::from_mins(1);

/// When which piece is due, and what the pieces of this round of retention did.
pub(crate) struct Upkeep {
    retention: Retention,
    /// When a piece of retention is due; never where everything is kept.
    retain_at: Option<Instant>,
    /// Whether upkeep is due that waits for no batch.
    more: bool,
    begun: Instant,
    rest_until: Instant,
    round: Retained,
    failing: bool,
}

/// A bounded piece of work on the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Of what keeps it small and quick.
    Upkeep,
    /// Of what drops and rounds what is old.
    Retention(Retention),
}

/// What a piece did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// Upkeep, and whether a further piece is due.
    Upkeep(bool),
    /// Retention.
    Retention(Retained),
}

impl Piece {
    /// Does it; takes its time on the disk.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn work(self, writer: &mut Writer) -> Result<Done, Error> {
        match self {
            Piece::Upkeep => writer.maintain().map(Done::Upkeep),
            Piece::Retention(retention) => writer.retain(&retention, Timestamp::now()).map(Done::Retention),
        }
    }
}

impl Upkeep {
    /// The first round of retention is due at once.
    pub(crate) fn new(retention: Retention, now: Instant) -> Self {
        let retain_at = (retention != Retention::default()).then_some(now);
        let round = Retained::default();
        Self { retention, retain_at, more: false, begun: now, rest_until: now, round, failing: false }
    }

    /// When to come back though no batch was written until then.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        let due = if self.more { now } else { self.retain_at.unwrap_or(now + EVERY) };
        due.max(self.rest_until)
    }

    /// Hands out the piece that is due. Until [`Upkeep::done`] says how it went, it counts as failed.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Piece> {
        if now < self.rest_until {
            return None;
        }
        (self.begun, self.rest_until) = (now, now + AFTER_FAILURE);
        let old = self.retain_at.is_some_and(|at| at <= now);
        Some(if old { Piece::Retention(self.retention) } else { Piece::Upkeep })
    }

    /// Says how the last piece went. A further one comes after as long a rest as it took, so that what is recorded
    /// has the disk half of the time at least.
    pub(crate) fn done(&mut self, done: Result<Done, Error>, now: Instant) {
        match done {
            Ok(Done::Upkeep(more)) => self.more = more,
            Ok(Done::Retention(retained)) => {
                self.retain_at = Some(if retained.more { now } else { now + EVERY });
                self.add(retained);
            }
            Err(failure) => {
                if !self.failing {
                    warn!("the store cannot be tidied, it is tried again every {AFTER_FAILURE:?}: {failure}");
                }
                (self.failing, self.more) = (true, true);
                return;
            }
        }
        self.failing = false;
        self.rest_until = now + now.duration_since(self.begun);
    }

    fn add(&mut self, piece: Retained) {
        let Retained { results, rounded, rollups, records, more } = piece;
        self.round.results += results;
        self.round.rounded += rounded;
        self.round.rollups += rollups;
        self.round.records += records;
        if more {
            return;
        }
        let Retained { results, rounded, rollups, records, .. } = std::mem::take(&mut self.round);
        if results + rounded + rollups + records > 0 {
            info!(
                "retention: {results} results dropped, {rounded} results rounded, \
                 sums of {rollups} days of a series and {records} changes and gaps dropped"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ninety_days() -> Retention {
        Retention { results: Some(Duration::from_hours(90 * 24)), ..Retention::default() }
    }

    fn failure() -> Error {
        Error::Busy { path: "a.db".into() }
    }

    #[test]
    fn where_everything_is_kept_there_is_upkeep_after_each_batch_and_no_retention() {
        let mut now = Instant::now();
        let mut upkeep = Upkeep::new(Retention::default(), now);
        for _ in 0..10 {
            assert_eq!(upkeep.take(now), Some(Piece::Upkeep));
            upkeep.done(Ok(Done::Upkeep(false)), now);
            assert_eq!(upkeep.next(now), now + EVERY, "nothing is due without a batch");
            now += EVERY;
        }
    }

    #[test]
    fn retention_comes_once_an_hour_and_piece_by_piece_until_nothing_is_old() {
        let mut now = Instant::now();
        let mut upkeep = Upkeep::new(ninety_days(), now);
        for _ in 0..3 {
            for more in [true, true, false] {
                assert_eq!(upkeep.next(now), now);
                assert_eq!(upkeep.take(now), Some(Piece::Retention(ninety_days())));
                upkeep.done(Ok(Done::Retention(Retained { results: 7, more, ..Retained::default() })), now);
            }
            assert_eq!(upkeep.round, Retained::default(), "what was dropped is told");
            assert_eq!(upkeep.take(now), Some(Piece::Upkeep));
            upkeep.done(Ok(Done::Upkeep(false)), now);
            assert_eq!(upkeep.next(now), now + EVERY);
            now += EVERY;
        }
    }

    #[test]
    fn a_further_piece_rests_as_long_as_the_one_before_took() {
        let begun = Instant::now();
        let mut upkeep = Upkeep::new(Retention::default(), begun);
        assert_eq!(upkeep.take(begun), Some(Piece::Upkeep));
        upkeep.done(Ok(Done::Upkeep(true)), begun + SECOND);
        assert_eq!(upkeep.next(begun + SECOND), begun + 2 * SECOND);
        assert_eq!(upkeep.take(begun + SECOND), None, "also not after a batch");
        assert_eq!(upkeep.take(begun + 2 * SECOND), Some(Piece::Upkeep));
    }

    #[test]
    fn a_piece_that_failed_or_was_never_heard_of_is_tried_again_later() {
        let now = Instant::now();
        let mut upkeep = Upkeep::new(ninety_days(), now);
        assert_eq!(upkeep.take(now), Some(Piece::Retention(ninety_days())));
        upkeep.done(Err(failure()), now);
        assert_eq!(upkeep.take(now), None);
        assert_eq!(upkeep.next(now), now + AFTER_FAILURE);
        let later = now + AFTER_FAILURE;
        assert_eq!(upkeep.take(later), Some(Piece::Retention(ninety_days())));
        assert_eq!(upkeep.take(later), None, "nothing was heard of it");
        assert_eq!(upkeep.next(later), later + AFTER_FAILURE);
    }
}
