//! The sentences in which an explanation and its evidence are told.

use std::collections::BTreeSet;

use storage::record::Change;

use super::candidate::Candidate;
use super::case::Case;
use super::index::interval;
use super::lag;
use super::model::Model;
use crate::wording;

/// What a candidate says happened: the changes with their times, and what put them in force.
pub(super) fn candidate(candidate: &Candidate<'_>) -> String {
    let told = |change: &&Change| {
        let at = interval(change).map_or_else(|| "at an unknown time".to_owned(), wording::interval);
        format!("{} at {at} ({})", wording::change(change), change.id)
    };
    let changes = wording::list(candidate.changes.iter().map(told));
    match &candidate.trigger {
        Some(trigger) => format!("{changes}, dormant until {}", told(trigger)),
        None => changes,
    }
}

/// How the delay fits.
pub(super) fn timing(candidate: &Candidate<'_>, case: &Case<'_>, model: &Model) -> String {
    let what = match candidate.trigger {
        Some(trigger) => format!("{} put it in force", trigger.kind),
        None => "it".to_owned(),
    };
    let lo = case.start.lo.duration_since(candidate.at.hi).as_secs_f64();
    let hi = case.start.hi.duration_since(candidate.at.lo).as_secs_f64();
    let Some(parts) = model.lag.get(candidate.lag) else { return String::new() };
    let usual = wording::seconds(lag::ninety(parts, candidate.duration_s));
    if hi < 0.0 {
        return format!("failures began {} before {what}", wording::seconds(-hi));
    }
    format!(
        "failures began {} after {what}; nine in ten such effects begin within {usual}",
        wording::seconds_range(lo.max(0.0), hi)
    )
}

/// What fails and what does not.
pub(super) fn class(case: &Case<'_>) -> String {
    let failing: BTreeSet<(&str, &str)> =
        case.failing.iter().map(|episode| (episode.probe.as_str(), wording::reason_word(episode.reason))).collect();
    let fails = wording::list(failing.iter().map(|(probe, reason)| format!("{probe} ({reason})")));
    match case.healthy.is_empty() {
        true => format!("failing: {fails}; no other probe is healthy"),
        false => format!(
            "failing: {fails}; healthy: {}",
            wording::list(case.healthy.iter().map(|path| path.rsplit('/').next().unwrap_or(path)))
        ),
    }
}

/// A probability in a word.
pub(super) fn label(probability: f64) -> &'static str {
    match probability {
        p if p >= 0.95 => "very likely",
        p if p >= 0.80 => "likely",
        p if p >= super::NAMED => "possible",
        _ => "unlikely",
    }
}
