//! The results of one probe at one agent: single executions where something happened, counts where nothing did.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use storage::record::{Expect, Outcome, ProbeKind, Reason, Variant};
use storage::window::Window;

use crate::input::after;

/// The results of one probe at one agent.
#[derive(Debug, Clone)]
pub struct Series {
    /// Name of the target.
    pub target: String,
    /// Name of the probe.
    pub probe: String,
    /// Name of the agent.
    pub agent: String,
    /// What kind of check it is.
    pub kind: ProbeKind,
    /// Whether the server should let the request in.
    pub expect: Expect,
    /// Which credential is used.
    pub variant: Variant,
    /// Start of the first result ever stored.
    pub first: Timestamp,
    /// Interval of the newest result that carries one, in milliseconds.
    pub every_ms: Option<i64>,
    /// What was loaded, by time.
    pub pieces: Vec<Piece>,
}

/// A part of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// One result.
    Single(Sample),
    /// Many successes of which no single one matters.
    Quiet(Quiet),
}

/// A stretch in which every planned execution was made, succeeded, and was as fast as every objective wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// Start of the first execution.
    pub first: Timestamp,
    /// Milliseconds from there to the start of the last one; 0 where there is only one.
    pub length_ms: i64,
    /// How many there are; at least 1.
    pub count: u64,
    /// Schedule in force, in milliseconds; 0 where none is known.
    pub every_ms: i64,
}

/// What judging needs of one result.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Start of the execution, in whole milliseconds.
    pub time: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, unless it succeeded.
    pub reason: Option<Reason>,
    /// Duration in microseconds.
    pub took_us: u64,
    /// Schedule in force, in milliseconds; 0 where none is known.
    pub every_ms: i64,
    /// What was seen, unless it succeeded. Hundreds of thousands are held, so that a thin pointer counts.
    pub detail: Option<Arc<String>>,
}

/// How executions ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Executed {
    /// All of them.
    pub all: u64,
    /// Those that failed.
    pub failed: u64,
}

impl Series {
    /// `target/probe`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.target, self.probe)
    }

    /// The single results whose start lies in a window.
    pub fn singles(&self, window: Window) -> impl DoubleEndedIterator<Item = &Sample> {
        self.pieces.get(self.range(window)).unwrap_or_default().iter().filter_map(move |piece| match piece {
            Piece::Single(sample) => window.contains(sample.time).then_some(sample),
            Piece::Quiet(_) => None,
        })
    }

    /// The quiet stretches that touch a window.
    pub fn quiet(&self, window: Window) -> impl Iterator<Item = &Quiet> {
        self.pieces.get(self.range(window)).unwrap_or_default().iter().filter_map(|piece| match piece {
            Piece::Single(_) => None,
            Piece::Quiet(quiet) => Some(quiet),
        })
    }

    /// How many executions start in a window, and how many of them fail. Skipped ones and the prober's own faults are
    /// no executions.
    #[must_use]
    pub fn executed(&self, window: Window) -> Executed {
        self.pieces.get(self.range(window)).unwrap_or_default().iter().fold(
            Executed::default(),
            |Executed { all, failed }, piece| match piece {
                Piece::Single(sample) if window.contains(sample.time) && sample.executed() => {
                    Executed { all: all + 1, failed: failed + u64::from(sample.failed()) }
                }
                Piece::Single(_) => Executed { all, failed },
                Piece::Quiet(quiet) => Executed { all: all + quiet.within(window), failed },
            },
        )
    }

    /// Positions of the pieces that touch a window.
    #[must_use]
    pub fn range(&self, window: Window) -> Range<usize> {
        let (from_ms, until_ms) = (up_to_millisecond(window.from), up_to_millisecond(window.until));
        let from = self.pieces.partition_point(|piece| piece.last_ms() < from_ms);
        let until = self.pieces.partition_point(|piece| piece.first().as_millisecond() < until_ms);
        from..until.max(from)
    }
}

impl Piece {
    /// Start of its first result.
    #[must_use]
    pub fn first(&self) -> Timestamp {
        match self {
            Piece::Single(sample) => sample.time,
            Piece::Quiet(quiet) => quiet.first,
        }
    }

    /// Start of its last result.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        match self {
            Piece::Single(sample) => sample.time,
            Piece::Quiet(quiet) => quiet.last(),
        }
    }

    /// The same in milliseconds since 1970.
    fn last_ms(&self) -> i64 {
        match self {
            Piece::Single(sample) => sample.time.as_millisecond(),
            Piece::Quiet(quiet) => quiet.last_ms(),
        }
    }

    /// Schedule in force, in milliseconds.
    #[must_use]
    pub fn every_ms(&self) -> Option<i64> {
        match self {
            Piece::Single(sample) => sample.every_ms(),
            Piece::Quiet(quiet) => known(quiet.every_ms),
        }
    }
}

