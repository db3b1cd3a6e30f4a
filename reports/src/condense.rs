//! Makes counts of executions of which no single one matters, and leaves alone what lies around failures that may be
//! the beginning of more.

use std::collections::VecDeque;

use jiff::Timestamp;
use storage::record::{Outcome, Reason};

use crate::input::Input;
use crate::plan::Plan;
use crate::series::{Piece, Quiet, Sample};

/// Executions that stay single on either side of failures that may be an episode: as many as looking for its beginning
/// reads, and as a probe that fails once in a hundred times must succeed before it is well.
pub const AROUND: u64 = 300;
/// So many bad executions ..
const BAD: usize = 3;
/// .. among so many in a row may be an episode; fewer are told from flakes by nothing but other probes.
pub(crate) const NEAR: u64 = 40;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// An input in which runs of regular successes, as fast as every objective wants, are counts. They are cut where somebody
/// counts, so that every number stays what it was; the durations of the successes are not in it any more.
#[must_use]
pub fn condense(input: &Input, plan: &Plan) -> Input {
    let mut condensed = Input { series: Vec::new(), ..input.clone() };
    for series in &input.series {
        let usual_ms = series.every_ms.or(plan.every_ms(&series.target)).unwrap_or(0);
        let mut condenser = Condenser::new(plan.limit_us(&series.path()), usual_ms, plan, false);
        for piece in &series.pieces {
            condenser.push(piece.clone());
        }
        let pieces = condenser.finish();
        condensed.series.push(crate::series::Series { pieces, ..series.clone() });
    }
    condensed
}

/// Takes in the pieces of one series by time, and gives back fewer. Holds no more than [`AROUND`] results meanwhile.
pub(crate) struct Condenser<'a> {
    borders: &'a [Timestamp],
    /// The lowest limit of an objective, in microseconds.
    limit_us: Option<u64>,
    usual_ms: i64,
    all: bool,
    done: Vec<Piece>,
    /// The newest results, and whether each stays single.
    recent: VecDeque<(Sample, bool)>,
    /// The run that grows, and its first result while it is the only one.
    run: Option<(Quiet, Option<Sample>)>,
    watch: Watch,
    /// Number of executions that stay single from here on.
    keep: u64,
}

/// Tells bad executions that may be an episode from lonely ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    executions: u64,
    bad: VecDeque<u64>,
}

/// What a bad execution may be the beginning of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// One of a kind.
    Lonely,
    /// The second in a row: an episode if another probe shows the same.
    Pair,
    /// One of several.
    Many,
}

impl Watch {
    /// Takes in successes.
    pub(crate) fn good(&mut self, count: u64) {
        self.executions = self.executions.saturating_add(count);
    }

    /// Takes in a bad execution.
    pub(crate) fn bad(&mut self, reason: Option<Reason>) -> Alarm {
        let number = self.executions;
        self.executions = self.executions.saturating_add(1);
        self.bad.push_back(number);
        while self.bad.len() > BAD {
            self.bad.pop_front();
        }
        let near = |nth: usize, distance: u64| {
            let earlier = self.bad.iter().rev().nth(nth);
            earlier.is_some_and(|earlier| number - earlier <= distance)
        };
        if reason == Some(Reason::UnexpectedlyAllowed) || near(BAD - 1, NEAR) {
            Alarm::Many
        } else if near(1, 1) {
            Alarm::Pair
        } else {
            Alarm::Lonely
        }
    }
}

impl<'a> Condenser<'a> {
    /// `limit_us` is the lowest limit that an objective sets, `usual_ms` the schedule of results that carry none, 0 where
    /// there is none. With `all`, every result stays single.
    pub(crate) fn new(limit_us: Option<u64>, usual_ms: i64, plan: &'a Plan, all: bool) -> Self {
        Self {
            borders: &plan.borders,
            limit_us,
            usual_ms,
            all,
            done: Vec::new(),
            recent: VecDeque::new(),
            run: None,
            watch: Watch::default(),
            keep: 0,
        }
    }

