//! The objectives and how they are kept.

use maud::{Markup, html};
use reports::report::{Kind, Report};
use reports::slo::Judged;
use reports::wording;

use crate::web::desk::{Asked, Unanswered};
use crate::web::kept::Question;
use crate::web::pages::frame::{Page, Place};
use crate::web::pages::parts::{self, PATIENCE};
use crate::web::pages::query::Params;

pub(super) fn page(asked: &Asked<'_>, params: &Params) -> Result<Page, Unanswered> {
    let kept = match params.span(asked.now)? {
        None => None,
        Some(span) => match asked.kept.ask(&Question::list(Kind::Slo, span), PATIENCE)? {
            None => return Ok(Page::waiting(Place::Slos, "Objectives")),
            kept => kept,
        },
    };
    let (at, old, slo) = match (&kept, asked.judged) {
        (Some(kept), _) => match &kept.found.told()?.report {
            Report::Slo(report) => (kept.found.at, kept.old, report),
            Report::Incidents(_) | Report::Timeline(_) => unreachable!("a report is of the kind that was asked for"),
        },
        (None, Some(judged)) => (judged.at, false, &judged.slo),
        (None, None) => return Ok(Page::waiting(Place::Slos, "Objectives")),
    };
    let shown = html! {
        h1 { "Objectives" }
        (parts::windows("/slos", params, slo.head.window))
        @if slo.slos.is_empty() { p { "The configuration has no objectives: they stand under " code { "slos:" } "." } }
        div.cards { @for judged in parts::page_of(&slo.slos, params) { (card(judged)) } }
        (parts::pages("/slos", params, slo.slos.len()))
        (parts::judged(at, old))
    };
    Ok(Page::new(Place::Slos, "Objectives", shown))
}

fn card(judged: &Judged) -> Markup {
    html! {
        article.card {
            h2 { (parts::text(&judged.name)) " " (parts::status(judged.status)) }
            p.big { (wording::percent(judged.sli)) " " span.quiet { "good, aimed at " (wording::percent(Some(judged.objective))) } }
            p {
                (parts::budget(judged.budget.remaining))
                @if judged.budget.remaining.is_some_and(|left| left >= 0.0) { " of the error budget is left" } @else { " " span.quiet { "error budget" } }
                @if let Some(seconds) = judged.budget.time_to_exhaust_s.filter(|seconds| *seconds > 0.0) { ", for " (wording::seconds(seconds)) " at the pace of the last day" }
            }
            dl.facts {
                div { dt { "Good" } dd { (judged.good) } }
                div { dt { "Bad" } dd { (judged.bad) } }
                div { dt { "Not seen" } dd { (judged.no_data + judged.invalid) } }
                div { dt { "Coverage" } dd { (wording::percent(judged.coverage)) } }
                div { dt { "p95" } dd { @match judged.latency_us.p95 { Some(us) => (format!("{:.1} ms", us as f64 / 1000.0)), None => "–" } } }
            }
            table.small {
                caption { "Burn rate: 1 spends the budget exactly" }
                thead { tr { @for (name, _) in &judged.burn { th scope="col" { (name) } } } }
                tbody { tr { @for (_, burn) in &judged.burn { td { @match burn { Some(burn) => (format!("{burn:.1}")), None => "–" } } } } }
            }
            p.quiet { (parts::moment(judged.window.from)) " to " (parts::moment(judged.window.until)) }
            @if !judged.warnings.is_empty() { ul.note { @for warning in &judged.warnings { li { (parts::text(warning)) } } } }
        }
    }
}
