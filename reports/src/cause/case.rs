//! What is known of an incident when its cause is sought.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use storage::record::{Change, Reason};
use storage::window::Window;

use super::class::{Class, Role, Seen};
use super::index::{Index, interval};
use super::model::Model;
use crate::episode::{DOWN, Episode};
use crate::input::{Input, after, shift};
use crate::interval::Interval;
use crate::series::{Executed, Sample, Series};
use crate::wording;

/// What is known of an incident when its cause is sought.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// Everything that was recorded around it.
    pub input: &'a Input,
    /// The changes, ready to be searched.
    pub index: &'a Index<'a>,
    /// When it began.
    pub start: Interval,
    /// When it ended; absent while it lasts.
    pub end: Option<Interval>,
    /// What the probes of each failing target show together.
    pub seen: BTreeMap<&'a str, Seen>,
    /// The failing stretches.
    pub failing: Vec<&'a Episode>,
    /// Probes that stayed healthy, as `target/probe`.
    pub healthy: Vec<String>,
    /// Whether no probe fails in nearly all of its executions.
    pub partial: bool,
    /// Whether the failing share climbs slowly.
    pub climbs: bool,
    /// Whether every failing probe was healthy at another agent meanwhile.
    pub healthy_elsewhere: bool,
    /// What was changed after the onset, and in the last day before the end. Each explanation asks for them.
    pub later: Vec<&'a Change>,
    /// When each failing probe failed for the same reason before it all began. Each explanation asks for them.
    pub earlier: Vec<Vec<Timestamp>>,
}

/// How long before the end of the failures something may have been changed that ended them.
const LATER: SignedDuration = SignedDuration::from_hours(24);

impl<'a> Case<'a> {
    /// Gathers what the probes of the failing targets show from the onset on.
    #[must_use]
    pub fn new(
        episodes: &'a [Episode],
        start: Interval,
        end: Option<Interval>,
        input: &'a Input,
        index: &'a Index<'a>,
        model: &Model,
    ) -> Case<'a> {
        let until = end.map_or(Timestamp::MAX, |end| after(end.hi, 1));
        let span = Window { from: start.hi, until };
        let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
        let mut healthy = BTreeSet::new();
        let targets: BTreeSet<&str> = episodes.iter().map(|episode| episode.target.as_str()).collect();
        for target in targets {
            let mut failing: BTreeMap<Role, (u64, Class)> = BTreeMap::new();
            let here = seen.entry(target).or_default();
            for series in input.of_target(target) {
                let role = Role::of(series.kind, series.expect, series.variant);
                let own = episodes.iter().filter(|episode| is_of(episode, series));
                let (failed, reason) = own
                    .fold((0, None), |(failed, reason), episode| (failed + episode.failed, reason.or(episode.reason)));
                if failed > 0 {
                    let class = failing.entry(role).or_insert((0, Class::Ok));
                    if failed > class.0 {
                        *class = (failed, Class::of(reason));
                    }
                } else if is_healthy(series, span) {
                    healthy.insert(series.path());
                    here.entry(role).or_insert(Class::Ok);
                }
            }
            here.extend(failing.into_iter().map(|(role, (_, class))| (role, class)));
        }
        let failing: Vec<&Episode> = episodes.iter().collect();
        let healthy =
            healthy.into_iter().filter(|path| failing.iter().all(|episode| episode.path() != *path)).collect();
        let partial = episodes.iter().all(|episode| episode.share < DOWN);
        let climbs = climbs(episodes, input, model.leak.climb_s);
        let healthy_elsewhere = episodes.iter().all(|episode| seen_healthy_elsewhere(episode, input));
        let later = end.map(|end| later(index, start, end)).unwrap_or_default();
        let earlier = episodes.iter().map(|episode| earlier(episode, start.lo, input)).collect();
        Case { input, index, start, end, seen, failing, healthy, partial, climbs, healthy_elsewhere, later, earlier }
    }

    /// Whether a target fails.
    #[must_use]
    pub fn has(&self, target: &str) -> bool {
        self.seen.contains_key(target)
    }

    /// Whether a change is linked to a target of the incident.
    #[must_use]
    pub fn links(&self, change: &Change) -> bool {
        change.targets.iter().any(|target| self.has(target))
    }

    /// Whether a target was probed from the onset on and none of its probes failed more than now and then.
    #[must_use]
    pub fn is_well(&self, target: &str) -> bool {
        let span = Window { from: self.start.hi, until: self.window().until };
        let mut series = self.input.of_target(target).filter(|series| series.executed(span).all > 0).peekable();
        series.peek().is_some() && series.all(|series| is_healthy(series, span))
    }

    /// The targets in words.
    #[must_use]
    pub fn target_names(&self) -> String {
        wording::list(self.seen.keys().copied())
    }

    /// The whole stretch in which it may have lasted.
    #[must_use]
    pub fn window(&self) -> Window {
        Window { from: self.start.lo, until: self.end.map_or(Timestamp::MAX, |end| after(end.hi, 1)) }
    }
}

