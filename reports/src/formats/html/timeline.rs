//! What happened as a list with a rail: each thing with its time, its part and where it comes from.

use maud::{Markup, html};

use super::{Page, charts, codes, heading, text};
use crate::formats::words;
use crate::full::FullReport;
use crate::report::TimelineReport;
use crate::timeline::{Item, Kind, LeftOut, Role};
use crate::wording;

/// The page of a timeline.
pub(super) fn page<'a>(report: &'a TimelineReport, full: &FullReport) -> Page<'a> {
    let count = |role| report.items.iter().filter(|item| item.role == role).count();
    let left_out: usize = report.left_out.iter().map(|part| part.count).sum();
    let (triggers, symptoms) = (count(Role::Trigger), count(Role::Symptom));
    let verdict = html! {
        section.verdict {
            h1 { "Timeline" }
            p.lead {
                @match report.items.len() {
                    0 => "Nothing happened.",
                    1 => "One thing happened.",
                    more => { (more + left_out) " things happened. Of those shown " (triggers) " set something off, " (symptoms) " show its effects." },
                }
            }
        }
    };
    // The first chart shows at a glance what is told below it.
    let (first, others) = full.charts.split_at(full.charts.len().min(1));
    let body = html! {
        (charts("What happened to each probe", first))
        section {
            h2 { "What happened" }
            (list(&report.items, 3))
            @for LeftOut { role, count } in &report.left_out {
                p.pale { (count) " more are left out: " (words::role(*role)) ". The JSON and CSV forms have more." }
            }
        }
        (charts("More charts", others))
    };
    Page { head: &report.head, name: "Timeline – authprobe".to_owned(), verdict, body }
}

/// Items by day, the earliest first. Headings of days have this level.
pub(super) fn list(items: &[Item], level: u8) -> Markup {
    let days = items.chunk_by(|a, b| day(a) == day(b));
    html! {
        @for of_day in days {
            @if let Some(first) = of_day.first() { (heading(level, &day(first))) }
            ol.timeline { @for item in of_day { (row(item)) } }
        }
    }
}

fn row(item: &Item) -> Markup {
    let (lo, hi) = (wording::moment(item.at.lo), wording::moment(item.at.hi));
    let until = match (lo == hi, lo.get(..10) == hi.get(..10)) {
        (true, _) => String::new(),
        (false, true) => format!("–{}", wording::clock(item.at.hi)),
        (false, false) => format!("–{hi}"),
    };
    let role = words::role(item.role);
    let recovers = if item.kind == Kind::Recovery { " kind-recovery" } else { "" };
    html! {
        li class={ "role-" (role) (recovers) } {
            time datetime=(item.at.lo) { (wording::clock(item.at.lo)) (until) }
            span.badge { (role) }
            div {
                p.what { (text(&item.title)) }
                @if !item.detail.is_empty() { p.pale { (text(&item.detail)) } }
                @if !item.evidence.is_empty() {
                    p.source { span.hidden { "Source: " } (codes(item.evidence.iter().map(|source| source.name.as_str()))) }
                }
            }
        }
    }
}

fn day(item: &Item) -> String {
    wording::moment(item.at.lo).chars().take(10).collect()
}
