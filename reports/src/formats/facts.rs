//! What is to be known of an objective beyond its numbers, one sentence a fact, each under a name.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{telling, words};
use crate::alerts::State;
use crate::settings::Method;
use crate::slo::policy::{Line, Rule};
use crate::slo::views::View;
use crate::slo::{Judged, Negative};
use crate::wording;

/// Incidents that a line of the policy names, the costliest first.
const MOST_INCIDENTS: usize = 10;

/// The method in short.
pub(super) const HOW: &str = "One event is one planned execution of one probe at one agent; SLI = good / (good + bad). What was planned \
    and not seen, and what was the prober's own fault, counts against coverage = (good + bad) / expected. Burn is the \
    share of bad over the share that may be bad; a budget is what may be bad of all that was expected.";

/// The facts of an objective; first how it was counted. They hold names from outside: the format that shows them makes
/// them harmless.
pub(super) fn of(slo: &Judged) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut tell = |name, fact: String| facts.push((name, fact));
    let what = match slo.method {
        Method::Occurrences | Method::RatioTimeslices => "events",
        Method::Timeslices => "slices",
    };
    let sum = format!(
        "{} {what} expected = {} good + {} bad + {} no data + {} invalid; {} excluded",
        slo.expected, slo.good, slo.bad, slo.no_data, slo.invalid, slo.excluded
    );
    tell("counted", sum);
    if slo.no_data + slo.invalid > 0 {
        let (low, high) = (wording::percent(slo.sli_low), wording::percent(slo.sli_high));
        tell("bounds", format!("the SLI lies between {low} and {high}, whatever was not seen"));
    }
    if let Some([low, high]) = slo.wilson95 {
        let (low, high) = (wording::percent(Some(low)), wording::percent(Some(high)));
        tell("sure", format!("few {what}: the true share lies between {low} and {high} (95 %)"));
    }
    tell("budget", budget(slo));
    if slo.excluded > 0 {
        tell("raw", format!("without corrections the SLI is {}", wording::percent(slo.sli_raw)));
    }
    for (reason, count) in by_count(&slo.by_reason) {
        let meaning = reason.parse().map(wording::reason).unwrap_or("no reason was given");
        tell("why", format!("{count} × {reason}: {meaning}"));
    }
    if !slo.by_cause.is_empty() {
        let causes = by_count(&slo.by_cause).into_iter().map(|(cause, count)| format!("{count} × {cause}"));
        tell("cause", wording::list(causes));
    }
    let latency = slo.latency_us;
    if let (Some(p50), Some(p95), Some(p99)) = (latency.p50, latency.p95, latency.p99) {
        let ms = |us: u64| format!("{:.1} ms", us as f64 / 1000.0);
        tell("latency", format!("p50 {}, p95 {}, p99 {} of {} successes", ms(p50), ms(p95), ms(p99), latency.count));
    }
    if let Some(views) = slo.views {
        let told = |view: View| format!("{} of {} rounds", wording::percent(view.sli), view.good + view.bad);
        let (any, all) = (told(views.any_good), told(views.all_good));
        tell("journey", format!("any probe of a target was good in {any}, all of them in {all}"));
    }
    if let Some(Negative { good, bad }) = slo.negative_checks {
        tell("refused", format!("{good} of {} checks that must be refused", good + bad));
    }
    if let Some(compare) = slo.compare {
        let [low, high] = compare.difference95.map(|bound| format!("{:+.3}", bound * 100.0));
        let noise = if compare.within_noise { ", which is within noise" } else { "" };
        let before = wording::percent(Some(compare.sli));
        tell("before", format!("the window before had {before}: {low} to {high} points{noise}"));
    }
    for line in slo.policy.iter().filter(|line| line.met == Some(false)) {
        tell("policy", policy(line));
    }
    for alert in slo.alerts.iter().filter(|alert| alert.state == State::Firing) {
        let burn = |burn: Option<f64>| burn.map_or("nothing seen".to_owned(), |burn| format!("{burn:.1}×"));
        let (long, short) = (burn(alert.long_burn), burn(alert.short_burn));
        let told = format!("burn {long} over {}, {short} over {}, limit {:.2}×", alert.long, alert.short, alert.factor);
        tell("alert", format!("{} fires: {told}", words::urgency(alert.severity)));
    }
    let frozen = slo.alerts.iter().filter(|alert| alert.state == State::Frozen);
    let frozen = wording::list(frozen.map(|alert| format!("{} over {}", words::urgency(alert.severity), alert.long)));
    if !frozen.is_empty() {
        tell("alert", format!("frozen, nobody can tell: {frozen}"));
    }
    for warning in &slo.warnings {
        tell("note", warning.clone());
    }
    facts
}

fn budget(slo: &Judged) -> String {
    let minutes = SignedDuration::from_secs((slo.budget.minutes * 60.0) as i64);
    let whole = format!("{} of total failure in the whole period", wording::duration(minutes));
    match slo.budget.time_to_exhaust_s {
        Some(0.0) => format!("{whole}; it is used up"),
        Some(left) => {
            let left = wording::duration(SignedDuration::from_secs(left as i64));
            format!("{whole}; at the pace of the last day the rest is used up in {left}")
        }
        None => whole,
    }
}

fn policy(line: &Line) -> String {
    let share = wording::percent(line.share);
    let class = line.class.as_deref().unwrap_or_default();
    let told = match line.rule {
        Rule::BudgetKept => {
            format!("{share} of the budget is used: stop changes, but for urgent ones and for security")
        }
        Rule::NoCostlyIncident => format!("one incident used {share} of the budget: it is due a postmortem"),
        Rule::NoCostlyClass => format!("one class of failure ({class}) used {share} of the budget: plan for it"),
    };
    match line.incidents.is_empty() {
        true => told,
        false => format!("{told}; {}", telling::some(line.incidents.iter().cloned(), MOST_INCIDENTS)),
    }
}

fn by_count(counts: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut counts: Vec<_> = counts.iter().map(|(word, count)| (word.as_str(), *count)).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    counts
}
