//! Takes out of a store what judging needs: results one by one where they matter, and counts everywhere else.

mod edges;
mod latency;
mod sums;

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashMap;
use storage::error::Error;
use storage::record::Outcome;
use storage::sqlite::reader::executions::Execution;
use storage::sqlite::reader::outlines::Outline;
use storage::sqlite::reader::{self, Reader, SeriesKey};
use storage::window::Window;

use self::sums::Sums;
use crate::condense::Condenser;
use crate::input::{Input, after, milliseconds, shift};
use crate::plan::Plan;
use crate::series::{Piece, Sample, Series};

/// How far around a window incidents and their causes are looked for.
const AROUND: SignedDuration = SignedDuration::from_hours(24);
/// How long a changed secret may lie dormant and still be a cause.
const DORMANT: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

impl Input {
    /// Loads what is needed to judge a window: with what came before it, so that episodes are seen from their
    /// beginning, and after it, so that their ends are.
    ///
    /// Of a store with many results, days whose sums tell that every planned execution was made, and which of them did
    /// not succeed, are not read: their starts are taken to lie on the beat. What may be an incident is read one by one,
    /// and so is what may lie on either side of a moment at which somebody counts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(reader: &Reader, plan: &Plan) -> Result<Input, Error> {
        let far = days(plan.far(AROUND));
        let known = reader.series()?;
        let mut input = Input { watermark: reader.watermark()?, ..Input::default() };
        let changes = Window { from: shift(plan.window.from, -DORMANT), until: plan.far(AROUND).until };
        input.changes = reader.changes(Some(changes))?;
        let sums = Sums::read(reader, plan, far, &known)?;
        input.newest = known.iter().map(|series| series.last).max();
        input.series = series(reader, plan, far, &known, sums)?;
        if input.series.iter().any(Series::is_counted) {
            input.latencies = latency::read(reader, plan, &input.series)?;
        }
        input.gaps = reader.gaps(Some(plan.far(AROUND)))?;
        input.verdicts = reader.verdicts(None)?;
        input.sort();
        Ok(input)
    }
}

/// Whole days in UTC that hold a window.
fn days(window: Window) -> Window {
    let start = |time: Timestamp| time.as_millisecond().div_euclid(DAY_MS).saturating_mul(DAY_MS);
    let moment = |ms: i64| Timestamp::from_millisecond(ms).ok();
    Window {
        from: moment(start(window.from)).unwrap_or(Timestamp::MIN),
        until: moment(start(window.until).saturating_add(DAY_MS)).unwrap_or(Timestamp::MAX),
    }
}

/// A series that is being put together.
struct Growing<'a> {
    days: Vec<Outline>,
    /// Days whose results are read.
    read: BTreeSet<i64>,
    next_day: usize,
    flaws: Vec<Sample>,
    condenser: Condenser<'a>,
}

impl Growing<'_> {
    /// Adds the days up to one, that one included, that are known from their sums.
    fn add_sums(&mut self, until: i64) {
        while let Some(day) = self.days.get(self.next_day).copied().filter(|day| day.day <= until) {
            self.next_day += 1;
            if !self.read.contains(&day.day) {
                let flaws = sums::of_day(&self.flaws, &day);
                sums::pieces(&day, flaws, |piece| self.condenser.push(piece));
            }
        }
    }

    /// What was seen at a moment at which it did not succeed.
    fn detail(&self, time: Timestamp) -> Option<Arc<String>> {
        let position = self.flaws.binary_search_by(|flaw| flaw.time.cmp(&time)).ok()?;
        self.flaws.get(position)?.detail.clone()
    }

    fn add_read(&mut self, executions: Vec<Execution>) {
        for execution in executions {
            let Execution { time, outcome, reason, took_us, every_ms } = execution;
            let every_ms = every_ms.unwrap_or(0);
            let detail = if outcome == Outcome::Success { None } else { self.detail(time) };
            self.condenser.single(Sample { time, outcome, reason, took_us, every_ms, detail });
        }
    }
}

