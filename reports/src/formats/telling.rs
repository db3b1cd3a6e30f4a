//! The story of an incident in sentences that every page begins with: what failed, when, why, what it cost, what is next.
//!
//! They hold names from outside: the format that shows them makes them harmless.

use std::collections::BTreeSet;

use storage::window::Window;

use super::{MOST_NAMES, words};
use crate::cause::{Cause, Verdict};
use crate::incident::{Incident, Severity, Tag};
use crate::slo::{Judged, Status};
use crate::wording;

/// Probes, or targets, that a sentence names.
const MOST_NAMED: usize = 5;
/// Probability from which another explanation is worth telling.
pub(super) const WORTH_TELLING: f64 = 0.01;

/// What failed and how.
pub(super) fn what(incident: &Incident) -> String {
    let episodes = &incident.episodes;
    let reasons: BTreeSet<&str> = episodes.iter().filter_map(|episode| episode.reason).map(wording::reason).collect();
    let why = if reasons.is_empty() { "no reason was given".to_owned() } else { wording::list(reasons) };
    let (names, several) = failing(incident);
    let verb = match (incident.end.is_some(), several) {
        (true, _) => "failed",
        (false, true) => "fail",
        (false, false) => "fails",
    };
    let failed: u64 = episodes.iter().map(|episode| episode.failed).sum();
    let executed: u64 = episodes.iter().map(|episode| episode.executed).sum();
    format!("{names} {verb} in {failed} of {executed} executions: {why}.")
}

/// The probes that fail, and whether they are several: by name, or by probe and target where there are many.
fn failing(incident: &Incident) -> (String, bool) {
    let paths: BTreeSet<String> = incident.episodes.iter().map(|episode| episode.path()).collect();
    if paths.len() <= MOST_NAMED {
        let several = paths.len() > 1;
        return (wording::list(paths), several);
    }
    let targets: BTreeSet<&str> = incident.episodes.iter().map(|episode| episode.target.as_str()).collect();
    let probes: BTreeSet<&str> = incident.episodes.iter().map(|episode| episode.probe.as_str()).collect();
    let every = paths.len() == targets.len() * probes.len();
    let of = match targets.len() {
        0..=MOST_NAMED => wording::list(targets),
        many => format!("{many} targets"),
    };
    match probes.len() {
        0..=MOST_NAMED if every => (format!("{} of {of}", wording::list(probes)), true),
        _ => (format!("{} probes of {of}", paths.len()), true),
    }
}

/// All incidents of a report in a few sentences: how bad they are, what is known of their causes, and the costliest.
pub(super) fn together(incidents: &[Incident], objectives: &[Judged]) -> String {
    let mut told = Vec::new();
    let severities = [Severity::Security, Severity::Critical, Severity::Major, Severity::Minor];
    let counts = severities.into_iter().filter_map(|severity| {
        let count = incidents.iter().filter(|incident| incident.severity == severity).count();
        (count > 0).then(|| format!("{count} {}", words::severity(severity).to_lowercase()))
    });
    told.push(format!("Severity: {}.", wording::list(counts)));
    let named = incidents.iter().filter(|incident| incident.verdict == Verdict::Change).count();
    told.push(match (named, incidents.len()) {
        (0, _) => "No recorded change explains any of them.".to_owned(),
        (named, all) if named == all => "For each a change is named as its cause.".to_owned(),
        (named, all) => format!("For {named} of {all} a change is named as the cause."),
    });
    let costs = incidents.iter().flat_map(|incident| incident.budget.iter().map(move |cost| (incident, cost)));
    let costs = costs.filter_map(|(incident, cost)| Some((incident, cost, cost.share?)));
    if let Some((incident, cost, share)) = costs.max_by(|(.., a), (.., b)| a.total_cmp(b)) {
        let share = wording::percent(Some(share));
        told.push(format!("The costliest is {}: {share} of the error budget of {}.", incident.id, cost.slo));
    }
    let missed: Vec<&str> =
        objectives.iter().filter(|slo| slo.status == Status::Missed).map(|slo| slo.name.as_str()).collect();
    if !missed.is_empty() {
        let word = if missed.len() == 1 { "Objective" } else { "Objectives" };
        told.push(format!("{word} missed: {}.", some(missed.into_iter().map(str::to_owned), MOST_NAMES)));
    }
    told.join(" ")
}

