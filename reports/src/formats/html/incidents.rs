//! Incidents as a page: of each the answers to five questions, then impact, timeline and causes; then charts and budgets.

use maud::{Markup, html};

use super::{Page, causes, charts, code, codes, draw, heading, interval, moment, objectives, sentence, text, timeline};
use crate::cause::Verdict;
use crate::episode::Episode;
use crate::formats::{MOST_LINES, MOST_ROWS, telling, words};
use crate::full::{FullReport, MOST_STORIES, Story, Strip};
use crate::incident::{Incident, Severity};
use crate::report::IncidentsReport;
use crate::wording;

/// The page of incidents.
pub(super) fn page<'a>(report: &'a IncidentsReport, full: &FullReport) -> Page<'a> {
    // The first chart shows at a glance what is told below it.
    let (first, others) = full.charts.split_at(full.charts.len().min(1));
    let rest = html! {
        (charts("More charts", others))
        @if !full.objectives.is_empty() { section { h2 { "Error budgets" } (objectives::table(&full.objectives)) } }
    };
    match report.incidents.as_slice() {
        [] => {
            let verdict = html! { section.verdict.good { h1 { "No incident" } } };
            Page {
                head: &report.head,
                name: "No incident – authprobe".to_owned(),
                verdict,
                body: html! { (charts("What happened", first)) (rest) },
            }
        }
        [incident] => {
            let verdict = html! {
                section class={ "verdict " (class(incident.severity)) } {
                    (kicker(incident))
                    h1 { (text(&title(incident))) }
                    (answers(incident))
                }
            };
            let body = html! {
                (charts("What happened", first))
                (sections(incident, full.stories.first(), 2))
                (rest)
            };
            Page { head: &report.head, name: format!("{} – authprobe", title(incident)), verdict, body }
        }
        several => {
            let open = several.iter().filter(|incident| incident.end.is_none()).count();
            let name = match open {
                0 => format!("{} incidents, all over", several.len()),
                open => format!("{} incidents, {open} still going on", several.len()),
            };
            let worst = several.iter().map(|incident| incident.severity).min().unwrap_or(Severity::Minor);
            let verdict = html! {
                section class={ "verdict " (class(worst)) } {
                    h1 { (name) }
                    p.lead { (text(&telling::together(several, &full.objectives))) }
                    (overview(several))
                }
            };
            let body = html! {
                (charts("What happened", first))
                @for (incident, story) in full.told(several) {
                    article.incident #(incident.id) {
                        div class={ "verdict " (class(incident.severity)) } {
                            (kicker(incident))
                            h2 { (text(&title(incident))) }
                            (answers(incident))
                        }
                        (sections(incident, story, 3))
                    }
                }
                @if several.len() > MOST_STORIES {
                    p { "Of " (several.len() - MOST_STORIES) " earlier ones only the line above: ask for one with " code { "--incident ID" } "." }
                }
                (rest)
            };
            Page { head: &report.head, name: format!("{name} – authprobe"), verdict, body }
        }
    }
}

fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Security | Severity::Critical | Severity::Major => "bad",
        Severity::Minor => "unsure",
    }
}

/// The target, what failed there and for how long.
fn title(incident: &Incident) -> String {
    let targets = wording::list(incident.targets());
    let probes: std::collections::BTreeSet<&str> =
        incident.episodes.iter().map(|episode| episode.probe.as_str()).collect();
    let probes = match probes.len() {
        0..=3 => wording::list(probes),
        more => format!("{more} probes"),
    };
    match incident.durations_s.recover {
        Some(lasted) if incident.end.is_some() => {
            format!("{targets}: {probes} failed for {}", wording::seconds(lasted))
        }
        Some(_) | None => {
            format!("{targets}: {probes} failing since {}", wording::moment(incident.start.lo))
        }
    }
}

fn kicker(incident: &Incident) -> Markup {
    html! {
        p.kicker {
            span.badge { (words::severity(incident.severity)) }
            @for tag in &incident.tags { span.tag { (words::tag(*tag)) } }
            span { (words::severity_means(incident.severity)) }
            (code(&incident.id))
        }
    }
}

