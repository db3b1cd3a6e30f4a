//! One failing stretch while it is watched.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use storage::record::Reason;

use super::evidence::Scale;
use super::flaps::Flaps;
use super::luck;
use super::onset::{Outcomes, Posterior};
use super::recent::{Execution, Failure};
use crate::episode::{DOWN, Episode, FAIL_OPEN_CONFIRMATIONS};
use crate::input::shift;
use crate::interval::Interval;
use crate::series::Series;

/// A failing stretch: the executions around its beginning, and counts of what followed.
#[derive(Debug, Clone)]
pub(super) struct Span {
    scale: Scale,
    /// Start of the execution before `seen`.
    before: Option<Timestamp>,
    /// What came before the suspicion, and the first executions behind it.
    seen: Vec<Execution>,
    /// Position in `seen` of the first failure.
    first: usize,
    /// Position in `seen` of the execution that raised the suspicion.
    suspected: usize,
    /// Executions behind `seen`, up to the last failure.
    later: Outcomes,
    reasons: Reasons,
    suspect_at: Timestamp,
    open_at: Option<Timestamp>,
    /// Executions behind the detection.
    settled: u64,
    last_bad: Timestamp,
    good_run: u64,
    first_good: Option<Timestamp>,
    flaps: Flaps,
    every_ms: i64,
    start: Option<Interval>,
    closed: Option<Closed>,
    past: Option<Box<Past>>,
}

/// How a stretch ended.
#[derive(Debug, Clone, Copy)]
struct Closed {
    at: Timestamp,
    end: Interval,
}

/// The stretches that this one continues.
#[derive(Debug, Clone)]
struct Past {
    episode: Episode,
    reasons: Reasons,
    flapping: bool,
    /// Successes between the last failure and the one that came back.
    between: u64,
    /// Start of the execution before `seen`.
    before: Option<Timestamp>,
    /// The executions among which the beginning of it all is looked for.
    seen: Vec<Execution>,
    /// Executions of the earlier stretches behind `seen`.
    later: Outcomes,
    /// Executions of this stretch that are in `seen`.
    counted: Outcomes,
}

/// How often which reason was given, and what was seen first.
type Reasons = BTreeMap<Option<Reason>, (u64, Option<Arc<String>>)>;

/// Executions behind the suspicion among which the beginning is still looked for.
const BEHIND: usize = 60;
/// Executions up to which those of a stretch that came back are added to the search for the beginning.
const SEARCHED: usize = 400;
/// Executions behind the detection from which the beginning is no longer provisional.
const SETTLED: u64 = 10;
/// Least number of good results in a row that ends an episode.
const CLOSE_RUN: u64 = 5;
/// Most of them: of a probe that fails once in a hundred times.
const CLOSE_RUN_MOST: u64 = 300;
/// Least time that the good results must span.
const CLOSE_TIME: SignedDuration = SignedDuration::from_mins(5);
/// Schedules below this are of tests and demonstrations, where ten intervals are enough.
const QUICK_MS: i64 = 5_000;
/// An episode that comes back within this time, or five intervals, is the same. One
/// of which a part fails may also take three times as long as its end took.
const REOPEN: SignedDuration = SignedDuration::from_mins(10);
/// Normal quantile of a one-sided 90 % bound.
const NINETY: f64 = 1.281_55;

impl Span {
    /// Whether there is no doubt that it fails.
    pub(super) fn is_certain(&self) -> bool {
        let continued = self.past.as_ref().is_some_and(|past| past.episode.open_at.is_some());
        self.open_at.is_some() || continued
    }

