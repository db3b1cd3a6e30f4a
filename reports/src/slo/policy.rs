//! The error-budget policy of the SRE Workbook, evaluated: what a team would have to act on.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Serialize;
use storage::record::Reason;
use storage::window::Window;

use super::Background;
use super::sum::Sum;
use crate::cost;
use crate::incident::{Blame, Incident};
use crate::input::shift;
use crate::settings::{Slo, ratio};
use crate::tally::{Event, Tally};

/// One line of the policy.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Line {
    /// What is asked for.
    pub rule: Rule,
    /// Whether it is kept; absent where nothing can be told.
    pub met: Option<bool>,
    /// Share of the error budget that it is about.
    pub share: Option<f64>,
    /// Share that it may reach.
    pub limit: f64,
    /// The class of failure, as `reason by cause`, where the rule is about one.
    pub class: Option<String>,
    /// The incidents that it is about, the costliest first.
    pub incidents: Vec<String>,
}

/// What the policy asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The budget of the window is not used up; else changes stop, but for urgent ones and for security.
    BudgetKept,
    /// No single incident uses more than a fifth of the budget; else it gets a postmortem with an action.
    NoCostlyIncident,
    /// No class of failure, by reason and cause, uses more than a fifth of a quarter's budget; else it is planned for.
    NoCostlyClass,
}

/// Share of the budget that one incident, or one class of them, may use.
const FIFTH: f64 = 0.2;
/// Thirteen weeks.
const QUARTER: SignedDuration = SignedDuration::from_hours(24 * 7 * 13);

/// Evaluates the three lines over a window.
pub(super) fn policy(slo: &Slo, tally: &Tally<'_>, window: Window, sum: &Sum, background: Background<'_>) -> Vec<Line> {
    let Background { incidents, blame } = background;
    let allowed = slo.tolerance() * tally.count(window).expected() as f64;
    let mut costs: Vec<(u64, &Incident)> =
        incidents.iter().map(|incident| (cost::events(incident, tally, window), incident)).collect();
    costs.retain(|(events, _)| *events > 0);
    costs.sort_by(|(a, x), (b, y)| b.cmp(a).then(x.id.cmp(&y.id)));
    let ids = |least: f64| {
        let costly = costs.iter().filter(|(events, _)| *events as f64 > least * allowed);
        costly.map(|(_, incident)| incident.id.clone()).collect::<Vec<_>>()
    };
    let share = |events: u64, allowed: f64| (allowed > 0.0).then(|| ratio(events as f64 / allowed));
    let costliest = share(costs.first().map_or(0, |(events, _)| *events), allowed);

    let quarter = Window { from: window.from.max(shift(window.until, -QUARTER)), ..window };
    let of_quarter = slo.tolerance() * tally.count(quarter).expected() as f64;
    let worst = classes(tally, quarter, blame).into_iter().max_by(|(a, x), (b, y)| x.cmp(y).then(b.cmp(a)));
    let class_share = share(worst.as_ref().map_or(0, |(_, events)| *events), of_quarter);
    let of_class = |incident: &&(u64, &Incident)| {
        worst.as_ref().is_some_and(|((reason, cause), _)| {
            let is = |failed: Option<Reason>| failed.is_some_and(|failed| failed.as_str() == *reason);
            incident.1.blame() == *cause && incident.1.episodes.iter().any(|episode| is(episode.reason))
        })
    };
    let in_class = costs.iter().filter(of_class).map(|(_, incident)| incident.id.clone()).collect();
    let class = worst.as_ref().map(|((reason, cause), _)| format!("{reason} by {cause}"));

    let line = |rule, share: Option<f64>, limit, class, incidents| {
        let met = share.map(|share| share <= limit);
        Line { rule, met, share, limit, class, incidents }
    };
    vec![
        line(Rule::BudgetKept, sum.consumed, 1.0, None, ids(0.0)),
        line(Rule::NoCostlyIncident, costliest, FIFTH, None, ids(FIFTH)),
        line(Rule::NoCostlyClass, class_share, FIFTH, class, in_class),
    ]
}

/// Bad events by reason and cause.
fn classes(tally: &Tally<'_>, window: Window, blame: &Blame) -> BTreeMap<(&'static str, &'static str), u64> {
    let mut classes: BTreeMap<_, u64> = BTreeMap::new();
    for (series, sample, _) in tally.marked(window).filter(|(.., event)| *event == Event::Bad) {
        let reason = tally.reason(sample).map_or("unknown", Reason::as_str);
        *classes.entry((reason, blame.of(series, sample.time))).or_default() += 1;
    }
    classes
}
