//! Objectives for a terminal: one table, then why.

use super::{BAD, GOOD, Page, STRONG, UNSURE, spark};
use crate::formats::{MOST_ROWS, facts, words};
use crate::full::Strip;
use crate::report::SloReport;
use crate::settings::ratio;
use crate::slo::{Judged, Status};
use crate::wording;

/// Writes the report.
pub(super) fn write(report: &SloReport, trends: &[Strip], page: &mut Page) {
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
        let trend = trends.iter().find(|trend| trend.name == slo.name);
        details(slo, trend, page);
    }
    for corrected in &report.corrections {
        let correction = &corrected.correction;
        let late = if corrected.retroactive { ", made afterwards" } else { "" };
        let (from, until) = (wording::moment(correction.from), wording::moment(correction.until));
        page.line("");
        page.paragraph("corrected", &format!("{from} to {until}: {} {}{late}", correction.category, correction.reason));
    }
    if !report.expiries.is_empty() {
        page.line("");
    }
    for expiry in report.expiries.iter().take(MOST_ROWS) {
        let (at, targets) = (wording::moment(expiry.at), wording::list(expiry.targets.iter().cloned()));
        page.paragraph("ends", &format!("{} at {at} UTC: {targets}", expiry.object));
    }
    if let Some(more) = report.expiries.len().checked_sub(MOST_ROWS).filter(|more| *more > 0) {
        page.paragraph("", &format!("and {more} more; --format json names them"));
    }
    page.line("");
    page.paragraph("how", facts::HOW);
}

fn row(slo: &Judged) -> Vec<String> {
    let burn = |name| slo.burn_over(name).map_or("–".to_owned(), |burn| format!("{burn:.1}"));
    vec![
        wording::harmless(&slo.name),
        words::status(slo.status).to_owned(),
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

fn details(slo: &Judged, trend: Option<&Strip>, page: &mut Page) {
    let style = match slo.status {
        Status::Met => GOOD,
        Status::Missed => BAD,
        Status::NoData => UNSURE,
    };
    page.line("");
    let (name, status) = (page.paint(STRONG, &slo.name), page.paint(style, words::status(slo.status)));
    page.line(&format!(
        "{name}: {status}, {} to {} UTC",
        wording::moment(slo.window.from),
        wording::moment(slo.window.until)
    ));
    for (number, (name, told)) in facts::of(slo).into_iter().enumerate() {
        page.paragraph(name, &told);
        if let Some(trend) = trend.filter(|_| number == 0) {
            let each = wording::duration(trend.window.length() / i32::try_from(trend.shares.len()).unwrap_or(1).max(1));
            page.paragraph("trend", &format!("{} (a bar is {each})", spark::line(trend)));
        }
    }
}