impl Quiet {
    /// Start of the last execution.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        after(self.first, self.length_ms)
    }

    fn last_ms(&self) -> i64 {
        self.first.as_millisecond().saturating_add(self.length_ms)
    }

    /// Start of the execution with this number, counted from 0, as if they were spread evenly over whole milliseconds.
    #[must_use]
    pub fn at(&self, number: u64) -> Timestamp {
        let (steps, length) = (self.count.saturating_sub(1).max(1), self.length_ms.unsigned_abs());
        let number = number.min(self.count.saturating_sub(1));
        let offset = match length.checked_mul(number) {
            Some(product) => product / steps,
            // A stretch of many years.
            None => (u128::from(length) * u128::from(number) / u128::from(steps)) as u64,
        };
        after(self.first, i64::try_from(offset).unwrap_or(i64::MAX))
    }

    /// How many of its executions start in a window.
    #[must_use]
    pub fn within(&self, window: Window) -> u64 {
        if window.from <= self.first && self.last_ms() < up_to_millisecond(window.until) {
            return self.count;
        }
        self.before(window.until).saturating_sub(self.before(window.from))
    }

    /// How many of its executions start before a moment.
    #[must_use]
    pub fn before(&self, moment: Timestamp) -> u64 {
        self.before_ms(up_to_millisecond(moment))
    }

    /// The same of a moment in milliseconds: the least number n with length · n / steps, rounded down, not before it.
    #[must_use]
    pub fn before_ms(&self, moment_ms: i64) -> u64 {
        let past = moment_ms.saturating_sub(self.first.as_millisecond());
        let (steps, length) = (self.count.saturating_sub(1), self.length_ms.unsigned_abs());
        match u64::try_from(past) {
            Err(_) | Ok(0) => 0,
            Ok(past) if past > length => self.count,
            Ok(past) => match past.checked_mul(steps) {
                Some(product) => product.div_ceil(length.max(1)),
                // A stretch of many years.
                None => (u128::from(past) * u128::from(steps)).div_ceil(u128::from(length.max(1))) as u64,
            },
        }
    }
}

fn known(every_ms: i64) -> Option<i64> {
    Some(every_ms).filter(|every_ms| *every_ms > 0)
}

/// The first whole millisecond that is not before a moment.
pub(crate) fn up_to_millisecond(moment: Timestamp) -> i64 {
    let past = moment.subsec_nanosecond() % 1_000_000 > 0;
    moment.as_millisecond().saturating_add(i64::from(past))
}

/// The last whole millisecond that is not behind a moment.
pub(crate) fn down_to_millisecond(moment: Timestamp) -> i64 {
    let short = moment.subsec_nanosecond() % 1_000_000 < 0;
    moment.as_millisecond().saturating_sub(i64::from(short))
}

impl Sample {
    /// Schedule in force, in milliseconds, where it is known.
    #[must_use]
    pub fn every_ms(&self) -> Option<i64> {
        known(self.every_ms)
    }

    /// Whether the probe was executed and the target judged by it.
    #[must_use]
    pub fn executed(&self) -> bool {
        matches!(self.outcome, Outcome::Success | Outcome::Failure)
    }

    /// Whether the target failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.outcome == Outcome::Failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_quiet_stretch_is_cut_where_its_executions_start() {
        let quiet = Quiet { first: second(100), length_ms: 300_000, count: 11, every_ms: 30_000 };
        assert_eq!(quiet.at(1), second(130));
        assert_eq!(quiet.before(second(130)), 1);
        assert_eq!(quiet.within(Window { from: second(130), until: second(161) }), 2);
        assert_eq!(quiet.within(Window { from: second(0), until: second(1000) }), 11);
        assert_eq!(quiet.within(Window { from: second(401), until: second(1000) }), 0);
        let one = Quiet { length_ms: 0, count: 1, ..quiet };
        assert_eq!((one.at(0), one.before(second(100)), one.before(second(101))), (second(100), 0, 1));
    }

    #[test]
    fn a_piece_takes_no_more_than_48_bytes() {
        assert!(size_of::<Piece>() <= 48, "{}", size_of::<Piece>());
    }

    #[test]
    fn as_many_start_before_a_moment_as_have_a_start_before_it() {
        let quiet = Quiet { first: second(7), length_ms: 300_000, count: 8, every_ms: 40_000 };
        for millisecond in (0..320_000).step_by(37) {
            let moment = Timestamp::from_millisecond(millisecond).unwrap();
            let counted = (0..quiet.count).filter(|number| quiet.at(*number) < moment).count() as u64;
            assert_eq!(quiet.before(moment), counted, "{moment}");
        }
    }
}