    /// Begins with the executions up to the one that raised the suspicion.
    pub(super) fn new(
        (before, seen): (Option<Timestamp>, Vec<Execution>),
        every_ms: i64,
        scale: Scale,
        certain: bool,
    ) -> Span {
        let newest = seen.last().map_or(Timestamp::MIN, |newest| newest.time);
        let mut span = Span {
            scale,
            before,
            first: 0,
            suspected: seen.len().saturating_sub(1),
            later: Outcomes::default(),
            reasons: Reasons::new(),
            suspect_at: newest,
            open_at: certain.then_some(newest),
            settled: 0,
            last_bad: newest,
            good_run: 0,
            first_good: None,
            flaps: Flaps::default(),
            every_ms,
            start: None,
            closed: None,
            past: None,
            seen,
        };
        span.locate();
        for execution in span.seen.iter().skip(span.first) {
            span.flaps.push(execution.failed());
        }
        span
    }

    /// Continues a stretch that ended shortly before.
    pub(super) fn continues(&mut self, last: &Span, series: &Series) {
        let five = SignedDuration::from_millis(self.every_ms.saturating_mul(5));
        // What fails seldom is quiet for long by chance, the more often the longer it goes on.
        let Outcomes { failed, good } = last.outcomes();
        let seldom = last.closed.filter(|_| (failed as f64) < DOWN * (failed + good) as f64);
        let quiet = seldom.map_or(SignedDuration::ZERO, |closed| closed.at.duration_since(last.last_bad) * 3);
        let within = REOPEN.max(five).max(quiet);
        let Some(first) = self.seen.iter().position(|execution| execution.failed()) else { return };
        if self.seen.get(first).is_some_and(|bad| bad.time.duration_since(last.last_bad) <= within) {
            self.first = first;
            let flapping = last.flaps.flapping() || last.past.as_ref().is_some_and(|past| past.flapping);
            let (before, mut seen, mut later) = last.origin();
            let between = first as u64;
            let mut counted = Outcomes::default();
            if later == Outcomes::default() && seen.len() <= SEARCHED {
                seen.extend(self.seen.iter().cloned());
                counted = self.outcomes();
            } else {
                later.good += between;
            }
            let (episode, reasons) = (last.episode(series), last.all_reasons());
            self.past = Some(Box::new(Past { episode, reasons, flapping, between, before, seen, later, counted }));
        }
    }

    /// Where the beginning of all stretches so far lies, up to the last failure, and what followed.
    fn origin(&self) -> (Option<Timestamp>, Vec<Execution>, Outcomes) {
        let own = self.outcomes();
        let Some(past) = &self.past else {
            let until = if self.later.failed > 0 { self.seen.len() } else { self.failing() };
            return (self.before, self.seen.iter().take(until).cloned().collect(), self.later);
        };
        let later = Outcomes {
            failed: past.later.failed + own.failed.saturating_sub(past.counted.failed),
            good: past.later.good + own.good.saturating_sub(past.counted.good),
        };
        (past.before, past.seen.clone(), later)
    }

    /// Number of executions of `seen` up to the last failure.
    fn failing(&self) -> usize {
        self.seen.iter().rposition(|execution| execution.failed()).map_or(0, |last| last + 1)
    }

    /// Whether it continues an earlier one.
    pub(super) fn goes_on(&self) -> bool {
        self.past.is_some()
    }

    /// Takes the next execution. True when the stretch is over.
    pub(super) fn push(&mut self, execution: Execution, certain: bool) -> bool {
        let (time, failed) = (execution.time, execution.failed());
        self.settled += 1;
        self.flaps.push(failed);
        if failed {
            if self.open_at.is_none() && certain {
                self.open_at = Some(time);
                self.settled = 0;
            }
            self.last_bad = time;
            self.first_good = None;
        }
        let kept = self.seen.len() <= self.suspected + BEHIND;
        match (kept, failed) {
            (true, _) => self.seen.push(execution),
            (false, true) => {
                self.later.good += self.good_run.min(self.good_behind_seen());
                self.later.failed += 1;
                count(&mut self.reasons, &execution);
            }
            (false, false) => {}
        }
        if failed {
            self.good_run = 0;
            if kept && [10, BEHIND].contains(&(self.seen.len() - 1 - self.suspected)) {
                self.locate();
            }
            return false;
        }
        self.good_run += 1;
        let first_good = *self.first_good.get_or_insert(time);
        let all = self.outcomes();
        let over = self.good_run >= closing_run(all) && time.duration_since(first_good) >= closing_time(self.every_ms);
        if over {
            self.locate();
        }
        over
    }

