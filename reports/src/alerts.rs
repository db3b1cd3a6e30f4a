//! Burn-rate alerts over two windows each, with a guard against single failures.
//!
//! The windows and budget shares are those of the SRE Workbook, table 5-8; the guard is for the few events of a prober.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use storage::window::Window;

use crate::input::shift;
use crate::series::{down_to_millisecond, up_to_millisecond};
use crate::settings::Slo;
use crate::slo::sum::effective;
use crate::slo::{Stretch, burn, defined, last};
use crate::tally::{Counts, Event, Tally};

/// One rule that fires, or that cannot tell.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Alert {
    /// How urgent it is.
    pub severity: Severity,
    /// Whether it fires.
    pub state: State,
    /// The long window.
    pub long: &'static str,
    /// The short window, which ends the alert soon after the failures end.
    pub short: &'static str,
    /// Burn rate above which the rule fires, in both windows.
    pub factor: f64,
    /// Burn rate over the long window.
    pub long_burn: Option<f64>,
    /// Burn rate over the short window.
    pub short_burn: Option<f64>,
}

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Wake somebody.
    Page,
    /// In working hours.
    Ticket,
}

/// Whether an alert fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Both windows burn too fast.
    Firing,
    /// Too little was seen: it neither fires nor resolves.
    Frozen,
}

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

/// A rule of an objective, for whoever evaluates it elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// How urgent it is.
    pub severity: Severity,
    /// The long window.
    pub long: &'static str,
    /// Its length.
    pub length: SignedDuration,
    /// The short window.
    pub short: &'static str,
    /// Burn rate above which it fires, in both windows.
    pub factor: f64,
    /// Bad events that the long window must hold.
    pub guard_long: u64,
    /// Bad events that the short window must hold.
    pub guard_short: u64,
}

struct Rule {
    severity: Severity,
    long: (&'static str, SignedDuration),
    short: (&'static str, SignedDuration),
    budget: f64,
}

const RULES: [Rule; 4] = [
    rule(Severity::Page, "1h", 60, "5m", 5, 0.02),
    rule(Severity::Page, "6h", 360, "30m", 30, 0.05),
    rule(Severity::Ticket, "1d", 1440, "2h", 120, 0.10),
    rule(Severity::Ticket, "3d", 4320, "6h", 360, 0.10),
];

/// Slowest burn that is worth an alert: the ticket over three days of a period of four weeks burns at 0.93.
const SLOWEST: f64 = 0.9;
/// Bad events that the long window must hold before a rule may fire.
const GUARD_LONG: u64 = 3;
/// Bad events that the short window must hold before a rule may fire.
const GUARD_SHORT: u64 = 2;

const fn rule(
    severity: Severity,
    long: &'static str,
    long_m: i64,
    short: &'static str,
    short_m: i64,
    budget: f64,
) -> Rule {
    let (long, short) = ((long, SignedDuration::from_mins(long_m)), (short, SignedDuration::from_mins(short_m)));
    Rule { severity, long, short, budget }
}

impl Rule {
    /// Burn rate that spends the rule's share of the budget within its long window; nothing where no burn can be so fast,
    /// or where so slow a burn would not miss the objective.
    fn factor(&self, slo: &Slo, period_s: f64) -> Option<f64> {
        let factor = self.budget * period_s / self.long.1.as_secs_f64();
        (factor >= SLOWEST && factor <= 1.0 / slo.tolerance()).then(|| crate::settings::ratio(factor))
    }
}

/// The rules that fire or are frozen at a moment, which is the end of the stretch that is judged.
///
/// A rule is frozen where nobody can tell: nothing came in for too long, the definition is younger than the long window,
/// or a window that its answer hangs on was seen too little. A long window that was seen and is quiet answers alone.
#[must_use]
pub fn now(slo: &Slo, tally: &Tally<'_>, at: Timestamp, stretch: Stretch) -> Vec<Alert> {
    let alert = |rule: &Rule| {
        let factor = rule.factor(slo, stretch.period_s)?;
        let (long, short) = (last(slo, tally, at, rule.long.1), last(slo, tally, at, rule.short.1));
        let (long_burn, short_burn) = (burn(slo, &long), burn(slo, &short));
        let unseen =
            |counts: &Counts| ((counts.good + counts.bad) as f64) < slo.min_coverage * counts.expected() as f64;
        let burns = |counts: &Counts, burn: Option<f64>, guard: u64| {
            effective(slo, counts).1 >= guard as f64 && burn.is_some_and(|burn| burn > factor)
        };
        let young = slo.since.is_some_and(|since| since > shift(at, -rule.long.1));
        let state = if stretch.stale || young || unseen(&long) {
            State::Frozen
        } else if !burns(&long, long_burn, GUARD_LONG) {
            return None;
        } else if unseen(&short) {
            State::Frozen
        } else if burns(&short, short_burn, GUARD_SHORT) {
            State::Firing
        } else {
            return None;
        };
        let Rule { severity, long: (long, _), short: (short, _), .. } = *rule;
        Some(Alert { severity, state, long, short, factor, long_burn, short_burn })
    };
    RULES.iter().filter_map(alert).collect()
}

/// The rules of an objective whose budget is made for a period of so many seconds.
#[must_use]
pub fn pairs(slo: &Slo, period_s: f64) -> Vec<Pair> {
    let pair = |rule: &Rule| {
        let factor = rule.factor(slo, period_s)?;
        let Rule { severity, long: (long, length), short: (short, _), .. } = *rule;
        Some(Pair { severity, long, length, short, factor, guard_long: GUARD_LONG, guard_short: GUARD_SHORT })
    };
    RULES.iter().filter_map(pair).collect()
}

/// Lengths of all windows that the rules look at.
pub fn lengths() -> impl Iterator<Item = SignedDuration> {
    RULES.iter().flat_map(|rule| [rule.long.1, rule.short.1])
}

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

/// Number of the step that holds a moment.
fn step(at: Timestamp) -> i64 {
    down_to_millisecond(at).div_euclid(STEP_MS)
}

/// Good events counted step by step, up to each step.
struct Steps {
    /// Number of the first step since 1970.
    first: i64,
    /// Of each step, how many started before it; and one behind the last.
    before: Vec<u64>,
}

/// Length of a step in milliseconds: six of them are the shortest long window.
const STEP_MS: i64 = 600_000;

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
