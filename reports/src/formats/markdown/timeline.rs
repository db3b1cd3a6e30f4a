//! A timeline as a table.

use super::{Page, code, plain, stretch};
use crate::formats::words;
use crate::report::TimelineReport;
use crate::timeline::{Item, LeftOut};
use crate::wording;

/// Writes the report.
pub(super) fn write(report: &TimelineReport, page: &mut Page) {
    page.heading(1, "Timeline");
    page.paragraph(&stretch(&report.head));
    page.warn(&report.head);
    table(&report.items, page);
    page.list(report.left_out.iter().map(|LeftOut { role, count }| {
        format!("{count} more are left out: {}. The JSON and CSV forms have more.", words::role(*role))
    }));
    page.foot(&report.head);
}

/// Writes items, the earliest first.
pub(super) fn table(items: &[Item], page: &mut Page) {
    if items.is_empty() {
        page.paragraph("Nothing happened.");
    }
    page.table(&["When (UTC)", "Role", "What", "Evidence"], items.iter().map(row));
}

fn row(item: &Item) -> Vec<String> {
    let when = match wording::moment(item.at.lo) == wording::moment(item.at.hi) {
        true => wording::moment(item.at.lo),
        false if wording::moment(item.at.lo).get(..10) == wording::moment(item.at.hi).get(..10) => {
            format!("{}–{}", wording::moment(item.at.lo), wording::clock(item.at.hi))
        }
        false => format!("{}–{}", wording::moment(item.at.lo), wording::moment(item.at.hi)),
    };
    let detail = if item.detail.is_empty() { String::new() } else { format!(" — {}", plain(&item.detail)) };
    let evidence: Vec<String> = item.evidence.iter().map(|source| code(&source.name)).collect();
    vec![when, words::role(item.role).to_owned(), format!("{}{detail}", plain(&item.title)), evidence.join(", ")]
}
