//! The list of incidents.

use std::cmp::Reverse;

use maud::{Markup, html};
use reports::incident::Incident;
use reports::report::{Kind, Report};
use reports::wording;

use crate::web::desk::{Asked, Unanswered};
use crate::web::kept::Question;
use crate::web::pages::frame::{Page, Place};
use crate::web::pages::parts::{self, PATIENCE};
use crate::web::pages::query::Params;

pub(super) fn page(asked: &Asked<'_>, params: &Params) -> Result<Page, Unanswered> {
    let kept = match params.span(asked.now)? {
        None => None,
        Some(span) => match asked.kept.ask(&Question::list(Kind::Incidents, span), PATIENCE)? {
            None => return Ok(Page::waiting(Place::Incidents, "Incidents")),
            kept => kept,
        },
    };
    let (at, old, report) = match (&kept, asked.judged) {
        (Some(kept), _) => match &kept.found.told()?.report {
            Report::Incidents(report) => (kept.found.at, kept.old, report),
            Report::Slo(_) | Report::Timeline(_) => unreachable!("a report is of the kind that was asked for"),
        },
        (None, Some(judged)) => (judged.at, false, &judged.incidents),
        (None, None) => return Ok(Page::waiting(Place::Incidents, "Incidents")),
    };
    let mut all: Vec<&Incident> = report.incidents.iter().collect();
    by_urgency(&mut all);
    let shown = html! {
        h1 { "Incidents" }
        (parts::windows("/incidents", params, report.head.window))
        (table(parts::page_of(&all, params)))
        (parts::pages("/incidents", params, all.len()))
        (parts::judged(at, old))
    };
    Ok(Page::new(Place::Incidents, "Incidents", shown))
}

/// Puts those first that are open, then the newest.
pub(super) fn by_urgency(incidents: &mut [&Incident]) {
    incidents.sort_by_key(|incident| (incident.end.is_some(), Reverse(incident.start)));
}

/// Incidents in a table.
pub(super) fn table(incidents: &[&Incident]) -> Markup {
    html! {
        @if incidents.is_empty() { p.quiet { "There are none." } } @else {
            div.wide tabindex="0" role="group" aria-label="Incidents" {
                table {
                    thead { tr {
                        th scope="col" { "Severity" } th scope="col" { "What failed" } th scope="col" { "Since" }
                        th scope="col" { "Lasted" } th scope="col" { "Likely cause" }
                    } }
                    tbody { @for incident in incidents {
                        tr {
                            td { (parts::severity(incident.severity)) }
                            th scope="row" { a href=(parts::incident_link(incident)) { (parts::broken(incident)) } }
                            td { (parts::moment(incident.start.middle())) }
                            td { @match incident.durations_s.recover {
                                Some(seconds) => (wording::seconds(seconds)),
                                None => (parts::badge("bad", "open")),
                            } }
                            td { (cause(incident)) }
                        }
                    } }
                }
            }
        }
    }
}

fn cause(incident: &Incident) -> Markup {
    match (incident.blame(), incident.causes.first()) {
        ("none", _) | (_, None) => html! { span.quiet { "no recorded change" } },
        ("ambiguous", Some(_)) => html! { span.quiet { "several are possible" } },
        (_, Some(cause)) => html! {
            (parts::text(&cause.says)) " " span.quiet { "(" (parts::chance(cause.probability)) ")" }
        },
    }
}