fn later<'a>(index: &Index<'a>, start: Interval, end: Interval) -> Vec<&'a Change> {
    let from = start.lo.max(shift(end.lo, -LATER));
    let after_onset = |change: &&Change| interval(change).is_some_and(|at| at.hi > start.hi && at.lo > start.lo);
    index.between(from, end.hi).filter(after_onset).collect()
}

fn earlier(episode: &Episode, until: Timestamp, input: &Input) -> Vec<Timestamp> {
    let Some(series) = input.find(&episode.target, &episode.probe, &episode.agent) else { return Vec::new() };
    let same = |sample: &&Sample| sample.failed() && sample.reason == episode.reason;
    series.singles(Window { from: Timestamp::MIN, until }).filter(same).map(|sample| sample.time).collect()
}

/// Whether a probe of an episode was healthy at every other agent that runs it, of which there is one at least.
#[must_use]
pub fn seen_healthy_elsewhere(episode: &Episode, input: &Input) -> bool {
    let span = Window { from: episode.start.hi, until: after(episode.until(), 1) };
    let mut others = input
        .of_target(&episode.target)
        .filter(|series| series.probe == episode.probe && series.agent != episode.agent)
        .peekable();
    // Slow answers elsewhere would not show among the failures.
    episode.reason != Some(Reason::Slow) && others.peek().is_some() && others.all(|series| is_healthy(series, span))
}

/// Whether the failing share of the probe that failed most often grows from each third of its first hour to the next,
/// by so much that a constant share would seldom do so. A rise that is over within `climb_s` is sudden.
fn climbs(episodes: &[Episode], input: &Input, climb_s: f64) -> bool {
    const LOOKED_AT: SignedDuration = SignedDuration::from_hours(1);
    const SELDOM: f64 = 3.0;
    let Some(hardest) = episodes.iter().max_by_key(|episode| episode.failed) else { return false };
    let Some(series) = input.find(&hardest.target, &hardest.probe, &hardest.agent) else { return false };
    let from = hardest.start.hi;
    let until = hardest.end.map_or(Timestamp::MAX, |end| after(end.lo, 1)).min(shift(from, LOOKED_AT));
    let executed = series.singles(Window { from, until }).filter(|sample| sample.executed());
    let (mut all, mut failed, mut rank_sum) = (0.0_f64, 0.0_f64, 0.0_f64);
    let mut healthy_late = false;
    for sample in executed {
        all += 1.0;
        if sample.failed() {
            failed += 1.0;
            rank_sum += all;
        } else if sample.time.duration_since(from).as_secs_f64() >= climb_s {
            healthy_late = true;
        }
    }
    // Mann-Whitney: whether failures come later than successes.
    let well = all - failed;
    let spread = (failed * well * (all + 1.0) / 12.0).sqrt();
    healthy_late && spread > 0.0 && (rank_sum - failed * (all + 1.0) / 2.0) / spread >= SELDOM
}

/// Executed, and hardly ever failed.
fn is_healthy(series: &Series, span: Window) -> bool {
    let Executed { all, failed } = series.executed(span);
    all > 0 && failed * 20 <= all
}

fn is_of(episode: &Episode, series: &Series) -> bool {
    (&episode.target, &episode.probe, &episode.agent) == (&series.target, &series.probe, &series.agent)
}