    /// Takes in a piece that begins after everything before.
    pub(crate) fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Single(sample) => self.single(sample),
            Piece::Quiet(quiet) => self.quiet(quiet),
        }
    }

    pub(crate) fn single(&mut self, sample: Sample) {
        let bad = sample.failed() || self.is_slow(&sample);
        if bad && self.watch.bad(sample.reason) != Alarm::Lonely {
            self.recent.iter_mut().for_each(|(_, keep)| *keep = true);
            self.keep = AROUND + 1;
        } else if !bad && sample.executed() {
            self.watch.good(1);
        }
        let keep = self.all || self.keep > 0;
        self.keep = self.keep.saturating_sub(1);
        self.recent.push_back((sample, keep));
        if self.recent.len() as u64 > AROUND {
            self.settle_oldest();
        }
    }

    fn quiet(&mut self, quiet: Quiet) {
        self.watch.good(quiet.count);
        self.keep = self.keep.saturating_sub(quiet.count);
        while self.settle_oldest() {}
        let mut rest = Some(quiet);
        while let Some(quiet) = rest.take() {
            let border = self.borders.partition_point(|border| *border <= quiet.first);
            let cut = self.borders.get(border).map_or(quiet.count, |border| quiet.before(*border));
            if cut < quiet.count {
                rest = Some(part(&quiet, cut, quiet.count));
            }
            self.join(part(&quiet, 0, cut), None);
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Piece> {
        while self.settle_oldest() {}
        self.end_run();
        self.done.shrink_to_fit();
        self.done
    }

    /// Puts the oldest of the recent results where it belongs. False when there is none.
    fn settle_oldest(&mut self) -> bool {
        let Some((sample, keep)) = self.recent.pop_front() else { return false };
        if keep || sample.outcome != Outcome::Success || self.is_slow(&sample) {
            self.end_run();
            self.done.push(Piece::Single(sample));
        } else {
            let one = Quiet { first: sample.time, length_ms: 0, count: 1, every_ms: sample.every_ms };
            self.join(one, Some(sample));
        }
        true
    }

    /// Adds successes to the run that grows if they continue it, else begins another one.
    fn join(&mut self, next: Quiet, only: Option<Sample>) {
        if let Some((run, single)) = &mut self.run
            && let last = run.last()
            && run.every_ms == next.every_ms
            && follows(last, next.first, if run.every_ms > 0 { run.every_ms } else { self.usual_ms })
            && day(last) == day(next.first)
            && self.borders.partition_point(|border| *border <= last)
                == self.borders.partition_point(|border| *border <= next.first)
        {
            run.length_ms = next.last().as_millisecond() - run.first.as_millisecond();
            run.count += next.count;
            *single = None;
        } else {
            self.end_run();
            self.run = Some((next, only));
        }
    }

    fn end_run(&mut self) {
        match self.run.take() {
            Some((_, Some(single))) => self.done.push(Piece::Single(single)),
            Some((run, None)) => self.done.push(Piece::Quiet(run)),
            None => {}
        }
    }

    fn is_slow(&self, sample: &Sample) -> bool {
        sample.outcome == Outcome::Success && self.limit_us.is_some_and(|limit| sample.took_us > limit)
    }
}

/// The executions of a stretch from one number up to another, that one not included.
fn part(quiet: &Quiet, from: u64, until: u64) -> Quiet {
    let (first, last) = (quiet.at(from), quiet.at(until - 1));
    let length_ms = last.as_millisecond() - first.as_millisecond();
    Quiet { first, length_ms, count: until - from, ..*quiet }
}

/// Whether nothing is missing between two starts, and nothing too much.
fn follows(last: Timestamp, next: Timestamp, every_ms: i64) -> bool {
    let apart = next.as_millisecond() - last.as_millisecond();
    every_ms == 0 || (apart + every_ms / 2) / every_ms == 1
}

/// Runs end with the day in UTC, so that starts that drift are not spread over many days.
fn day(time: Timestamp) -> i64 {
    time.as_millisecond().div_euclid(DAY_MS)
}
