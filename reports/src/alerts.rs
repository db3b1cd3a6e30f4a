//! Burn-rate alerts over two windows each, with a guard against single failures.
//!
//! The windows and budget shares are those of the SRE Workbook, table 5-8; the guard is for the few events of a prober.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use storage::window::Window;

use crate::input::shift;
use crate::settings::Slo;
use crate::slo::{burn, last};
use crate::tally::{Event, Tally};

/// One rule that fires, or that cannot tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Wake somebody.
    Page,
    /// In working hours.
    Ticket,
}

/// Whether an alert fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Both windows burn too fast.
    Firing,
    /// Too little was seen: it neither fires nor resolves.
    Frozen,
}

/// A stretch in which a page fired.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Firing {
    /// The event that made it fire.
    pub from: Timestamp,
    /// The event that ended it, if it ended inside the window.
    pub until: Option<Timestamp>,
    /// The long window of the rule.
    pub long: &'static str,
    /// Burn over the long window when it began.
    pub burn: f64,
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

/// The rules that fire or are frozen at a moment. `period_s` is the length the budget is made for, in seconds.
#[must_use]
pub fn now(slo: &Slo, tally: &Tally<'_>, at: Timestamp, period_s: f64) -> Vec<Alert> {
    let alert = |rule: &Rule| {
        let factor = rule.factor(slo, period_s)?;
        let (long, short) = (last(tally, at, rule.long.1), last(tally, at, rule.short.1));
        let (long_burn, short_burn) = (burn(slo, &long), burn(slo, &short));
        let seen = (long.good + long.bad) as f64;
        let state = if seen < slo.min_coverage * long.expected() as f64 {
            State::Frozen
        } else if long.bad >= GUARD_LONG
            && short.bad >= GUARD_SHORT
            && long_burn.is_some_and(|burn| burn > factor)
            && short_burn.is_some_and(|burn| burn > factor)
        {
            State::Firing
        } else {
            return None;
        };
        let Rule { severity, long: (long, _), short: (short, _), .. } = *rule;
        Some(Alert { severity, state, long, short, factor, long_burn, short_burn })
    };
    RULES.iter().filter_map(alert).collect()
}

/// Every stretch of a window in which a page fired, judged at each recorded event.
#[must_use]
pub fn history(slo: &Slo, tally: &Tally<'_>, window: Window, period_s: f64) -> Vec<Firing> {
    let Some(longest) = RULES.iter().map(|rule| rule.long.1).max() else { return Vec::new() };
    let mut events: Vec<(Timestamp, bool)> = tally
        .events(Window { from: shift(window.from, -longest), until: window.until })
        .filter_map(|(_, sample, event)| match event {
            Event::Good => Some((sample.time, false)),
            Event::Bad => Some((sample.time, true)),
            Event::NoData | Event::Invalid => None,
        })
        .collect();
    events.sort_unstable();
    let pages: Vec<_> = RULES
        .iter()
        .filter(|rule| rule.severity == Severity::Page)
        .filter_map(|rule| Some((rule, rule.factor(slo, period_s)?)))
        .collect();
    let mut spans: Vec<_> = pages.iter().map(|(rule, _)| [Span::new(rule.long.1), Span::new(rule.short.1)]).collect();
    let mut firings: Vec<Firing> = Vec::new();
    for index in 0..events.len() {
        let mut fires = None;
        for ((rule, factor), [long, short]) in pages.iter().zip(&mut spans) {
            long.push(&events, index);
            short.push(&events, index);
            let (long_burn, short_burn) = (long.burn(slo, index), short.burn(slo, index));
            if long.bad >= GUARD_LONG && short.bad >= GUARD_SHORT && long_burn > *factor && short_burn > *factor {
                fires = fires.or(Some((rule.long.0, long_burn)));
            }
        }
        let Some(&(at, _)) = events.get(index) else { continue };
        let open = firings.last().is_some_and(|firing| firing.until.is_none());
        match fires {
            Some((long, burn)) if !open => firings.push(Firing { from: at, until: None, long, burn }),
            None if open => firings.iter_mut().rev().take(1).for_each(|firing| firing.until = Some(at)),
            Some(_) | None => {}
        }
    }
    firings.retain(|firing| firing.until.is_none_or(|until| until >= window.from));
    firings
}

/// The events of the last so much time, kept while the end moves on.
struct Span {
    length: SignedDuration,
    first: usize,
    bad: u64,
}

impl Span {
    fn new(length: SignedDuration) -> Span {
        Span { length, first: 0, bad: 0 }
    }

    fn push(&mut self, events: &[(Timestamp, bool)], index: usize) {
        let Some(&(now, bad)) = events.get(index) else { return };
        self.bad += u64::from(bad);
        let from = shift(now, -self.length);
        while let Some(&(at, bad)) = events.get(self.first)
            && at <= from
        {
            self.bad -= u64::from(bad);
            self.first += 1;
        }
    }

    fn burn(&self, slo: &Slo, index: usize) -> f64 {
        let all = (index + 1 - self.first) as f64;
        self.bad as f64 / (all * slo.tolerance())
    }
}
