//! A post-mortem's skeleton for each incident: what is known is there, and where only people know, it asks.

use super::{Page, code, plain, slo, stretch, timeline};
use crate::cause::Cause;
use crate::cause::evidence::Evidence;
use crate::formats::{MOST_LINES, MOST_NAMES, MOST_ROWS, telling, words};
use crate::full::{FullReport, MOST_STORIES, Story};
use crate::incident::Incident;
use crate::report::IncidentsReport;
use crate::wording;

/// Writes the report.
pub(super) fn write(report: &IncidentsReport, full: &FullReport, page: &mut Page) {
    let head = &report.head;
    match report.incidents.as_slice() {
        [] => {
            page.heading(1, "Incidents");
            page.paragraph(&format!("No incident from {}.", stretch(head)));
            page.warn(head);
        }
        [incident] => {
            page.heading(1, &format!("Post-mortem: {}", title(incident)));
            page.warn(head);
            post_mortem(incident, full.stories.first(), full, 2, page);
        }
        several => {
            page.heading(1, &format!("{} incidents", several.len()));
            page.paragraph(&stretch(head));
            page.warn(head);
            page.paragraph(&plain(&telling::together(several, &full.objectives)));
            let (earlier, listed) = several.split_at(several.len().saturating_sub(MOST_LINES));
            page.table(
                &["Incident", "Severity", "Began (UTC)", "Lasted", "Targets", "Cause", "Cost"],
                listed.iter().map(row),
            );
            if !earlier.is_empty() {
                page.paragraph(&format!("{} began before these; the JSON and CSV forms list them.", earlier.len()));
            }
            for (incident, story) in full.told(several) {
                page.heading(2, &format!("Post-mortem: {}", title(incident)));
                post_mortem(incident, story, full, 3, page);
            }
            if several.len() > MOST_STORIES {
                let more = several.len() - MOST_STORIES;
                page.paragraph(&format!(
                    "Of {more} earlier ones only the line above: ask for one with `--incident ID`."
                ));
            }
        }
    }
    page.foot(head);
}

fn title(incident: &Incident) -> String {
    let targets = plain(&wording::list(incident.targets()));
    format!("{targets}, {} ({})", wording::moment(incident.start.lo), code(&incident.id))
}

fn row(incident: &Incident) -> Vec<String> {
    let cost = incident.budget.iter().map(|cost| format!("{} {}", code(&cost.slo), wording::percent(cost.share)));
    vec![
        code(&incident.id),
        words::severity(incident.severity).to_lowercase(),
        wording::moment(incident.start.lo),
        telling::lasted(incident),
        plain(&wording::list(incident.targets())),
        plain(&telling::cause(incident)),
        wording::list(cost),
    ]
}

fn post_mortem(incident: &Incident, story: Option<&Story>, full: &FullReport, level: usize, page: &mut Page) {
    page.table(
        &["Status", "Authors", "Reviewed by", "Published"],
        [["draft", "_who?_", "_who?_", "_when?_"].map(str::to_owned).to_vec()],
    );
    page.heading(level, "Summary");
    let severity = words::severity(incident.severity).to_lowercase();
    page.paragraph(&format!("**{}** ({})", severity, words::severity_means(incident.severity)));
    let cost = format!("What it cost: {}", telling::cost(incident));
    for sentence in [telling::what(incident), telling::when(incident), telling::why(incident), cost] {
        page.paragraph(&plain(&sentence));
    }
    impact(incident, level, page);
    page.heading(level, "Timeline");
    if let Some(story) = story {
        timeline::table(&story.items, page);
        if story.left_out > 0 {
            page.paragraph(&format!("{} more things happened that may be of use.", story.left_out));
        }
    }
    page.ask("what people saw, said and did, and when.");
    detection(incident, level, page);
    changes(incident, level, page);
    page.heading(level, "Mitigation");
    match (&incident.mitigation, incident.durations_s.mitigate) {
        (Some(mitigation), after) => {
            let after = after.map_or(String::new(), |after| format!(", {} after it began", wording::seconds(after)));
            page.paragraph(&format!("{} at {}{after}.", code(&mitigation.change), wording::moment(mitigation.at)));
        }
        (None, _) => page.paragraph("No recorded change ended it."),
    }
    page.ask("what was tried, what helped and what did not.");
    page.heading(level, "Recovery");
    page.paragraph(&plain(&telling::when(incident)));
    page.list(incident.episodes.iter().take(MOST_ROWS).filter_map(|episode| {
        let end = wording::interval(episode.end?);
        Some(format!("{} recovered {end}", code(&episode.path())))
    }));
    budget(incident, full, level, page);
    page.heading(level, "What went well");
    page.ask("what kept this from being worse.");
    page.heading(level, "What went poorly");
    page.ask("what made it worse or longer, and where luck helped.");
    page.heading(level, "Actions");
    page.table(
        &["Action", "Kind", "Owner", "Due"],
        [
            ["_so that it cannot happen again_", "prevent", "_who?_", "_when?_"],
            ["_so that it is seen sooner_", "detect", "_who?_", "_when?_"],
            ["_so that it ends sooner_", "mitigate", "_who?_", "_when?_"],
        ]
        .map(|row| row.map(str::to_owned).to_vec()),
    );
    page.paragraph("What authprobe would do next:");
    page.list(telling::next(incident).iter().map(|step| step_text(step)));
    evidence(incident, level, page);
}

