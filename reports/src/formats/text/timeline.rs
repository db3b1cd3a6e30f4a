//! A timeline for a terminal: one line a thing that happened, its day above.

use super::{BAD, GOOD, PALE, Page, STRONG, UNSURE};
use crate::formats::words;
use crate::report::TimelineReport;
use crate::timeline::{Item, Kind, LeftOut, Role, SourceKind};
use crate::wording;

/// What authprobe learned of by so many seconds later is told with when it did.
const LATE_S: f64 = 60.0;

/// The column in which what happened stands.
const COLUMN: usize = 35;

/// Writes the report.
pub(super) fn write(report: &TimelineReport, page: &mut Page) {
    page.head("Timeline", &report.head);
    if report.items.is_empty() {
        page.line("Nothing happened.");
    }
    let mut day = String::new();
    for item in &report.items {
        let moment = wording::moment(item.at.lo);
        let today = moment.get(..10).unwrap_or_default();
        if day != today {
            day = today.to_owned();
            let title = page.paint(STRONG, &day);
            page.line(&title);
        }
        line(item, page);
    }
    for LeftOut { role: part, count } in &report.left_out {
        let text = format!(
            "left out: {count} {}; without --incident, or in a shorter window, they are shown",
            words::role(*part)
        );
        let told = page.paint(PALE, &text);
        page.line(&told);
    }
}

fn line(item: &Item, page: &mut Page) {
    let style = match (item.kind, item.role) {
        (Kind::ProbeTransition | Kind::Alert, _) => BAD,
        (Kind::Recovery, _) => GOOD,
        (Kind::Change | Kind::Expiry, Role::Trigger | Role::Contributing | Role::Mitigation) => UNSURE,
        (Kind::Change | Kind::Expiry | Kind::Maintenance | Kind::Gap | Kind::Note, _) => PALE,
    };
    let until = if wording::clock(item.at.lo) == wording::clock(item.at.hi) {
        String::new()
    } else {
        format!("–{}", wording::clock(item.at.hi))
    };
    let begins = format!("  {}{until:<9}  {:<12}  ", wording::clock(item.at.lo), words::role(item.role));
    page.hanging(&begins, COLUMN, style, &item.title);
    let below = [item.detail.clone(), known_late(item), looked_up(item)];
    let below: Vec<String> = below.into_iter().filter(|part| !part.is_empty()).collect();
    if !below.is_empty() {
        page.hanging("", COLUMN, PALE, &below.join("; "));
    }
}

/// When authprobe learned of something that it could not see at once; what has a beginning and an end is learned of at
/// the end.
fn known_late(item: &Item) -> String {
    let late = item.known_at.duration_since(item.at.hi).as_secs_f64() > LATE_S;
    match item.kind {
        Kind::Change | Kind::Expiry | Kind::Note | Kind::Maintenance if late => {
            format!("known since {}", wording::moment(item.known_at))
        }
        Kind::Change | Kind::Expiry | Kind::Note | Kind::Maintenance => String::new(),
        Kind::Gap | Kind::ProbeTransition | Kind::Alert | Kind::Recovery => String::new(),
    }
}

/// The ids by which a reader finds an item's records.
fn looked_up(item: &Item) -> String {
    let named = item.evidence.iter().filter(|source| match source.of {
        SourceKind::Change | SourceKind::Verdict => true,
        SourceKind::Incident => !item.title.contains(&source.name),
        SourceKind::Series | SourceKind::Result | SourceKind::Feed | SourceKind::Slo | SourceKind::Correction => false,
    });
    let ids: Vec<&str> = named.map(|source| source.name.as_str()).collect();
    if ids.is_empty() { String::new() } else { format!("[{}]", ids.join(" ")) }
}
