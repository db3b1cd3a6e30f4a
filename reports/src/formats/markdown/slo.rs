//! Objectives as tables: the verdicts, then what is to be known of each, then their days.

use super::{Page, code, plain, stretch};
use crate::formats::{MOST_ROWS, facts, words};
use crate::full::{Day, FullReport};
use crate::report::SloReport;
use crate::settings::ratio;
use crate::slo::{Judged, Status};
use crate::wording;

/// Writes the report.
pub(super) fn write(report: &SloReport, full: &FullReport, page: &mut Page) {
    page.heading(1, "Objectives");
    page.paragraph(&stretch(&report.head));
    page.warn(&report.head);
    if report.slos.is_empty() {
        page.paragraph("No objective is configured: add `slos:` to the configuration.");
    }
    let missed: Vec<String> =
        report.slos.iter().filter(|slo| slo.status == Status::Missed).map(|slo| code(&slo.name)).collect();
    let (count, all) = (missed.len(), report.slos.len());
    if count > 0 {
        page.paragraph(&format!("**{count} of {all} missed:** {}", missed.join(", ")));
    } else if all > 0 {
        page.paragraph("No objective is missed.");
    }
    table(&report.slos, page);
    for slo in &report.slos {
        page.heading(2, &code(&slo.name));
        page.table(&["", ""], facts::of(slo).into_iter().map(|(name, fact)| vec![name.to_owned(), plain(&fact)]));
        let days = full.days.iter().filter(|day| day.slo == slo.name);
        page.table(
            &["Day (UTC)", "Good", "Bad", "No data", "Invalid", "Excluded", "SLI", "Budget used"],
            days.map(day_row),
        );
    }
    if !report.corrections.is_empty() {
        page.heading(2, "Corrections");
    }
    page.table(
        &["From (UTC)", "Until", "Category", "Reason", "Made afterwards"],
        report.corrections.iter().map(|corrected| {
            let correction = &corrected.correction;
            vec![
                wording::moment(correction.from),
                wording::moment(correction.until),
                plain(&correction.category),
                plain(&correction.reason),
                if corrected.retroactive { "yes" } else { "no" }.to_owned(),
            ]
        }),
    );
    if !report.expiries.is_empty() {
        page.heading(2, "What ends soon");
    }
    page.table(
        &["At (UTC)", "What", "Targets"],
        report.expiries.iter().take(MOST_ROWS).map(|expiry| {
            let targets = wording::list(expiry.targets.iter().cloned());
            vec![wording::moment(expiry.at), code(&expiry.object), plain(&targets)]
        }),
    );
    if let Some(more) = report.expiries.len().checked_sub(MOST_ROWS).filter(|more| *more > 0) {
        page.paragraph(&format!("{more} more end; the JSON form names them."));
    }
    page.heading(2, "How it is counted");
    page.paragraph(facts::HOW);
    page.foot(&report.head);
}

/// Writes how objectives stand.
pub(super) fn table(slos: &[Judged], page: &mut Page) {
    page.table(
        &["Objective", "Status", "SLI", "Goal", "Bad / allowed", "Budget left", "Burn 1h", "6h", "3d", "Coverage"],
        slos.iter().map(row),
    );
}

fn row(slo: &Judged) -> Vec<String> {
    let burn = |name| slo.burn_over(name).map_or("–".to_owned(), |burn| format!("{burn:.1}"));
    vec![
        code(&slo.name),
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

fn day_row(day: &Day) -> Vec<String> {
    let counts = day.counts;
    let numbers = [counts.good, counts.bad, counts.no_data, counts.invalid, counts.excluded];
    let mut cells = vec![day.date.to_string()];
    cells.extend(numbers.iter().map(u64::to_string));
    cells.push(wording::percent(day.sli));
    cells.push(day.consumed.map_or("–".to_owned(), |consumed| wording::percent(Some(consumed))));
    cells
}