/// A step holds commands in backticks, which stay code; the rest may hold names from outside.
fn step_text(step: &str) -> String {
    let part = |(number, part): (usize, &str)| if number % 2 == 1 { code(part) } else { plain(part) };
    step.split('`').enumerate().map(part).collect()
}

fn impact(incident: &Incident, level: usize, page: &mut Page) {
    page.heading(level, "Impact");
    page.table(
        &["Probe", "Agent", "Reason", "Failed", "Share", "Began (UTC)", "Ended", "Seen at the first failure"],
        incident.episodes.iter().take(MOST_ROWS).map(|episode| {
            vec![
                code(&episode.path()),
                code(&episode.agent),
                wording::reason_word(episode.reason).to_owned(),
                format!("{} of {}", episode.failed, episode.executed),
                wording::percent(Some(episode.share)),
                wording::interval(episode.start),
                episode.end.map_or("not yet".to_owned(), wording::interval),
                episode.detail.as_deref().map_or("–".to_owned(), code),
            ]
        }),
    );
    if incident.episodes.len() > MOST_ROWS {
        let more = incident.episodes.len() - MOST_ROWS;
        page.paragraph(&format!("{more} more probes failed; the JSON form names them."));
    }
    if !incident.healthy.is_empty() {
        let healthy = telling::some(incident.healthy.iter().map(|path| code(path)), MOST_NAMES);
        page.paragraph(&format!("Stayed healthy: {healthy}."));
    }
    page.ask("who noticed, and what they could not do.");
}

fn detection(incident: &Incident, level: usize, page: &mut Page) {
    page.heading(level, "Detection");
    let after = incident.durations_s.detect.map(wording::seconds);
    let after = after.map_or(String::new(), |after| format!(", {after} after it began"));
    page.paragraph(&format!("authprobe had enough evidence at {}{after}.", wording::moment(incident.detected_at)));
    page.ask("who or what told people first, and how long it took until somebody looked.");
}

fn changes(incident: &Incident, level: usize, page: &mut Page) {
    page.heading(level, "Trigger and contributing changes");
    page.paragraph(&format!("**{}**", plain(&telling::why(incident))));
    if let Some(confirmed) = &incident.confirmed {
        page.paragraph(&format!("People say: {}.", plain(&confirmed.says())));
    }
    page.table(
        &["Explanation", "Chance", "Changes"],
        incident.causes.iter().filter(|cause| cause.probability >= telling::WORTH_TELLING).map(explanation),
    );
    page.paragraph(&format!("None of the recorded changes: {}.", telling::chance(incident.none_probability)));
    page.ask("why the change did harm, and why nothing kept it from doing so.");
}

fn explanation(cause: &Cause) -> Vec<String> {
    let ids: Vec<String> = cause.changes.iter().chain(&cause.trigger).map(|id| code(id)).collect();
    vec![plain(&cause.says), telling::chance(cause.probability), telling::some(ids.into_iter(), MOST_NAMES)]
}

fn budget(incident: &Incident, full: &FullReport, level: usize, page: &mut Page) {
    page.heading(level, "Budget");
    page.paragraph(&plain(&telling::cost(incident)));
    slo::table(&full.objectives, page);
}

fn evidence(incident: &Incident, level: usize, page: &mut Page) {
    page.heading(level, "Evidence");
    if let Some(cause) = incident.causes.first() {
        page.paragraph(&format!("For and against: {}", plain(&cause.says)));
        let rows = |side: &'static str, pieces: &[Evidence]| {
            let row = move |piece: &Evidence| {
                let (factor, times) = (words::factor(piece.factor).to_owned(), telling::times(piece.ln_lr));
                vec![side.to_owned(), factor, plain(&piece.says), times]
            };
            pieces.iter().map(row).collect::<Vec<_>>()
        };
        let rows = rows("for", &cause.supports).into_iter().chain(rows("against", &cause.against));
        page.table(&["", "Kind", "What", "Times as likely"], rows);
    }
    page.list(incident.blind_spots.iter().map(|spot| format!("Blind spot: {}", plain(spot))));
    if !incident.concurrent.is_empty() {
        let ids = telling::some(incident.concurrent.iter().map(|id| code(id)), MOST_NAMES);
        page.paragraph(&format!("At the same time: {ids}."));
    }
    let id = &incident.id;
    let again = [
        format!("authprobe report incidents --incident {id} --format json"),
        format!("authprobe report timeline --incident {id}"),
    ];
    page.list(again.iter().map(|command| code(command)));
    page.ask("links to dashboards, logs and chats.");
}
