//! A timeline for a terminal: one line a thing that happened, its day above.

use super::{BAD, GOOD, PALE, Page, STRONG, UNSURE};
use crate::report::TimelineReport;
use crate::timeline::{Item, Kind, Role};
use crate::wording;

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
    let title = page.paint(style, &item.title);
    page.line(&format!("  {}{until:<9}  {:<12}  {title}", wording::clock(item.at.lo), role(item.role)));
    if !item.detail.is_empty() {
        let detail = page.paint(PALE, &item.detail);
        page.line(&format!("{:35}{detail}", ""));
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Trigger => "trigger",
        Role::Contributing => "contributing",
        Role::Symptom => "symptom",
        Role::Mitigation => "mitigation",
        Role::Context => "context",
        Role::Unrelated => "unrelated",
    }
}