    /// Ends it with the last executions, the newest at the end.
    pub(super) fn close(&mut self, recent: &[Execution], at: Timestamp) {
        let start = self.start().1;
        self.start = Some(start);
        let first = self.first_bad();
        let own: Vec<&Execution> = recent.iter().rev().take_while(|execution| execution.time >= first).collect();
        let failed: Vec<bool> = own.iter().map(|execution| execution.failed()).collect();
        let Outcomes { failed: all_failed, good: all_good } = self.outcomes();
        let bad = failed.iter().filter(|failed| **failed).count() as u64;
        let good = failed.len() as u64 - bad;
        let earlier =
            Outcomes { failed: all_failed.saturating_sub(bad), good: (all_good + self.good_run).saturating_sub(good) };
        let held = Posterior::new(&failed, earlier, self.scale.before).held(&failed);
        let time = |position: usize| own.get(position).map(|execution| execution.time);
        let hi = held.start().checked_sub(1).and_then(time).unwrap_or(at);
        let lo = time(*held.end()).unwrap_or(self.last_bad);
        // Of a few failures far apart, each may have been alone: what ended had begun before.
        let lo = lo.max(first).max(start.hi);
        self.closed = Some(Closed { at, end: Interval { lo, hi: hi.max(lo) } });
    }

    /// How many of the last executions succeeded.
    pub(super) fn good_run(&self) -> u64 {
        self.good_run
    }

    /// What is known of it now.
    pub(super) fn episode(&self, series: &Series) -> Episode {
        let reasons = self.all_reasons();
        let (reason, detail) = main_reason(&reasons);
        let Outcomes { failed, good } = self.outcomes();
        let start = self.start.unwrap_or_else(|| self.start().1);
        // A flake that raised a suspicion before the failures began detected nothing.
        let suspect_at = self.suspect_at.max(start.hi);
        let failing = self.last_bad.duration_since(self.first_bad()).as_secs_f64() + self.every_ms as f64 / 1000.0;
        let mut episode = Episode {
            target: series.target.clone(),
            probe: series.probe.clone(),
            agent: series.agent.clone(),
            reason,
            failed,
            executed: failed + good,
            share: crate::settings::ratio(failed as f64 / (failed + good).max(1) as f64),
            start,
            end: self.closed.map(|closed| closed.end),
            segments: 1,
            failing_s: failing,
            provisional: self.closed.is_none() && self.settled < SETTLED,
            flapping: self.flaps.flapping(),
            detail: detail.as_deref().cloned(),
            kind: series.kind,
            suspected: self.suspect_at,
            suspect_at,
            open_at: self.open_at.map(|open_at| open_at.max(start.hi)),
            closed_at: self.closed.map(|closed| closed.at),
            every_ms: self.every_ms,
        };
        if let Some(past) = &self.past {
            let Episode { failed, executed, segments, failing_s, open_at, suspect_at, suspected, .. } = past.episode;
            episode.failed += failed;
            episode.executed += executed + past.between;
            episode.share = crate::settings::ratio(episode.failed as f64 / episode.executed as f64);
            episode.segments += segments;
            episode.failing_s += failing_s;
            episode.open_at = open_at.or(episode.open_at);
            episode.suspect_at = suspect_at;
            episode.suspected = suspected;
            episode.flapping |= past.flapping;
            episode.provisional = false;
        }
        episode
    }

    /// Finds the first failure anew from all that is known. One that goes on began with the first failure that came
    /// back.
    fn locate(&mut self) {
        if self.past.is_none() {
            self.first = self.start().0;
        }
    }

