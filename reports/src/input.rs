//! All that judging reads, taken out of a store or a list of records once, so that it needs neither after that.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use storage::record::{Change, Gap, Outcome, ProbeResult, Record, Verdict, to_milliseconds};
use storage::sketch::Sketch;
use storage::sqlite::writer::derived_id;
use storage::window::Window;

use crate::gaps;
use crate::series::{Piece, Sample, Series};

/// What was recorded around a window.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// Series by target, probe, agent.
    pub series: Vec<Series>,
    /// Changes by their earliest moment, then id.
    pub changes: Vec<Change>,
    /// Gaps by their beginning, those that join made one.
    pub gaps: Vec<Gap>,
    /// What people said of incidents, of all times, in any order.
    pub verdicts: Vec<Verdict>,
    /// First moment of which the store cannot know yet: start of the newest result plus its interval.
    pub watermark: Option<Timestamp>,
    /// Start of the newest result.
    pub newest: Option<Timestamp>,
    /// Latencies of windows, where results are known as counts.
    pub latencies: Vec<Latencies>,
    /// How long the successes of all series took in stretches that follow each other, for charts, where results are known
    /// as counts.
    pub course: Vec<(Window, Sketch)>,
}

/// How long the successes of a window outside of corrections took.
#[derive(Debug, Clone)]
pub struct Latencies {
    /// The window.
    pub window: Window,
    /// One for each series, in their order.
    pub sketches: Vec<Sketch>,
}

/// Longest interval that is taken for a schedule: a year.
const LONGEST_EVERY_S: f64 = 366.0 * 86_400.0;

impl Input {
    /// Builds the input from records in any order; of two results with one identity the last wins.
    #[must_use]
    pub fn from_records(records: impl IntoIterator<Item = Record>) -> Input {
        let mut results: BTreeMap<(String, String, String), BTreeMap<Timestamp, ProbeResult>> = BTreeMap::new();
        let mut changes = BTreeMap::new();
        let mut gaps = Vec::new();
        let mut verdicts = BTreeMap::new();
        for record in records {
            match record {
                Record::Result(result) => {
                    let key = (result.target.clone(), result.probe.clone(), result.agent.clone());
                    results.entry(key).or_default().insert(to_milliseconds(result.time), result);
                }
                Record::Change(mut change) => {
                    if change.id.is_empty() {
                        change.id = derived_id(&change);
                    }
                    changes.insert(change.id.clone(), change);
                }
                Record::Gap(gap) => gaps.push(gap),
                Record::Verdict(mut verdict) => {
                    if verdict.id.is_empty() {
                        verdict.id = Verdict::id_of(&verdict.incident);
                    }
                    verdicts.insert(verdict.id.clone(), verdict);
                }
            }
        }
        let verdicts = verdicts.into_values().collect();
        let mut input = Input { changes: changes.into_values().collect(), gaps, verdicts, ..Input::default() };
        for (_, results) in results {
            let Some((first, newest)) = results.values().next().zip(results.values().next_back()) else { continue };
            let mut series = Series::new(newest, first.time);
            series.every_ms = results.values().rev().find_map(|result| milliseconds(result.every_s));
            series.pieces = results.values().map(|result| Piece::Single(Sample::from(result))).collect();
            input.push(series);
        }
        input.sort();
        input
    }

    /// Series of one target.
    pub fn of_target(&self, target: &str) -> impl Iterator<Item = &Series> {
        let first = self.series.partition_point(|series| series.target.as_str() < target);
        let count = self.series.iter().skip(first).take_while(|series| series.target == target).count();
        self.series.iter().skip(first).take(count)
    }

    /// The series of one probe at one agent.
    #[must_use]
    pub fn find(&self, target: &str, probe: &str, agent: &str) -> Option<&Series> {
        self.of_target(target).find(|series| series.probe == probe && series.agent == agent)
    }

    fn push(&mut self, series: Series) {
        if let Some(last) = series.pieces.last() {
            let end = after(last.last(), last.every_ms().unwrap_or(0));
            if self.newest.is_none_or(|newest| newest < last.last()) {
                self.newest = Some(last.last());
                self.watermark = Some(end);
            } else if self.newest == Some(last.last()) {
                self.watermark = self.watermark.max(Some(end));
            }
        }
        self.series.push(series);
    }

    pub(crate) fn sort(&mut self) {
        self.series.sort_by(|a, b| (&a.target, &a.probe, &a.agent).cmp(&(&b.target, &b.probe, &b.agent)));
        self.changes.sort_by(|a, b| (a.lo(), &a.id).cmp(&(b.lo(), &b.id)));
        self.gaps = gaps::joined(std::mem::take(&mut self.gaps));
    }
}

impl Series {
    pub(crate) fn new(newest: &ProbeResult, first: Timestamp) -> Series {
        Series {
            target: newest.target.clone(),
            probe: newest.probe.clone(),
            agent: newest.agent.clone(),
            kind: newest.kind,
            expect: newest.expect,
            variant: newest.variant,
            first,
            every_ms: None,
            pieces: Vec::new(),
        }
    }
}

impl From<&ProbeResult> for Sample {
    fn from(result: &ProbeResult) -> Sample {
        let detail = result.detail.as_deref().filter(|_| result.outcome != Outcome::Success);
        Sample {
            time: to_milliseconds(result.time),
            outcome: result.outcome,
            reason: result.reason,
            took_us: result.took_us,
            every_ms: milliseconds(result.every_s).unwrap_or(0),
            detail: detail.map(|detail| Arc::new(detail.to_owned())),
        }
    }
}

/// A moment so many milliseconds later, held at the ends of time.
pub(crate) fn after(time: Timestamp, milliseconds: i64) -> Timestamp {
    shift(time, SignedDuration::from_millis(milliseconds))
}

/// A moment moved by a duration, held at the ends of time. Judging moves moments more often than it does anything else.
pub(crate) fn shift(time: Timestamp, by: SignedDuration) -> Timestamp {
    const SECOND: i32 = 1_000_000_000;
    let nanoseconds = time.subsec_nanosecond() + by.subsec_nanos();
    let (carried, rest) = (nanoseconds / SECOND, nanoseconds % SECOND);
    let seconds = time.as_second().saturating_add(by.as_secs()).saturating_add(i64::from(carried));
    let end = if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::new(seconds, rest).unwrap_or(end)
}

/// An interval in whole milliseconds; nonsense from outside is no schedule.
pub(crate) fn milliseconds(seconds: Option<f64>) -> Option<i64> {
    seconds
        .filter(|seconds| (0.001..=LONGEST_EVERY_S).contains(seconds))
        .map(|seconds| (seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_moment_is_moved_as_jiff_moves_it(ns in any::<i64>(), by_s in any::<i32>(), by_ns in -999_999_999..=999_999_999_i32) {
            let time = Timestamp::from_nanosecond(i128::from(ns)).unwrap();
            let by = SignedDuration::new(i64::from(by_s), by_ns);
            prop_assert_eq!(shift(time, by), time.checked_add(by).unwrap());
        }
    }

    #[test]
    fn nothing_is_moved_beyond_the_ends_of_time() {
        assert_eq!(shift(Timestamp::UNIX_EPOCH, SignedDuration::MAX), Timestamp::MAX);
        assert_eq!(shift(Timestamp::UNIX_EPOCH, SignedDuration::MIN), Timestamp::MIN);
    }
}
