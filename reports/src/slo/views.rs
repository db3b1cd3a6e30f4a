//! Several probes of one target, looked at as one journey: any of them good, or all of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use storage::window::Window;

use super::sum::share;
use crate::tally::{Counts, Part, Tally};

/// The same results, counted three ways. A round is one planned start of a target's fastest probe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Views {
    /// Every execution by itself.
    pub all_executions: View,
    /// A round is good when anything in it was good: could anybody get in?
    pub any_good: View,
    /// A round is good when nothing in it was bad: does the whole journey work?
    pub all_good: View,
}

/// Good and bad of one way to count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
pub struct View {
    /// Good executions, or rounds.
    pub good: u64,
    /// Bad executions, or rounds.
    pub bad: u64,
    /// Share of good.
    pub sli: Option<f64>,
}

/// Counts a window in three ways; nothing unless a target has several series with an interval.
pub(super) fn views(tally: &Tally<'_>, window: Window) -> Option<Views> {
    let mut targets: BTreeMap<&str, Vec<&Part<'_>>> = BTreeMap::new();
    for part in tally.parts() {
        targets.entry(part.series.target.as_str()).or_default().push(part);
    }
    targets.retain(|_, parts| parts.len() > 1);
    let journeys: Vec<_> = targets.into_values().filter_map(|parts| Journey::new(tally, parts, window)).collect();
    if journeys.is_empty() {
        return None;
    }
    let (mut any, mut all) = (View::default(), View::default());
    for journey in &journeys {
        let rounds = journey.rounds();
        let (none_good, some_bad) = journey.bad_rounds();
        any = any.and(rounds.saturating_sub(none_good), none_good);
        all = all.and(rounds.saturating_sub(some_bad), some_bad);
    }
    let counts = tally.count(window);
    Some(Views { all_executions: View::default().and(counts.good, counts.bad), any_good: any, all_good: all })
}

impl View {
    fn and(self, good: u64, bad: u64) -> View {
        let (good, bad) = (self.good + good, self.bad + bad);
        View { good, bad, sli: share(good as f64, (good + bad) as f64) }
    }
}

/// The series of a target over a window, their starts numbered by rounds.
struct Journey<'t, 'a> {
    tally: &'t Tally<'a>,
    window: Window,
    /// Interval of the fastest series, in milliseconds.
    every_ms: i64,
    /// Each series with the middle of its round zero, in milliseconds.
    lines: Vec<(&'t Part<'a>, i64)>,
}

impl<'t, 'a> Journey<'t, 'a> {
    fn new(tally: &'t Tally<'a>, parts: Vec<&'t Part<'a>>, window: Window) -> Option<Self> {
        let every_ms = parts.iter().filter_map(|part| part.every_ms).min()?;
        let first_ms = parts.iter().map(|part| part.series.first.as_millisecond()).min()?;
        let lines = parts.into_iter().map(|part| {
            let own_ms = part.series.first.as_millisecond();
            // Series begin when they like, each with its phase: what is nearest is one round.
            let behind = (own_ms - first_ms + every_ms / 2).div_euclid(every_ms);
            (part, own_ms - behind * every_ms)
        });
        Some(Journey { tally, window, every_ms, lines: lines.collect() })
    }

    /// Rounds in which anything was executed.
    fn rounds(&self) -> u64 {
        let edges =
            self.lines.iter().map(|line| (self.round(line.1, self.window.from), self.round(line.1, self.window.until)));
        let whole = edges.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)));
        whole.map_or(0, |(first, last)| self.executed(&self.lines, first, last))
    }

    /// Rounds from `first` to `last` in which any of the lines was executed: those of the busiest one, and where that
    /// was not, those of the others.
    fn executed(&self, lines: &[(&Part<'_>, i64)], first: i64, last: i64) -> u64 {
        let seen = |(part, zero_ms): &(&Part<'_>, i64)| {
            let counts = self.count(part, self.stretch(*zero_ms, first, last));
            counts.good + counts.bad
        };
        let Some((index, most)) =
            lines.iter().map(seen).enumerate().max_by_key(|(index, seen)| (*seen, usize::MAX - index))
        else {
            return 0;
        };
        let mut others = lines.to_vec();
        let (part, zero_ms) = others.swap_remove(index);
        if others.is_empty() || most == 0 {
            return most;
        }
        let dark = self.dark(part, zero_ms, first, last);
        most + dark.into_iter().map(|(from, until)| self.executed(&others, from, until)).sum::<u64>()
    }

    /// Rows of rounds from `first` to `last` in which a series was not executed.
    fn dark(&self, part: &Part<'_>, zero_ms: i64, first: i64, last: i64) -> Vec<(i64, i64)> {
        let whole = self.stretch(zero_ms, first, last);
        let begins = self.round(zero_ms, part.series.first);
        // With another phase, the window may cut off this series' start of a round and leave in that of another.
        let (opens, closes) = (self.round(zero_ms, self.window.from), self.round(zero_ms, self.window.until));
        let mut rows = vec![(first, last.min(begins.max(opens) - 1)), (first.max(closes + 1), last)];
        let executed = |round| {
            let counts = self.count(part, self.stretch(zero_ms, round, round));
            counts.good + counts.bad > 0
        };
        rows.extend([opens, closes].into_iter().filter(|edge| !executed(*edge)).map(|edge| (edge, edge)));
        rows.retain(|(edge, _)| first <= *edge && *edge <= last);
        for hole in part.holes.iter().filter_map(|hole| hole.window().cut(whole)) {
            rows.push((self.round(zero_ms, hole.from), self.round(zero_ms, hole.until)));
        }
        let unseen = self.tally.unexecuted(part, whole).map(|at| self.round(zero_ms, at));
        rows.extend(unseen.map(|round| (round, round)));
        rows.retain(|(from, until)| from <= until);
        rows.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::new();
        for (from, until) in rows {
            match joined.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(until),
                _ => joined.push((from, until)),
            }
        }
        joined
    }

    /// Rounds in which nothing was good and something bad, and those in which anything was bad.
    fn bad_rounds(&self) -> (u64, u64) {
        let mut bad: Vec<i64> = Vec::new();
        for (part, zero_ms) in &self.lines {
            let events = self.tally.bad(part, self.window);
            bad.extend(events.map(|at| self.round(*zero_ms, at)));
        }
        bad.sort_unstable();
        bad.dedup();
        let good = |round: i64| {
            self.lines.iter().any(|(part, zero_ms)| {
                let stretch = self.stretch(*zero_ms, round, round).cut(self.window);
                stretch.is_some_and(|stretch| self.tally.good_of(part, stretch) > 0)
            })
        };
        let none_good = bad.iter().filter(|round| !good(**round)).count();
        (none_good as u64, bad.len() as u64)
    }

    fn count(&self, part: &Part<'_>, stretch: Window) -> Counts {
        stretch.cut(self.window).map_or(Counts::default(), |window| self.tally.count_one(part, window))
    }

    /// Number of the round that a moment belongs to.
    fn round(&self, zero_ms: i64, at: Timestamp) -> i64 {
        (at.as_millisecond() - zero_ms + self.every_ms / 2).div_euclid(self.every_ms)
    }

    /// The stretch that belongs to the rounds from `first` to `last`.
    fn stretch(&self, zero_ms: i64, first: i64, last: i64) -> Window {
        let edge = |round: i64| {
            let ms = zero_ms.saturating_add(round.saturating_mul(self.every_ms)).saturating_sub(self.every_ms / 2);
            Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
        };
        Window { from: edge(first), until: edge(last.saturating_add(1)) }
    }
}