/// Names in a row, the first of them where there are many.
pub(super) fn some(names: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let more = names.len().saturating_sub(most);
    wording::list(names.take(most).chain((more > 0).then(|| format!("{more} more"))))
}

/// When, and for how long.
pub(super) fn when(incident: &Incident) -> String {
    let began = wording::interval(incident.start);
    let lasted = match (incident.end, incident.durations_s.recover) {
        (Some(end), Some(lasted)) => {
            format!("It began {began} and ended {}, after {} (UTC).", wording::interval(end), wording::seconds(lasted))
        }
        (Some(_) | None, _) => format!("It began {began} (UTC) and has not ended."),
    };
    match incident.durations_s.detect {
        Some(detect) => format!("{lasted} There was enough evidence {} after it began.", wording::seconds(detect)),
        None => lasted,
    }
}

/// What is behind it, with how sure that is.
pub(super) fn why(incident: &Incident) -> String {
    let mark = if incident.verdict == Verdict::None { ';' } else { ':' };
    format!("{}{mark} {}", title(incident), why_alone(incident))
}

/// What is behind it.
pub(super) fn why_alone(incident: &Incident) -> String {
    match (incident.verdict, incident.causes.first()) {
        (Verdict::Change, Some(cause)) => format!("{}.", cause.says),
        (Verdict::None, _) | (Verdict::Change | Verdict::Ambiguous, None) => format!("{}.", incident.background),
        (Verdict::Ambiguous, Some(cause)) => format!("perhaps {}.", cause.says),
    }
}

/// The verdict in a few words.
pub(super) fn title(incident: &Incident) -> String {
    match (incident.verdict, incident.causes.first()) {
        (Verdict::Change, Some(cause)) => {
            format!("{} cause ({})", words::capital(cause.label), chance(cause.probability))
        }
        (Verdict::None, _) | (Verdict::Change, None) => {
            format!("No recorded change explains it ({})", chance(incident.none_probability))
        }
        (Verdict::Ambiguous, Some(cause)) => format!("The cause is open ({} at best)", chance(cause.probability)),
        (Verdict::Ambiguous, None) => "The cause is open".to_owned(),
    }
}

/// How long it took, in a few words.
pub(super) fn lasted(incident: &Incident) -> String {
    incident.durations_s.recover.map_or("not over".to_owned(), wording::seconds)
}

/// What is behind it, in a few words.
pub(super) fn cause(incident: &Incident) -> String {
    match (incident.verdict, incident.causes.first()) {
        (Verdict::Change, Some(cause)) => format!("{}: {} ({})", cause.label, cause.object, chance(cause.probability)),
        (Verdict::Ambiguous, _) => "open".to_owned(),
        (Verdict::None, _) | (Verdict::Change, None) => "no recorded change".to_owned(),
    }
}

/// What it cost objectives.
pub(super) fn cost(incident: &Incident) -> String {
    if incident.budget.is_empty() {
        return "Nothing of an error budget: no objective counts what failed.".to_owned();
    }
    let costs = incident.budget.iter().map(|cost| match cost.share {
        Some(share) => {
            let over = if share > 1.0 { ", more than there is" } else { "" };
            let share = wording::percent(Some(share));
            format!("{share} of the error budget of {}{over} ({})", cost.slo, words::several(cost.events, "bad event"))
        }
        None => format!("{} of {}", words::several(cost.events, "bad event"), cost.slo),
    });
    format!("{}.", wording::list(costs))
}

