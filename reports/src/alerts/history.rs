//! When alerts of an objective fired in the past.

use jiff::{SignedDuration, Timestamp};
use storage::window::Window;

use super::{GUARD_LONG, GUARD_SHORT, RULES, Rule, Severity, lengths};
use crate::input::shift;
use crate::series::{down_to_millisecond, up_to_millisecond};
use crate::settings::Slo;
use crate::slo::defined;
use crate::tally::{Event, Tally};

/// A stretch in which an alert fired.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Firing {
    /// How urgent it is.
    pub severity: Severity,
    /// The event that made it fire.
    pub from: Timestamp,
    /// The event that ended it, if it ended inside the window; of a ticket, the bad event behind that.
    pub until: Option<Timestamp>,
    /// The long window of the rule.
    pub long: &'static str,
    /// Burn over the long window when it began.
    pub burn: f64,
}

/// Good events counted step by step, up to each step.
struct Steps {
    /// Number of the first step since 1970.
    first: i64,
    /// Of each step, how many started before it; and one behind the last.
    before: Vec<u64>,
}

/// The alerts of one urgency of an objective, at any moment.
struct Burning<'a> {
    slo: &'a Slo,
    tally: &'a Tally<'a>,
    seen: Window,
    bad: &'a [Timestamp],
    good: &'a Steps,
    severity: Severity,
    rules: Vec<(&'a Rule, f64)>,
}

/// Length of a step in milliseconds: six of them are the shortest long window.
const STEP_MS: i64 = 600_000;

/// Every stretch of a window in which an alert fired, the pages first. Pages are judged at each bad event, and where one
/// fires at the first event at which it does no more; tickets, which are for working hours, at the last bad event of each
/// ten minutes.
#[must_use]
pub fn history(slo: &Slo, tally: &Tally<'_>, window: Window, period_s: f64) -> Vec<Firing> {
    let Some(longest) = lengths().max() else { return Vec::new() };
    let seen = defined(slo, Window { from: shift(window.from, -longest), until: window.until });
    let marked = || tally.marked(seen).filter(|(_, _, event)| *event == Event::Bad);
    // There may be hundreds of thousands: counting them first takes less than to make room by and by.
    let mut bad: Vec<Timestamp> = Vec::with_capacity(marked().count());
    bad.extend(marked().map(|(_, sample, _)| sample.time));
    bad.sort_unstable();
    let good = Steps::new(tally, seen);
    let mut firings: Vec<Firing> = Vec::new();
    for severity in [Severity::Page, Severity::Ticket] {
        let rules = RULES.iter().filter(|rule| rule.severity == severity);
        let rules = rules.filter_map(|rule| Some((rule, rule.factor(slo, period_s)?))).collect();
        let burning = Burning { slo, tally, seen, bad: &bad, good: &good, severity, rules };
        firings.extend(burning.firings(window.until));
    }
    firings.retain(|firing| firing.until.is_none_or(|until| until >= window.from));
    firings
}

impl Steps {
    fn new(tally: &Tally<'_>, window: Window) -> Steps {
        let (first, counts) = tally.good_by(window, STEP_MS);
        let mut sum = 0;
        let mut before = vec![0];
        before.extend(counts.into_iter().map(|count| {
            sum += count;
            sum
        }));
        Steps { first, before }
    }

    /// A number of good events that a window certainly holds: those of the whole steps inside.
    fn at_least(&self, window: Window) -> u64 {
        let from = -((-up_to_millisecond(window.from)).div_euclid(STEP_MS)) - self.first;
        let until = step(window.until) - self.first;
        let before = |step: i64| usize::try_from(step).ok().and_then(|step| self.before.get(step)).copied();
        before(until).zip(before(from)).map_or(0, |(until, from)| until.saturating_sub(from))
    }

    /// A number of good events that a window certainly does not exceed: those of all steps that it touches.
    fn at_most(&self, window: Window) -> u64 {
        let from = step(window.from) - self.first;
        let until = -((-up_to_millisecond(window.until)).div_euclid(STEP_MS)) - self.first;
        let before = |step: i64| usize::try_from(step.max(0)).ok().and_then(|step| self.before.get(step)).copied();
        before(until).zip(before(from)).map_or(u64::MAX, |(until, from)| until.saturating_sub(from))
    }
}