fn answers(incident: &Incident) -> Markup {
    let why = if incident.verdict == Verdict::Change { "why" } else { "why open" };
    html! {
        dl.answers {
            div { dt { "What broke" } dd { (sentence(&telling::what(incident))) } }
            div { dt { "When" } dd { (sentence(&telling::when(incident))) } }
            div class=(why) { dt { "Why" } dd {
                strong { (telling::title(incident)) }
                br;
                (sentence(&telling::why_alone(incident)))
            } }
            div { dt { "What it cost" } dd { (sentence(&telling::cost(incident))) } }
            div { dt { "Look at next" } dd { ol { @for step in telling::next(incident) { li { (sentence(&step)) } } } } }
        }
    }
}

fn overview(incidents: &[Incident]) -> Markup {
    let (earlier, listed) = incidents.split_at(incidents.len().saturating_sub(MOST_LINES));
    let untold = listed.len().saturating_sub(MOST_STORIES);
    html! {
        div.wide { table.overview {
            thead { tr { @for column in ["Incident", "Severity", "Began", "Lasted", "What broke", "Cause", "Budget used"] {
                th scope="col" { (column) }
            } } }
            tbody { @for (number, incident) in listed.iter().enumerate() {
                tr {
                    th scope="row" {
                        @if number >= untold { a href={ "#" (incident.id) } { (code(&incident.id)) } }
                        @else { (code(&incident.id)) }
                    }
                    td { span class={ "badge " (class(incident.severity)) } { (words::severity(incident.severity)) } }
                    td { (moment(incident.start.lo)) }
                    td { (telling::lasted(incident)) }
                    td { (text(&telling::what(incident))) }
                    td { (text(&telling::cause(incident))) }
                    td { @for cost in &incident.budget { p { (text(&cost.slo)) ": " (wording::percent(cost.share)) } } }
                }
            } }
        } }
        @if !earlier.is_empty() { p { (earlier.len()) " began before these; the JSON and CSV forms list them." } }
    }
}

fn sections(incident: &Incident, story: Option<&Story>, level: u8) -> Markup {
    html! {
        section {
            (heading(level, "Impact: what failed, and what did not"))
            div.wide { table.impact {
                thead { tr {
                    th scope="col" { "Probe" } th scope="col" { "Success over time" } th.number scope="col" { "Failed" }
                    th scope="col" { "Reason" } th scope="col" { "Began" } th scope="col" { "Ended" }
                } }
                tbody { @for (number, episode) in incident.episodes.iter().take(MOST_ROWS).enumerate() {
                    (episode_row(episode, story.and_then(|story| story.strips.get(number)).and_then(Option::as_ref)))
                } }
            } }
            @if let Some(more) = incident.episodes.len().checked_sub(MOST_ROWS).filter(|more| *more > 0) {
                p { (more) " more probes failed; the JSON form names them." }
            }
            @if !incident.healthy.is_empty() {
                p { strong { "Stayed healthy: " } (codes(incident.healthy.iter().map(String::as_str))) }
            }
            @if !incident.concurrent.is_empty() {
                p { strong { "At the same time: " } (codes(incident.concurrent.iter().map(String::as_str))) }
            }
        }
        @if let Some(story) = story {
            section {
                (heading(level, "Timeline"))
                (timeline::list(&story.items, level + 1))
                @if story.left_out > 0 { p { (story.left_out) " more things happened that may be of use." } }
            }
        }
        (causes::section(incident, level))
    }
}

fn episode_row(episode: &Episode, strip: Option<&Strip>) -> Markup {
    html! {
        tr {
            th scope="row" {
                (code(&episode.path()))
                @if episode.agent != "local" { p.pale { "seen by " (text(&episode.agent)) } }
            }
            td.over { @if let Some(strip) = strip { (draw::strip(strip)) } }
            td.number { (episode.failed) " of " (episode.executed) p.pale { (wording::percent(Some(episode.share))) } }
            td {
                strong { (wording::reason_word(episode.reason)) }
                @if let Some(detail) = &episode.detail { p.detail { (code(detail)) } }
            }
            td { (interval(episode.start)) }
            td { @match episode.end { Some(end) => (interval(end)), None => "not yet" } }
        }
    }
}
