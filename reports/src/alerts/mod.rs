//! Burn-rate alerts over two windows each, with a guard against single failures.
//!
//! The windows and budget shares are those of the SRE Workbook, table 5-8; the guard is for the few events of a prober.

pub mod history;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::input::shift;
use crate::settings::Slo;
use crate::slo::sum::effective;
use crate::slo::{Stretch, burn, last};
use crate::tally::{Counts, Tally};

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