    /// Position of the first failure, and when it began.
    fn start(&self) -> (usize, Interval) {
        let (before, seen, later) = self.origin();
        let failed: Vec<bool> = seen.iter().map(|execution| execution.failed()).collect();
        let posterior = Posterior::new(&failed, later, self.scale.before);
        let held = posterior.held(&failed);
        let time = |position: usize| seen.get(position).map(|execution| execution.time);
        let hi = time(*held.end()).unwrap_or(self.suspect_at);
        let earlier = held.start().checked_sub(1).map_or(before, time);
        let lo = earlier.unwrap_or_else(|| shift(hi, -SignedDuration::from_millis(self.every_ms)));
        (posterior.best(), Interval { lo, hi })
    }

    fn first_bad(&self) -> Timestamp {
        self.seen.get(self.first).map_or(self.suspect_at, |first| first.time)
    }

    /// Successes since the last failure that are not in `seen`.
    fn good_behind_seen(&self) -> u64 {
        let trailing = self.seen.iter().rev().take_while(|execution| !execution.failed()).count() as u64;
        if self.later.failed > 0 { self.good_run } else { self.good_run.saturating_sub(trailing) }
    }

    /// Executions from the first failure to the last one.
    fn outcomes(&self) -> Outcomes {
        let mut all = self.later;
        let mut good = 0;
        for execution in self.seen.iter().skip(self.first) {
            if execution.failed() {
                all.failed += 1;
                all.good += good;
                good = 0;
            } else {
                good += 1;
            }
        }
        if self.later.failed > 0 {
            all.good += good;
        }
        all
    }

    fn all_reasons(&self) -> Reasons {
        let mut reasons = self.past.as_ref().map(|past| past.reasons.clone()).unwrap_or_default();
        for execution in self.seen.iter().skip(self.first).filter(|execution| execution.failed()) {
            count(&mut reasons, execution);
        }
        for (reason, (times, detail)) in &self.reasons {
            let counted = reasons.entry(*reason).or_default();
            counted.0 += times;
            counted.1 = counted.1.take().or_else(|| detail.clone());
        }
        reasons
    }
}

/// When the rule for closing asks for time, this much.
fn closing_time(every_ms: i64) -> SignedDuration {
    if (1..QUICK_MS).contains(&every_ms) { SignedDuration::from_millis(every_ms * 10) } else { CLOSE_TIME }
}

fn count(reasons: &mut Reasons, execution: &Execution) {
    let Some(Failure { reason, detail }) = execution.failure.as_deref() else { return };
    let counted = reasons.entry(*reason).or_default();
    counted.0 += 1;
    if counted.1.is_none() {
        counted.1.clone_from(detail);
    }
}

/// The reason most often given, and what was seen with it first. What is let in twice outweighs all else.
fn main_reason(reasons: &Reasons) -> (Option<Reason>, Option<Arc<String>>) {
    let let_in = Some(Reason::UnexpectedlyAllowed);
    let fail_open = reasons.get(&let_in).filter(|(times, _)| *times >= u64::from(FAIL_OPEN_CONFIRMATIONS));
    let given = reasons.iter().rev().filter(|(reason, _)| reason.is_some());
    let most = given.max_by_key(|(_, (times, _))| *times);
    match (fail_open, most) {
        (Some((_, detail)), _) => (let_in, detail.clone()),
        (None, Some((reason, (_, detail)))) => (*reason, detail.clone()),
        (None, None) => (None, reasons.get(&None).and_then(|(_, detail)| detail.clone())),
    }
}

/// How many good results in a row rule out that the probe still fails as it did.
fn closing_run(Outcomes { failed, good }: Outcomes) -> u64 {
    let share = lower_bound(failed, failed + good);
    luck::run(share, CLOSE_RUN_MOST).max(CLOSE_RUN)
}

/// Lower 90 % bound of a share (Wilson).
fn lower_bound(failed: u64, executed: u64) -> f64 {
    let (n, share) = (executed.max(1) as f64, failed as f64 / executed.max(1) as f64);
    let z2 = NINETY * NINETY;
    let centre = share + z2 / (2.0 * n);
    let spread = NINETY * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - spread) / (1.0 + z2 / n)).max(0.0)
}
