//! Incidents for a terminal: what failed, since when, and what is behind it.

use super::{BAD, GOOD, Page, STRONG, UNSURE, spark};
use crate::cause::{Cause, Verdict};
use crate::formats::{MOST_LINES, MOST_NAMES, MOST_ROWS, telling, words};
use crate::full::{FullReport, MOST_STORIES, Story};
use crate::incident::{Incident, Severity};
use crate::report::IncidentsReport;
use crate::summary::{Spread, Summary};
use crate::wording;

/// Pieces of evidence that are told on either side.
const MOST_EVIDENCE: usize = 3;
/// Explanations that are told besides the first.
const MOST_OTHERS: usize = 3;

/// Incidents of the same time that are named.
const MOST_CONCURRENT: usize = 10;
/// The agent that needs no mention.
const LOCAL: &str = "local";

/// Writes the report.
pub(super) fn write(report: &IncidentsReport, full: &FullReport, page: &mut Page) {
    page.head("Incidents", &report.head);
    let all = report.incidents.len();
    if all == 0 {
        page.line("No incident.");
    }
    if all > 1 {
        let (earlier, listed) = report.incidents.split_at(all.saturating_sub(MOST_LINES));
        page.table(&["incident", "severity", "began", "lasted", "targets", "cause"], listed.iter().map(row).collect());
        if !earlier.is_empty() {
            page.line(&format!(" {} before these: use --format json or csv, or a shorter window", earlier.len()));
        }
        page.line("");
    }
    for (number, (incident, story)) in full.told(&report.incidents).enumerate() {
        if number > 0 {
            page.line("");
        }
        block(incident, story, page);
    }
    if all > MOST_STORIES {
        page.line("");
        page.line(&format!("Of {} earlier only the line above: ask for one with --incident ID.", all - MOST_STORIES));
    }
    if all > 1 {
        page.line("");
        let Summary { detect_s, mitigate_s, recover_s } = &*report.summary;
        page.paragraph("detection", &spread(detect_s));
        page.paragraph("mitigation", &spread(mitigate_s));
        page.paragraph("recovery", &spread(recover_s));
        page.paragraph("", "all from the middle of the start; no mean, since a few long ones would make it");
    }
}

fn row(incident: &Incident) -> Vec<String> {
    vec![
        incident.id.clone(),
        words::severity(incident.severity).to_owned(),
        wording::moment(incident.start.lo),
        telling::lasted(incident),
        telling::short(&wording::list(incident.targets())),
        telling::short(&telling::cause(incident)),
    ]
}

fn spread(spread: &Spread) -> String {
    let open = if spread.open > 0 { format!("; of {} more it is not known yet", spread.open) } else { String::new() };
    match (spread.median, spread.p90, spread.median95) {
        (Some(median), Some(p90), Some([low, high])) => format!(
            "median {} (95 %: {} to {}), nine in ten within {}, of {}{open}",
            wording::seconds(median),
            wording::seconds(low),
            wording::seconds(high),
            wording::seconds(p90),
            spread.count
        ),
        _ if spread.values.is_empty() => format!("none is known{open}"),
        _ => format!("{}{open}", wording::list(spread.values.iter().map(|value| wording::seconds(*value)))),
    }
}