impl Burning<'_> {
    /// Every stretch up to a moment in which one fired.
    fn firings(&self, until: Timestamp) -> Vec<Firing> {
        let mut firings: Vec<Firing> = Vec::new();
        for (number, at) in self.bad.iter().enumerate() {
            let next = self.bad.get(number + 1).copied();
            if self.severity == Severity::Ticket && next.is_some_and(|next| step(next) == step(*at)) {
                continue;
            }
            let open = firings.last_mut().filter(|firing| firing.until.is_none());
            match (open, self.at(*at)) {
                (None, Some(rule)) => {
                    let burn = self
                        .window(*at, rule.long.1)
                        .map_or(0.0, |long| self.burn(self.bad(long), self.tally.good(long)));
                    firings.push(Firing { severity: self.severity, from: *at, until: None, long: rule.long.0, burn });
                }
                (None, None) | (Some(_), Some(_)) => {}
                // Between two bad events burn only falls, so that of a page this one did not end it.
                (Some(open), None) => open.until = Some(*at),
            }
            // Nobody asks when exactly the burn of a ticket fell, for it is closed by whoever looked into it: the bad event
            // that finds it fallen is enough.
            if let Some(open) = firings.last_mut().filter(|firing| firing.until.is_none())
                && (self.severity == Severity::Page || next.is_none())
            {
                open.until = self.ends(*at, next.unwrap_or(until));
            }
        }
        firings
    }

    /// The first rule that fires when everything up to a moment is known.
    fn at(&self, at: Timestamp) -> Option<&Rule> {
        let fires = |rule: &Rule, factor: f64| {
            self.burns(at, rule.long.1, GUARD_LONG, factor) && self.burns(at, rule.short.1, GUARD_SHORT, factor)
        };
        self.rules.iter().find(|(rule, factor)| fires(rule, *factor)).map(|(rule, _)| *rule)
    }

    /// Whether the last so much time burns faster than that, with enough bad events for an alert.
    fn burns(&self, at: Timestamp, length: SignedDuration, guard: u64, factor: f64) -> bool {
        let Some(window) = self.window(at, length) else { return false };
        let bad = self.bad(window);
        let too_fast = |good: u64| self.burn(bad, good) > factor;
        // Counting every series again costs much more than to see that it makes no difference.
        bad >= guard
            && too_fast(self.good.at_least(window))
            && (too_fast(self.good.at_most(window)) || too_fast(self.tally.good(window)))
    }

    /// The last so much time, as far as it counts: the event at the moment itself is known, the one at the other end has
    /// left.
    fn window(&self, at: Timestamp, length: SignedDuration) -> Option<Window> {
        let behind = |moment| shift(moment, SignedDuration::from_nanos(1));
        Window { from: behind(shift(at, -length)), until: behind(at) }.cut(self.seen)
    }

    fn bad(&self, window: Window) -> u64 {
        let before = |moment| self.bad.partition_point(|bad| *bad < moment);
        (before(window.until) - before(window.from)) as u64
    }

    fn burn(&self, bad: u64, good: u64) -> f64 {
        bad as f64 / (bad.saturating_add(good) as f64 * self.slo.tolerance())
    }

    /// The first event before `next` at which none fires any more, after one fired at `from`.
    fn ends(&self, from: Timestamp, next: Timestamp) -> Option<Timestamp> {
        let last = shift(next, -SignedDuration::from_millis(1));
        if last <= from || self.at(last).is_some() {
            return None;
        }
        let (mut fires, mut ended) = (from.as_millisecond(), last.as_millisecond());
        while ended - fires > 1 {
            let middle = fires + (ended - fires) / 2;
            let fires_there = Timestamp::from_millisecond(middle).is_ok_and(|moment| self.at(moment).is_some());
            if fires_there { fires = middle } else { ended = middle }
        }
        self.tally.next_good(Timestamp::from_millisecond(ended).ok()?).filter(|good| *good < next)
    }
}

/// Number of the step that holds a moment.
fn step(at: Timestamp) -> i64 {
    down_to_millisecond(at).div_euclid(STEP_MS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn steps_bound_what_a_window_holds(
            mut good in prop::collection::vec(0_i64..20_000_000, 0..200),
            from in 0_i64..20_000_000,
            length in 0_i64..20_000_000,
        ) {
            good.sort_unstable();
            let behind = 20_000_000_i64.div_euclid(STEP_MS) + 1;
            let before = (0..=behind).map(|step| good.partition_point(|at| *at < step * STEP_MS) as u64).collect();
            let steps = Steps { first: 0, before };
            let moment = |ms| Timestamp::from_millisecond(ms).unwrap();
            let until = (from + length).min(20_000_000);
            let window = Window { from: moment(from), until: moment(until) };
            let held = good.iter().filter(|at| (from..until).contains(*at)).count() as u64;
            prop_assert!(steps.at_least(window) <= held && held <= steps.at_most(window));
        }
    }

    #[test]
    fn what_lies_behind_the_steps_is_bounded_by_nothing() {
        let steps = Steps { first: 0, before: vec![0, 5] };
        let moment = |ms| Timestamp::from_millisecond(ms).unwrap();
        let window = Window { from: moment(0), until: moment(3 * STEP_MS) };
        assert_eq!((steps.at_least(window), steps.at_most(window)), (0, u64::MAX));
    }
}
