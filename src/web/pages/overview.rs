//! The first page: what is wrong now, and every series with its status, its budget and its last hours.

use std::cmp::Reverse;

use maud::{Markup, html};
use reports::incident::Incident;
use reports::wording;
use storage::window::Window;

use crate::web::desk::{Asked, Unanswered};
use crate::web::pages::frame::{Page, Place};
use crate::web::pages::query::{Params, link};
use crate::web::pages::strip::strip;
use crate::web::pages::{incidents, parts};
use crate::web::present::{CELLS, Cell, Line, Present, Standing};

/// Incidents that are told of at the top.
const TOLD: usize = 3;
/// Incidents that are over and told of below them.
const OVER: usize = 5;

pub(super) fn page(asked: &Asked<'_>, params: &Params) -> Result<Page, Unanswered> {
    let mut present = Present::look(asked, params.window(asked.now)?, None)?;
    // What needs somebody comes first; the rest keeps its order.
    present.lines.sort_by_key(|line| line.standing);
    let count = |standing| present.lines.iter().filter(|line| line.standing == standing).count();
    let incidents: &[Incident] = asked.judged.map_or(&[], |judged| &judged.incidents.incidents);
    let mut over: Vec<&Incident> = incidents.iter().filter(|incident| incident.end.is_some()).collect();
    over.sort_by_key(|incident| Reverse(incident.end));
    let table = table(&present, params, asked)?;
    let shown = html! {
        h1.unseen { "Overview" }
        (headline(incidents, &present, asked))
        ul.figures {
            @for (standing, name) in [
                (Standing::Failing, "failing"), (Standing::Suspect, "suspect"), (Standing::Silent, "silent"), (Standing::Well, "well"),
            ] {
                li { strong { (count(standing)) } " " (name) }
            }
            @if let Some(judged) = asked.judged {
                @for slo in judged.slo.slos.iter().take(4) {
                    li { a href="/slos" { (parts::text(&slo.name)) } " " (parts::budget(slo.budget.remaining)) @if slo.budget.remaining.is_some_and(|left| left < 0.0) { span.quiet { "budget" } } @else { span.quiet { "of the budget left" } } }
                }
            }
        }
        @if !over.is_empty() {
            section aria-labelledby="over" {
                h2 #over { "Incidents that are over" }
                (incidents::table(over.get(..over.len().min(OVER)).unwrap_or_default()))
                @if over.len() > OVER { p { a href="/incidents" { "All incidents of the last day" } } }
            }
        }
        section aria-labelledby="probes" {
            h2 #probes { "Probes" }
            (parts::windows("/", params, present.window))
            (table)
            (parts::pages("/", params, present.lines.len()))
            (legend())
        }
    };
    Ok(Page::new(Place::Overview, "Overview", shown))
}

/// What is wrong, in the words that a reader needs first.
fn headline(incidents: &[Incident], present: &Present, asked: &Asked<'_>) -> Markup {
    let mut open: Vec<&Incident> = incidents.iter().filter(|incident| incident.end.is_none()).collect();
    open.sort_by_key(|incident| (incident.severity, incident.start));
    html! {
        @if asked.judged.is_none() {
            p.lead { "The store is being judged for the first time; this page shows more in a moment." }
        } @else if open.is_empty() {
            div.lead.calm {
                p.says { (parts::badge("good", "No incident is open.")) }
                @if present.lines.is_empty() { p { "Nothing was probed yet." } }
            }
        }
        @if !open.is_empty() {
            div.lead.alarm {
                p.says { strong { (open.len()) @if open.len() == 1 { " incident is open" } @else { " incidents are open" } } }
                ul { @for incident in open.iter().take(TOLD) { li { (sentence(incident)) } } }
                @if open.len() > TOLD { p { a href="/incidents" { "All incidents" } } }
            }
        }
    }
}

fn sentence(incident: &Incident) -> Markup {
    html! {
        (parts::severity(incident.severity)) " "
        a href=(parts::incident_link(incident)) { (parts::broken(incident)) }
        " fails since " (parts::moment(incident.start.middle())) ". "
        @match incident.causes.first().filter(|_| incident.blame() != "none" && incident.blame() != "ambiguous") {
            Some(cause) => { span.cause { "Likely cause: " (parts::text(&cause.says)) " (" (parts::chance(cause.probability)) ")" } },
            None => { span.quiet { "No change is named." } },
        }
    }
}

/// The rows of one page of the list.
pub(super) fn table(present: &Present, params: &Params, asked: &Asked<'_>) -> Result<Markup, Unanswered> {
    let lines = parts::page_of(&present.lines, params);
    let strips = present.strips(lines.iter().map(|line| &line.series), asked)?;
    Ok(html! {
        div.wide tabindex="0" role="group" aria-label="Probes" {
            table {
                thead { tr {
                    th scope="col" { "Target" } th scope="col" { "Probe" } th scope="col" { "Status" } th scope="col" { "Budget left" }
                    th scope="col" { "Over " (wording::duration(present.window.length())) } th scope="col" { "Newest" }
                } }
                tbody { @for line in lines { (row(line, &strips.of(&line.series), present.window)) } }
            }
        }
    })
}

fn row(line: &Line, cells: &[Cell; CELLS], window: Window) -> Markup {
    let series = &line.series;
    let here = [("target", series.target.as_str())];
    let results = [("target", series.target.as_str()), ("probe", series.probe.as_str())];
    html! {
        tr {
            td { a href=(link("/target", &here)) { (parts::text(&series.target)) } }
            th scope="row" {
                a href=(link("/results", &results)) { (parts::text(&series.probe)) }
                @if series.agent != "local" { " " span.quiet { "from " (parts::text(&series.agent)) } }
            }
            td {
                @match &line.incident {
                    Some(id) => a href=(link("/incident", &[("id", id)])) { (parts::standing(line.standing)) },
                    None => (parts::standing(line.standing)),
                }
                @if let Some(reason) = line.reason { " " span.quiet { (reason) } }
            }
            td { (parts::budget(line.budget)) }
            td { (strip(cells, window)) }
            td.quiet { (parts::moment(series.last)) }
        }
    }
}

/// What the shapes of a strip mean.
pub(super) fn legend() -> Markup {
    html! {
        ul.legend aria-label="What the strips show" {
            @for (class, name) in [
                ("good", "well"), ("warn", "1 in 100 or more failed"), ("bad", "half or more failed"), ("unclear", "skipped, or the prober's fault"), ("none", "nothing known"),
            ] {
                li { svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" { rect class=(class) width="12" height="12" rx="2" {} } (name) }
            }
        }
    }
}