fn series(
    reader: &Reader,
    plan: &Plan,
    far: Window,
    known: &[reader::Series],
    sums: Sums,
) -> Result<Vec<Series>, Error> {
    let all = sums.results() <= plan.few;
    let marked = if all { None } else { Some(sums.marks(plan, known)) };
    let mut series = Vec::with_capacity(known.len());
    let mut sums = sums.series.into_iter().enumerate().zip(known).peekable();
    // What one target shows stands in the same blocks. One target after the other, so that little is held meanwhile.
    while let Some((_, next)) = sums.peek() {
        let target = next.target.as_str();
        let mut wanted: Vec<(SeriesKey, Vec<Window>)> = Vec::new();
        let mut growing: Vec<(&reader::Series, Growing<'_>)> = Vec::new();
        while let Some(((position, (days, flaws)), known)) = sums.next_if(|(_, known)| known.target == target) {
            let read: BTreeSet<i64> = match &marked {
                None => days.iter().map(|day| day.day).collect(),
                Some(marked) => marked.get(position).cloned().unwrap_or_default(),
            };
            let path = format!("{}/{}", known.target, known.probe);
            let usual_ms = milliseconds(known.every_s).or(plan.every_ms(&known.target)).unwrap_or(0);
            let condenser = Condenser::new(plan.limit_us(&path), usual_ms, plan, all);
            wanted.push((known.key(), windows(&days, &read, far)));
            growing.push((known, Growing { days, read, next_day: 0, flaws, condenser }));
        }
        reader.executions(&wanted, |position, executions| {
            let Some(((_, growing), first)) = growing.get_mut(position).zip(executions.first()) else { return };
            growing.add_sums(first.time.as_millisecond().div_euclid(DAY_MS));
            growing.add_read(executions);
        })?;
        for (known, mut growing) in growing {
            growing.add_sums(i64::MAX);
            let mut one = bare(known);
            one.pieces = growing.condenser.finish();
            edges::extend(reader, plan, far, known.last, &mut one, all)?;
            series.push(one);
        }
    }
    Ok(series)
}

/// The stretches of which the results are read: the days that are, and what is newer than the last day that has a sum.
fn windows(days: &[Outline], read: &BTreeSet<i64>, far: Window) -> Vec<Window> {
    let moment = |ms: i64| Timestamp::from_millisecond(ms).ok();
    let day = |day: &i64| {
        let from = moment(day.checked_mul(DAY_MS)?)?;
        Some(Window { from, until: after(from, DAY_MS) })
    };
    let mut windows: Vec<Window> = read.iter().filter_map(day).collect();
    let summed = days.iter().filter(|day| day.count > 0).map(|day| day.last_ms).max();
    let from = summed.and_then(|last_ms| moment(last_ms.saturating_add(1))).unwrap_or(far.from);
    windows.extend(Window { from, until: far.until }.cut(far));
    windows
}

fn bare(known: &reader::Series) -> Series {
    Series {
        target: known.target.clone(),
        probe: known.probe.clone(),
        agent: known.agent.clone(),
        kind: known.kind,
        expect: known.expect,
        variant: known.variant,
        first: known.first,
        every_ms: milliseconds(known.every_s),
        pieces: Vec::new(),
    }
}

/// The results of a window that did not succeed, by series. Texts that are alike are held once.
fn flaws(reader: &Reader, window: Window, known: &[reader::Series]) -> Result<Vec<Vec<Sample>>, Error> {
    let positions: FxHashMap<SeriesKey, usize> =
        known.iter().enumerate().map(|(position, series)| (series.key(), position)).collect();
    let mut texts: HashMap<String, Arc<String>> = HashMap::new();
    let mut flaws: Vec<Vec<Sample>> = vec![Vec::new(); known.len()];
    reader.failures(Some(window), |failure| {
        let detail = failure.detail.map(|text| match texts.get(&text) {
            Some(known) => Arc::clone(known),
            None => {
                let shared = Arc::new(text.clone());
                texts.insert(text, Arc::clone(&shared));
                shared
            }
        });
        let own = positions.get(failure.series.as_ref()).and_then(|position| flaws.get_mut(*position));
        own.into_iter().for_each(|own| {
            own.push(Sample {
                time: failure.time,
                outcome: failure.outcome,
                reason: failure.reason,
                took_us: failure.took_us,
                every_ms: 0,
                detail: detail.clone(),
            });
        });
        ControlFlow::Continue(())
    })?;
    flaws.iter_mut().for_each(Vec::shrink_to_fit);
    Ok(flaws)
}

impl Series {
    /// Whether some of its results are known as a count alone.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Quiet(_)))
    }
}