fn block(incident: &Incident, story: Option<&Story>, page: &mut Page) {
    let style = match incident.severity {
        Severity::Security | Severity::Critical | Severity::Major => BAD,
        Severity::Minor => UNSURE,
    };
    let (severity, id) = (page.paint(style, words::severity(incident.severity)), page.paint(STRONG, &incident.id));
    let targets = wording::harmless(&wording::list(incident.targets()));
    let tags: String = incident.tags.iter().map(|tag| format!(" [{}]", words::tag(*tag))).collect();
    page.line(&format!("{severity}  {targets}  {id}{tags}"));
    let detected =
        incident.durations_s.detect.map_or(String::new(), |detect| format!(" ({} later)", wording::seconds(detect)));
    page.paragraph("began", &wording::interval(incident.start));
    page.paragraph("detected", &format!("{}{detected}", wording::moment(incident.detected_at)));
    match (incident.end, incident.durations_s.recover) {
        (Some(end), Some(lasted)) => {
            page.paragraph("ended", &format!("{}, after {}", wording::interval(end), wording::seconds(lasted)))
        }
        (Some(_) | None, _) => page.paragraph("ended", "not yet"),
    }
    for (number, episode) in incident.episodes.iter().take(MOST_ROWS).enumerate() {
        let share = wording::percent(Some(episode.share));
        let meaning = episode.reason.map_or("no reason given", wording::reason);
        let (path, reason) = (episode.path(), wording::reason_word(episode.reason));
        let seen_by = if episode.agent == LOCAL { String::new() } else { format!(", seen by {}", episode.agent) };
        let text =
            format!("{path}: {meaning} ({reason}); {} of {} ({share}){seen_by}", episode.failed, episode.executed);
        page.paragraph("failing", &text);
        if let Some(detail) = &episode.detail {
            page.paragraph("", &format!("“{}”", telling::short(detail)));
        }
        if let Some(strip) = story.and_then(|story| story.strips.get(number)).and_then(Option::as_ref) {
            let [from, until] = telling::ends(strip.window);
            page.paragraph("", &format!("{from} {} {until}", spark::line(strip)));
        }
    }
    if let Some(more) = incident.episodes.len().checked_sub(MOST_ROWS).filter(|more| *more > 0) {
        page.paragraph("", &format!("and {more} more; --format json names them"));
    }
    if !incident.healthy.is_empty() {
        page.paragraph("healthy", &telling::some(incident.healthy.iter().cloned(), MOST_NAMES));
    }
    cause(incident, page);
    if let Some(confirmed) = &incident.confirmed {
        page.paragraph("people", &confirmed.says());
    }
    if let Some(mitigation) = &incident.mitigation {
        page.paragraph("mitigated", &format!("by {} at {}", mitigation.change, wording::moment(mitigation.at)));
    }
    if !incident.concurrent.is_empty() {
        page.paragraph("concurrent", &telling::some(incident.concurrent.iter().cloned(), MOST_CONCURRENT));
    }
    for spot in &incident.blind_spots {
        page.paragraph("blind spot", spot);
    }
    for cost in &incident.budget {
        let share = cost
            .share
            .map_or(String::new(), |share| format!(", {} of the error budget", wording::percent(Some(share))));
        page.paragraph("cost", &format!("{}: {}{share}", cost.slo, words::several(cost.events, "bad event")));
    }
}

fn cause(incident: &Incident, page: &mut Page) {
    let none = format!("none of the recorded changes ({:.2})", incident.none_probability);
    let told = match (incident.verdict, incident.causes.first()) {
        (Verdict::Change, Some(cause)) => {
            page.titled(
                GOOD,
                &format!("{} cause ({:.2})", words::capital(cause.label), cause.probability),
                &cause.says,
            );
            Some(cause)
        }
        (Verdict::None, _) => {
            page.titled(
                UNSURE,
                &format!("No recorded change explains this ({:.2})", incident.none_probability),
                &incident.background,
            );
            None
        }
        (Verdict::Ambiguous | Verdict::Change, first) => {
            let perhaps =
                first.map_or(none.clone(), |cause| format!("perhaps {} ({:.2})", cause.says, cause.probability));
            page.titled(UNSURE, "The cause is open", &perhaps);
            first
        }
    };
    if let Some(cause) = told {
        evidence(cause, page);
    }
    let others = incident
        .causes
        .iter()
        .skip(usize::from(told.is_some()))
        .filter(|cause| cause.probability >= telling::WORTH_TELLING);
    for cause in others.take(MOST_OTHERS) {
        page.paragraph("considered", &format!("{} ({:.2})", cause.says, cause.probability));
    }
    if incident.verdict != Verdict::None && incident.none_probability >= telling::WORTH_TELLING {
        page.paragraph("considered", &none);
    }
}

fn evidence(cause: &Cause, page: &mut Page) {
    for piece in cause.supports.iter().take(MOST_EVIDENCE) {
        page.paragraph("for", &format!("{} ({})", piece.says, telling::times(piece.ln_lr)));
    }
    for piece in cause.against.iter().take(MOST_EVIDENCE) {
        page.paragraph("against", &format!("{} ({})", piece.says, telling::times(piece.ln_lr)));
    }
}
