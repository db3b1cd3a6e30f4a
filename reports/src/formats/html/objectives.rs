//! Objectives as a page: which are kept, how much of each budget is left, and why.

use maud::{Markup, html};

use super::{Page, charts, code, draw, moment, text};
use crate::formats::{MOST_ROWS, facts, words};
use crate::full::{Day, FullReport, Strip};
use crate::report::{Corrected, Expiry, SloReport};
use crate::settings::ratio;
use crate::slo::{Judged, Status};
use crate::wording;

/// The page of objectives.
pub(super) fn page<'a>(report: &'a SloReport, full: &FullReport) -> Page<'a> {
    let count = |status| report.slos.iter().filter(|slo| slo.status == status).count();
    let (missed, unknown, all) = (count(Status::Missed), count(Status::NoData), report.slos.len());
    let told = match (all, missed, unknown) {
        (0, _, _) => "No objective is configured".to_owned(),
        (1, 1, _) => "The objective is missed".to_owned(),
        (_, 0, 0) => "Every objective is met".to_owned(),
        (_, 0, unknown) => format!("No objective is missed; of {unknown} too little was seen to tell"),
        (all, missed, _) => format!("{missed} of {all} objectives missed"),
    };
    let class = if missed > 0 {
        "bad"
    } else if unknown > 0 || all == 0 {
        "unsure"
    } else {
        "good"
    };
    let verdict = html! {
        section class={ "verdict " (class) } {
            h1 { (told) }
            div.cards { @for slo in &report.slos { (card(slo, full.trends.iter().find(|trend| trend.name == slo.name))) } }
        }
    };
    let body = html! {
        section { h2 { "All numbers" } (table(&report.slos)) }
        (charts("Charts", &full.charts))
        @for slo in &report.slos {
            section { h2 { (text(&slo.name)) } (details(slo, full)) }
        }
        (corrections(&report.corrections))
        (expiries(&report.expiries))
        section { h2 { "How it is counted" } p { (facts::HOW) } }
    };
    Page { head: &report.head, name: format!("{told} – authprobe"), verdict, body }
}

fn card(slo: &Judged, trend: Option<&Strip>) -> Markup {
    html! {
        article class={ "card status-" (status_class(slo.status)) } {
            h2 { (text(&slo.name)) }
            p { span.badge { (words::status(slo.status)) } }
            p.big { (wording::percent(slo.sli)) }
            p.pale { "of a goal of " (ratio(slo.objective * 100.0)) "%" }
            @if let (Some(consumed), Some(left)) = (slo.budget.consumed, slo.budget.remaining) {
                p { (draw::budget(consumed)) }
                p.pale {
                    @if left < 0.0 { "budget overspent: " (wording::percent(Some(consumed))) " of it used" }
                    @else { (wording::percent(Some(left))) " of the error budget left" }
                }
            }
            @if let Some(trend) = trend { div.trend { (draw::strip(trend)) } }
        }
    }
}

fn status_class(status: Status) -> &'static str {
    match status {
        Status::Met => "good",
        Status::Missed => "bad",
        Status::NoData => "unsure",
    }
}

/// How objectives stand, one line each.
pub(super) fn table(slos: &[Judged]) -> Markup {
    let burn = |slo: &Judged, name| slo.burn_over(name).map_or("–".to_owned(), |burn| format!("{burn:.1}"));
    html! {
        div.wide { table {
            thead { tr {
                th scope="col" { "Objective" } th scope="col" { "Status" }
                @for column in ["SLI", "Goal", "Bad", "Allowed", "Budget left", "Burn 1h", "6h", "3d", "Coverage"] {
                    th.number scope="col" { (column) }
                }
            } }
            tbody { @for slo in slos {
                tr class={ "status-" (status_class(slo.status)) } {
                    th scope="row" { (text(&slo.name)) }
                    td { span.badge { (words::status(slo.status)) } }
                    td.number { (wording::percent(slo.sli)) }
                    td.number { (ratio(slo.objective * 100.0)) "%" }
                    td.number { (slo.bad) }
                    td.number { (format!("{:.1}", slo.budget.events)) }
                    td.number { (slo.budget.remaining.map_or("–".to_owned(), |left| wording::percent(Some(left)))) }
                    @for name in ["1h", "6h", "3d"] { td.number { (burn(slo, name)) } }
                    td.number { (wording::percent(slo.coverage)) }
                }
            } }
        } }
    }
}

fn details(slo: &Judged, full: &FullReport) -> Markup {
    let days: Vec<&Day> = full.days.iter().filter(|day| day.slo == slo.name).collect();
    html! {
        p.pale { (moment(slo.window.from)) " to " (moment(slo.window.until)) " UTC" }
        dl.facts {
            @for (name, fact) in facts::of(slo) { div { dt { (name) } dd { (text(&fact)) } } }
        }
        @if !days.is_empty() {
            h3 { "Day by day" }
            div.wide { table {
                thead { tr {
                    th scope="col" { "Day (UTC)" }
                    @for column in ["Good", "Bad", "No data", "Invalid", "Excluded", "SLI", "Budget used"] {
                        th.number scope="col" { (column) }
                    }
                    th scope="col" { span.hidden { "Bar" } }
                } }
                tbody { @for day in days { (day_row(day)) } }
            } }
        }
    }
}

fn day_row(day: &Day) -> Markup {
    let counts = day.counts;
    html! {
        tr {
            th scope="row" { time datetime=(day.date) { (day.date) } }
            @for count in [counts.good, counts.bad, counts.no_data, counts.invalid, counts.excluded] {
                td.number { (count) }
            }
            td.number { (wording::percent(day.sli)) }
            td.number { (day.consumed.map_or("–".to_owned(), |consumed| wording::percent(Some(consumed)))) }
            td { @if let Some(consumed) = day.consumed { (draw::budget(consumed)) } }
        }
    }
}

fn corrections(corrections: &[Corrected]) -> Markup {
    html! {
        @if !corrections.is_empty() {
            section {
                h2 { "Corrections: not counted" }
                div.wide { table {
                    thead { tr { @for column in ["From", "Until", "Category", "Reason", "Made afterwards"] {
                        th scope="col" { (column) }
                    } } }
                    tbody { @for corrected in corrections {
                        @let correction = &corrected.correction;
                        tr {
                            td { (moment(correction.from)) }
                            td { (moment(correction.until)) }
                            td { (text(&correction.category)) }
                            td { (text(&correction.reason)) }
                            td { @if corrected.retroactive { "yes" } @else { "no" } }
                        }
                    } }
                } }
            }
        }
    }
}

fn expiries(expiries: &[Expiry]) -> Markup {
    html! {
        @if !expiries.is_empty() {
            section {
                h2 { "What ends soon" }
                ul { @for expiry in expiries.iter().take(MOST_ROWS) {
                    li {
                        (code(&expiry.object)) " at " (moment(expiry.at)) " UTC: "
                        (text(&wording::list(expiry.targets.iter().cloned())))
                    }
                } }
                @if let Some(more) = expiries.len().checked_sub(MOST_ROWS).filter(|more| *more > 0) {
                    p { (more) " more end; the JSON form names them." }
                }
            }
        }
    }
}
