//! Objectives for a terminal: one table, then why.

use jiff::SignedDuration;

use super::{BAD, GOOD, Page, STRONG, UNSURE};
use crate::alerts::{Severity, State};
use crate::report::SloReport;
use crate::settings::{Method, ratio};
use crate::slo::policy::{Line, Rule};
use crate::slo::views::View;
use crate::slo::{Judged, Negative, Status};
use crate::wording;

/// The method in short.
const HOW: &str = "One event is one planned execution of one probe at one agent; SLI = good / (good + bad). What was planned \
    and not seen, and what was the prober's own fault, counts against coverage = (good + bad) / expected. Burn is the \
    share of bad over the share that may be bad; a budget is what may be bad of all that was expected.";

/// Writes the report.
pub(super) fn write(report: &SloReport, page: &mut Page) {
    page.head("Objectives", &report.head);
    if report.slos.is_empty() {
        page.line("No objective is configured: add `slos:` to the configuration.");
        return;
    }
    let rows = report.slos.iter().map(row).collect();
    page.table(
        &["objective", "status", "SLI", "goal", "bad / allowed", "budget left", "burn 1h", "6h", "3d", "coverage"],
        rows,
    );
    for slo in &report.slos {
        details(slo, page);
    }
    for corrected in &report.corrections {
        let correction = &corrected.correction;
        let late = if corrected.retroactive { ", made afterwards" } else { "" };
        let (from, until) = (wording::moment(correction.from), wording::moment(correction.until));
        page.line("");
        page.paragraph("corrected", &format!("{from} to {until}: {} {}{late}", correction.category, correction.reason));
    }
    for expiry in &report.expiries {
        page.line("");
        let (at, targets) = (wording::moment(expiry.at), wording::list(expiry.targets.iter().cloned()));
        page.paragraph("ends", &format!("{} at {at} UTC: {targets}", expiry.object));
    }
    page.line("");
    page.paragraph("how", HOW);
}

fn row(slo: &Judged) -> Vec<String> {
    let burn = |name| slo.burn_over(name).map_or("–".to_owned(), |burn| format!("{burn:.1}"));
    vec![
        wording::harmless(&slo.name),
        status(slo.status).to_owned(),
        wording::percent(slo.sli),
        format!("{}%", ratio(slo.objective * 100.0)),
        format!("{} / {:.1}", slo.bad, slo.budget.events),
        slo.budget.remaining.map_or("–".to_owned(), |left| wording::percent(Some(left))),
        burn("1h"),
        burn("6h"),
        burn("3d"),
        wording::percent(slo.coverage),
    ]
}

fn details(slo: &Judged, page: &mut Page) {
    let style = match slo.status {
        Status::Met => GOOD,
        Status::Missed => BAD,
        Status::NoData => UNSURE,
    };
    page.line("");
    let (name, status) = (page.paint(STRONG, &slo.name), page.paint(style, status(slo.status)));
    page.line(&format!(
        "{name}: {status}, {} to {} UTC",
        wording::moment(slo.window.from),
        wording::moment(slo.window.until)
    ));
    let what = match slo.method {
        Method::Occurrences | Method::RatioTimeslices => "events",
        Method::Timeslices => "slices",
    };
    let sum = format!(
        "{} {what} expected = {} good + {} bad + {} no data + {} invalid; {} excluded",
        slo.expected, slo.good, slo.bad, slo.no_data, slo.invalid, slo.excluded
    );
    page.paragraph("counted", &sum);
    if slo.no_data + slo.invalid > 0 {
        let (low, high) = (wording::percent(slo.sli_low), wording::percent(slo.sli_high));
        page.paragraph("bounds", &format!("the SLI lies between {low} and {high}, whatever was not seen"));
    }
    if let Some([low, high]) = slo.wilson95 {
        let (low, high) = (wording::percent(Some(low)), wording::percent(Some(high)));
        page.paragraph("sure", &format!("few {what}: the true share lies between {low} and {high} (95 %)"));
    }
    page.paragraph("budget", &budget(slo));
    if slo.excluded > 0 {
        page.paragraph("raw", &format!("without corrections the SLI is {}", wording::percent(slo.sli_raw)));
    }
    for (reason, count) in by_count(&slo.by_reason) {
        let meaning = reason.parse().map(wording::reason).unwrap_or("no reason was given");
        page.paragraph("why", &format!("{count} × {reason}: {meaning}"));
    }
    if !slo.by_cause.is_empty() {
        let causes = by_count(&slo.by_cause).into_iter().map(|(cause, count)| format!("{count} × {cause}"));
        page.paragraph("cause", &wording::list(causes));
    }
    let latency = slo.latency_us;
    if let (Some(p50), Some(p95), Some(p99)) = (latency.p50, latency.p95, latency.p99) {
        let ms = |us: u64| format!("{:.1} ms", us as f64 / 1000.0);
        page.paragraph(
            "latency",
            &format!("p50 {}, p95 {}, p99 {} of {} successes", ms(p50), ms(p95), ms(p99), latency.count),
        );
    }
    if let Some(views) = slo.views {
        let told = |view: View| format!("{} of {} rounds", wording::percent(view.sli), view.good + view.bad);
        let (any, all) = (told(views.any_good), told(views.all_good));
        page.paragraph("journey", &format!("any probe of a target was good in {any}, all of them in {all}"));
    }
    if let Some(Negative { good, bad }) = slo.negative_checks {
        page.paragraph("refused", &format!("{good} of {} checks that must be refused", good + bad));
    }
    if let Some(compare) = slo.compare {
        let [low, high] = compare.difference95.map(|bound| format!("{:+.3}", bound * 100.0));
        let noise = if compare.within_noise { ", which is within noise" } else { "" };
        let before = wording::percent(Some(compare.sli));
        page.paragraph("before", &format!("the window before had {before}: {low} to {high} points{noise}"));
    }
    for line in slo.policy.iter().filter(|line| line.met == Some(false)) {
        page.paragraph("policy", &policy(line));
    }
    for alert in slo.alerts.iter().filter(|alert| alert.state == State::Firing) {
        let burn = |burn: Option<f64>| burn.map_or("nothing seen".to_owned(), |burn| format!("{burn:.1}×"));
        let (long, short) = (burn(alert.long_burn), burn(alert.short_burn));
        let told = format!("burn {long} over {}, {short} over {}, limit {:.2}×", alert.long, alert.short, alert.factor);
        page.paragraph("alert", &format!("{} fires: {told}", severity(alert.severity)));
    }
    let frozen = slo.alerts.iter().filter(|alert| alert.state == State::Frozen);
    let frozen = wording::list(frozen.map(|alert| format!("{} over {}", severity(alert.severity), alert.long)));
    if !frozen.is_empty() {
        page.paragraph("alert", &format!("frozen, nobody can tell: {frozen}"));
    }
    for warning in &slo.warnings {
        page.paragraph("note", warning);
    }
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
    if line.incidents.is_empty() { told } else { format!("{told}; {}", wording::list(line.incidents.iter().cloned())) }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Page => "page",
        Severity::Ticket => "ticket",
    }
}

fn by_count(counts: &std::collections::BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut counts: Vec<_> = counts.iter().map(|(word, count)| (word.as_str(), *count)).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    counts
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Met => "met",
        Status::Missed => "MISSED",
        Status::NoData => "no data",
    }
}