/// What a reader does next, the most urgent first.
pub(super) fn next(incident: &Incident) -> Vec<String> {
    let mut steps = Vec::new();
    if incident.severity == Severity::Security {
        let since = wording::moment(incident.start.lo);
        steps
            .push(format!("Find out who could have got in since {since}, and close it: this is a matter of security."));
    }
    if incident.end.is_none() {
        steps.push("It is still going on: `authprobe check` shows what fails right now.".to_owned());
    }
    if incident.tags.contains(&Tag::ProberSide) {
        steps.push("Another agent sees the same probes healthy: look at the prober's own network first.".to_owned());
    }
    match (incident.verdict, incident.causes.first()) {
        (Verdict::Change, Some(cause)) => steps.push(of_change(incident, cause)),
        (Verdict::Ambiguous, Some(cause)) => {
            let rivals = incident.causes.iter().skip(1).filter(|cause| cause.probability >= WORTH_TELLING).count();
            let others = match rivals {
                0 => "the chance that it was none of the recorded changes".to_owned(),
                1 => "its one rival".to_owned(),
                more => format!("its {more} rivals"),
            };
            steps.push(format!("Weigh {} against {others}: the evidence is below.", named(cause)));
        }
        (Verdict::None, _) | (Verdict::Change | Verdict::Ambiguous, None) => {
            steps.push(format!("Look beyond the recorded changes: {}.", incident.background));
        }
    }
    if !incident.blind_spots.is_empty() {
        steps.push("Something could not be seen at that time: the blind spots are listed below.".to_owned());
    }
    if incident.confirmed.is_none() {
        let id = &incident.id;
        steps.push(match incident.verdict {
            Verdict::Change => format!(
                "Say whether this is right: `authprobe incidents confirm {id}` or `authprobe incidents reject {id}`."
            ),
            Verdict::None | Verdict::Ambiguous => {
                format!("Once the cause is known, say it: `authprobe incidents confirm {id} --change ID`, or `--none`.")
            }
        });
    }
    steps
}

fn of_change(incident: &Incident, cause: &Cause) -> String {
    let named = named(cause);
    match (&incident.mitigation, incident.end.is_some()) {
        (Some(mitigation), _) => format!(
            "Make sure that the remedy lasts: {} at {} undid {named}.",
            mitigation.change,
            wording::moment(mitigation.at)
        ),
        (None, true) => format!("Look at {named}: nothing undid it, so the same can happen again."),
        (None, false) => format!("Look at {named} first: undo it, or complete it."),
    }
}

/// What was changed, and the ids of the changes.
fn named(cause: &Cause) -> String {
    let ids: Vec<String> = cause.changes.iter().chain(&cause.trigger).cloned().collect();
    let word = if ids.len() == 1 { "change" } else { "changes" };
    format!("{} ({word} {})", cause.object, some(ids.into_iter(), MOST_NAMED))
}

/// A probability as a share of a hundred that never claims certainty.
pub(super) fn chance(probability: f64) -> String {
    match probability * 100.0 {
        percent if percent > 99.0 => "over 99%".to_owned(),
        percent if percent < 1.0 => "under 1%".to_owned(),
        percent => format!("{percent:.0}%"),
    }
}

/// How many times as likely a piece of evidence makes an explanation.
pub(super) fn times(ln_lr: f64) -> String {
    match ln_lr.exp() {
        ratio if ratio >= 10.0 => format!("×{ratio:.0}"),
        ratio if ratio >= 0.1 => format!("×{ratio:.1}"),
        ratio => format!("×{ratio:.3}"),
    }
}

/// Where a stretch begins and ends: times of day where it lies in one.
pub(super) fn ends(window: Window) -> [String; 2] {
    let ends = [window.from, window.until].map(wording::moment);
    let [from, until] = &ends;
    match from.get(..10) == until.get(..10) {
        true => [window.from, window.until].map(wording::clock),
        false => ends.map(|end| end.chars().take(16).collect()),
    }
}

/// A text from outside made harmless and cut to what a page has room for.
pub(super) fn short(text: &str) -> String {
    cut(text, 600)
}

/// A text from outside made harmless and cut to so many characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    let mut shown = wording::harmless(&text.chars().take(most).collect::<String>());
    let more = text.chars().skip(most).count();
    if more > 0 {
        shown.push_str(&format!("… ({more} more characters)"));
    }
    shown
}
