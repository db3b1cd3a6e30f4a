//! The list of incidents.

use std::cmp::Reverse;

use jiff::Timestamp;
use maud::{Markup, html};
use reports::incident::Incident;
use reports::report::{self, Kind, Report, Request};
use reports::wording;
use storage::window::Window;

use crate::web::desk::{Asked, Unanswered};
use crate::web::pages::frame::{Page, Place};
use crate::web::pages::parts;
use crate::web::pages::query::Params;

pub(super) fn page(asked: &Asked<'_>, params: &Params) -> Result<Page, Unanswered> {
    let (window, mut incidents) = match params.window(asked.now)? {
        None => match asked.judged {
            Some(judged) => (judged.incidents.head.window, judged.incidents.incidents.clone()),
            None => return Err(Unanswered::Busy),
        },
        Some(window) => (window, found(asked, window, None)?),
    };
    incidents.sort_by_key(|incident| (incident.end.is_some(), Reverse(incident.start)));
    let all: Vec<&Incident> = incidents.iter().collect();
    let shown = html! {
        h1 { "Incidents" }
        (parts::windows("/incidents", params, window))
        (table(parts::page_of(&all, params), asked.now))
        (parts::pages("/incidents", params, all.len()))
    };
    Ok(Page::new(Place::Incidents, "Incidents", shown))
}

/// The incidents of a window, or one of them, judged for this question.
///
/// # Errors
/// When the store cannot be read, or there is no such incident.
pub(super) fn found(asked: &Asked<'_>, window: Window, incident: Option<&str>) -> Result<Vec<Incident>, Unanswered> {
    let incident = incident.map(str::to_owned);
    let request = Request { kind: Kind::Incidents, window: Some(window), incident, now: asked.now };
    match report::build(asked.reader, asked.settings, &request)? {
        Report::Incidents(report) => Ok(report.incidents),
        Report::Slo(_) | Report::Timeline(_) => unreachable!("a report is of the kind that was asked for"),
    }
}

/// Incidents in a table.
pub(super) fn table(incidents: &[&Incident], now: Timestamp) -> Markup {
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
                            th scope="row" { a href=(parts::incident_link(incident, now)) { (parts::broken(incident)) } }
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
