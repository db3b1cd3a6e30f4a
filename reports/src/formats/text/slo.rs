//! Objectives for a terminal: one table, then why.

use super::{BAD, GOOD, Page, STRONG, UNSURE};
use crate::alerts::{Severity, State};
use crate::report::SloReport;
use crate::settings::{Method, ratio};
use crate::slo::{Judged, Status};
use crate::wording;

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
    for alert in slo.alerts.iter().filter(|alert| alert.state == State::Firing) {
        let burn = |burn: Option<f64>| burn.map_or("nothing seen".to_owned(), |burn| format!("{burn:.1}×"));
        let (long, short) = (burn(alert.long_burn), burn(alert.short_burn));
        let told = format!("burn {long} over {}, {short} over {}, limit {:.2}×", alert.long, alert.short, alert.factor);
        page.paragraph("alert", &format!("{} fires: {told}", severity(alert.severity)));
    }
    let frozen = slo.alerts.iter().filter(|alert| alert.state == State::Frozen);
    let frozen = wording::list(frozen.map(|alert| format!("{} over {}", severity(alert.severity), alert.long)));
    if !frozen.is_empty() {
        page.paragraph("alert", &format!("cannot tell, too little was seen: {frozen}"));
    }
    for warning in &slo.warnings {
        page.paragraph("note", warning);
    }
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
