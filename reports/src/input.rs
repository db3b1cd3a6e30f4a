//! All that judging reads, taken out of a store or a list of records once, so that it needs neither after that.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use storage::error::Error;
use storage::record::{Change, Gap, Outcome, ProbeResult, Record, Verdict, to_milliseconds};
use storage::sqlite::reader::{Reader, SeriesKey};
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
}

/// How far around a window incidents and their causes are looked for.
const AROUND: SignedDuration = SignedDuration::from_hours(24);
/// How long a changed secret may lie dormant and still be a cause.
const DORMANT: SignedDuration = SignedDuration::from_hours(24 * 30);
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

    /// Loads what is needed to judge a window: with what came before it, so that episodes are seen from their
    /// beginning, and after it, so that their ends are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(reader: &Reader, window: Window) -> Result<Input, Error> {
        let far = stretch(window, AROUND, AROUND);
        let mut input = Input { watermark: reader.watermark()?, ..Input::default() };
        for known in reader.series()? {
            let key =
                SeriesKey { target: known.target.clone(), probe: known.probe.clone(), agent: known.agent.clone() };
            let mut series = Series {
                target: known.target,
                probe: known.probe,
                agent: known.agent,
                kind: known.kind,
                expect: known.expect,
                variant: known.variant,
                first: known.first,
                every_ms: milliseconds(known.every_s),
                pieces: Vec::new(),
            };
            let last = known.last;
            input.newest = input.newest.max(Some(last));
            let mut part = far;
            // A slot that is missing at the edge is placed by its neighbours, so one result on either side is needed.
            loop {
                series.pieces.clear();
                reader.results(Some(&key), Some(part), |result| {
                    series.pieces.push(Piece::Single(Sample::from(&result)));
                    if result.time < far.until { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                })?;
                let whole = series.pieces.first().is_some_and(|piece| piece.first() <= window.from);
                let before = (whole && !begins_failing(&series)) || series.first >= part.from;
                let after = series.pieces.last().is_some_and(|piece| piece.last() >= window.until) || last < part.until;
                if before && after {
                    break;
                }
                let length = part.until.duration_since(part.from);
                part = stretch(
                    part,
                    if before { SignedDuration::ZERO } else { length },
                    if after { SignedDuration::ZERO } else { length },
                );
            }
            input.series.push(series);
        }
        input.changes = reader.changes(Some(stretch(window, DORMANT, AROUND)))?;
        input.gaps = reader.gaps(Some(far))?;
        input.verdicts = reader.verdicts(None)?;
        input.sort();
        Ok(input)
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

    fn sort(&mut self) {
        self.series.sort_by(|a, b| (&a.target, &a.probe, &a.agent).cmp(&(&b.target, &b.probe, &b.agent)));
        self.changes.sort_by(|a, b| (a.lo(), &a.id).cmp(&(b.lo(), &b.id)));
        self.gaps = gaps::joined(std::mem::take(&mut self.gaps));
    }
}

impl Series {
    fn new(newest: &ProbeResult, first: Timestamp) -> Series {
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
        let detail = result.detail.as_deref().filter(|_| result.outcome != Outcome::Success).map(Arc::from);
        Sample {
            time: to_milliseconds(result.time),
            outcome: result.outcome,
            reason: result.reason,
            took_us: result.took_us,
            every_ms: milliseconds(result.every_s),
            detail,
        }
    }
}

/// Whether the first executions all fail, so that the beginning of that lies further back.
fn begins_failing(series: &Series) -> bool {
    const ENOUGH: usize = 3;
    let executed = series.pieces.iter().filter_map(|piece| match piece {
        Piece::Single(sample) => sample.executed().then_some(sample.failed()),
        Piece::Quiet(_) => Some(false),
    });
    let mut first = executed.take(ENOUGH).peekable();
    first.peek().is_some() && first.all(|failed| failed)
}

/// A moment so many milliseconds later, held at the ends of time.
pub(crate) fn after(time: Timestamp, milliseconds: i64) -> Timestamp {
    shift(time, SignedDuration::from_millis(milliseconds))
}

/// A moment moved by a duration, held at the ends of time.
pub(crate) fn shift(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(time)
}

fn stretch(window: Window, before: SignedDuration, behind: SignedDuration) -> Window {
    Window { from: shift(window.from, -before), until: shift(window.until, behind) }
}

/// An interval in whole milliseconds; nonsense from outside is no schedule.
fn milliseconds(seconds: Option<f64>) -> Option<i64> {
    seconds
        .filter(|seconds| (0.001..=LONGEST_EVERY_S).contains(seconds))
        .map(|seconds| (seconds * 1000.0).round() as i64)
}
