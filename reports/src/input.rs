//! All that judging reads, taken out of a store or a list of records once, so that it needs neither after that.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use storage::error::Error;
use storage::record::{Change, Expect, Gap, Outcome, ProbeKind, ProbeResult, Reason, Record, Variant, to_milliseconds};
use storage::sqlite::reader::{Reader, SeriesKey};
use storage::sqlite::writer::derived_id;
use storage::window::Window;

use crate::gaps;

/// What was recorded around a window.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// Series by target, probe, agent.
    pub series: Vec<Series>,
    /// Changes by their earliest moment, then id.
    pub changes: Vec<Change>,
    /// Gaps by their beginning, those that join made one.
    pub gaps: Vec<Gap>,
    /// First moment of which the store cannot know yet: start of the newest result plus its interval.
    pub watermark: Option<Timestamp>,
    /// Start of the newest result.
    pub newest: Option<Timestamp>,
}

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
    /// The results that were loaded, by time.
    pub samples: Vec<Sample>,
}

/// What judging needs of one result.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Start of the execution.
    pub time: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, unless it succeeded.
    pub reason: Option<Reason>,
    /// Duration in microseconds.
    pub took_us: u64,
    /// Schedule in force, in milliseconds; above zero.
    pub every_ms: Option<i64>,
    /// What was seen, unless it succeeded.
    pub detail: Option<Arc<str>>,
}

/// How far around a window incidents and their causes are looked for.
const AROUND: SignedDuration = SignedDuration::from_hours(24);
/// How long a changed secret may lie dormant and still be a cause.
const DORMANT: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Longest interval that is taken for a schedule: a year.
const LONGEST_EVERY_S: f64 = 366.0 * 86_400.0;

impl Series {
    /// `target/probe`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.target, self.probe)
    }

    /// Executions only: neither skipped nor the prober's own fault.
    pub fn executed(&self) -> impl DoubleEndedIterator<Item = &Sample> {
        self.samples.iter().filter(|sample| sample.executed())
    }
}

impl Sample {
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

impl Input {
    /// Builds the input from records in any order; of two results with one identity the last wins.
    #[must_use]
    pub fn from_records(records: impl IntoIterator<Item = Record>) -> Input {
        let mut results: BTreeMap<(String, String, String), BTreeMap<Timestamp, ProbeResult>> = BTreeMap::new();
        let mut changes = BTreeMap::new();
        let mut gaps = Vec::new();
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
            }
        }
        let mut input = Input { changes: changes.into_values().collect(), gaps, ..Input::default() };
        for (_, results) in results {
            let Some((first, newest)) = results.values().next().zip(results.values().next_back()) else { continue };
            let mut series = Series::new(newest, first.time);
            series.every_ms = results.values().rev().find_map(|result| milliseconds(result.every_s));
            series.samples = results.values().map(Sample::from).collect();
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
                samples: Vec::new(),
            };
            let last = known.last;
            input.newest = input.newest.max(Some(last));
            let mut part = far;
            // A slot that is missing at the edge is placed by its neighbours, so one result on either side is needed.
            loop {
                series.samples.clear();
                reader.results(Some(&key), Some(part), |result| {
                    series.samples.push(Sample::from(&result));
                    if result.time < far.until { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                })?;
                let whole = series.samples.first().is_some_and(|sample| sample.time <= window.from);
                let before = (whole && !begins_failing(&series)) || series.first >= part.from;
                let after =
                    series.samples.last().is_some_and(|sample| sample.time >= window.until) || last < part.until;
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
        if let Some(last) = series.samples.last() {
            if self.newest.is_none_or(|newest| newest < last.time) {
                self.newest = Some(last.time);
                self.watermark = Some(after(last.time, last.every_ms.unwrap_or(0)));
            } else if self.newest == Some(last.time) {
                self.watermark = self.watermark.max(Some(after(last.time, last.every_ms.unwrap_or(0))));
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
            samples: Vec::new(),
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
    let mut first = series.executed().take(ENOUGH).peekable();
    first.peek().is_some() && first.all(Sample::failed)
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
