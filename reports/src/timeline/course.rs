//! The course of an incident as items: when each probe failed and was well again, when it was noticed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use storage::window::Window;

use super::changes::causes;
use super::order::{Place, not_before};
use super::{Item, Kind, Placed, Role, Source, SourceKind, source};
use crate::episode::Episode;
use crate::incident::Incident;
use crate::input::{Input, after};
use crate::interval::Interval;
use crate::series::{Piece, Sample, Series};
use crate::wording;

/// What happened in an incident. `made` are the moments of the changes by id.
pub(super) fn items(incident: &Incident, input: &Input, made: &BTreeMap<&str, Timestamp>) -> Vec<Placed> {
    let causes = causes(incident, made);
    let mitigated = incident.mitigation.as_ref().and_then(|mitigation| made.get(mitigation.change.as_str()).copied());
    let mut items = Vec::new();
    let mut noticed = Timestamp::MAX;
    for episode in &incident.episodes {
        let series = input.find(&episode.target, &episode.probe, &episode.agent);
        let began = not_before(episode.start, &causes);
        noticed = noticed.min(began);
        items.push(Placed { from: began, ..onset(incident, episode, series) });
        if let Some(end) = episode.end {
            let before: Vec<Timestamp> = mitigated.into_iter().chain([began]).collect();
            items.push(Placed { from: not_before(end, &before), ..recovery(incident, episode, end, series) });
        }
    }
    let target = match incident.targets().into_iter().collect::<Vec<_>>().as_slice() {
        [target] => Some((*target).to_owned()),
        _ => None,
    };
    let told = |at: Timestamp, kind, title: String, detail: String| Item {
        at: Interval::at(at),
        known_at: at,
        kind,
        role: Role::Symptom,
        title,
        detail,
        target: target.clone(),
        evidence: vec![source(SourceKind::Incident, &incident.id)],
    };
    let detected = told(
        incident.detected_at,
        Kind::Alert,
        format!("incident {} detected", incident.id),
        format!("failing since {}", wording::interval(incident.start)),
    );
    items.push(Placed {
        from: incident.detected_at.max(noticed),
        place: Place::Alarm,
        until: lasted(incident),
        ..Placed::from(detected)
    });
    if let Some((end, closed)) = incident.end.zip(incident.closed_at) {
        let lasted = incident
            .durations_s
            .recover
            .map_or(String::new(), |lasted| format!(", after {}", wording::seconds(lasted)));
        let detail = format!("well again since {}{lasted}", wording::interval(end));
        let over = told(closed, Kind::Recovery, format!("incident {} over", incident.id), detail);
        items.push(Placed { place: Place::Over, ..Placed::from(over) });
    }
    items
}

/// An incident that lasts at the same time as the one that is asked for, in one item.
pub(super) fn beside(other: &Incident, incident: &Incident) -> Placed {
    let targets = wording::list(other.targets());
    let until = other.end.map_or("not over yet".to_owned(), |end| format!("until {}", wording::interval(end)));
    let item = Item {
        at: other.start,
        known_at: other.detected_at,
        kind: Kind::Alert,
        role: Role::Context,
        title: format!("incident {} of {targets} lasts at the same time", other.id),
        detail: until,
        target: None,
        evidence: [other, incident].map(|incident| source(SourceKind::Incident, &incident.id)).into(),
    };
    Placed { place: Place::Alarm, until: lasted(other), ..Placed::from(item) }
}

fn onset(incident: &Incident, episode: &Episode, series: Option<&Series>) -> Placed {
    let again = match episode.segments {
        0 | 1 => String::new(),
        2 => "; it came back once".to_owned(),
        more => format!("; it came back {} times", more - 1),
    };
    let provisional = if episode.provisional { "; the start may still be seen more exactly" } else { "" };
    let first = series.and_then(|series| first_failure(series, episode));
    let item = Item {
        at: episode.start,
        known_at: episode.open_at.unwrap_or(episode.suspect_at),
        kind: Kind::ProbeTransition,
        role: Role::Symptom,
        title: format!("{} begins to fail: {}", episode.path(), wording::reason_word(episode.reason)),
        detail: format!(
            "{}; {} of {} executions failed{again}{provisional}",
            episode.reason.map_or("no reason given", wording::reason),
            episode.failed,
            episode.executed
        ),
        target: Some(episode.target.clone()),
        evidence: evidence(incident, episode, first),
    };
    Placed { place: Place::Onset, until: episode.until(), ..Placed::from(item) }
}

fn recovery(incident: &Incident, episode: &Episode, end: Interval, series: Option<&Series>) -> Placed {
    let item = Item {
        at: end,
        known_at: episode.closed_at.unwrap_or(end.hi),
        kind: Kind::Recovery,
        role: Role::Symptom,
        title: format!("{} recovers", episode.path()),
        detail: String::new(),
        target: Some(episode.target.clone()),
        evidence: evidence(incident, episode, series.and_then(|series| first_success(series, end))),
    };
    Placed { place: Place::End, ..Placed::from(item) }
}

/// The series, the result that shows it where there is one, and the incident.
fn evidence(incident: &Incident, episode: &Episode, result: Option<Timestamp>) -> Vec<Source> {
    let series = format!("{}@{}", episode.path(), episode.agent);
    let result = result.map(|time| source(SourceKind::Result, &format!("{series} {time}")));
    let incident = source(SourceKind::Incident, &incident.id);
    [source(SourceKind::Series, &series)].into_iter().chain(result).chain([incident]).collect()
}

fn first_failure(series: &Series, episode: &Episode) -> Option<Timestamp> {
    let span = Window { from: episode.start.lo, until: after(episode.until(), 1) };
    series.singles(span).find(|sample| sample.failed()).map(|sample| sample.time)
}

/// The success that ended a failing stretch: the last one inside of the interval.
fn first_success(series: &Series, end: Interval) -> Option<Timestamp> {
    let span = Window { from: end.lo, until: after(end.hi, 1) };
    let well = |sample: &Sample| sample.executed() && !sample.failed();
    let pieces = series.pieces.get(series.range(span)).unwrap_or_default().iter().rev();
    pieces
        .filter_map(|piece| match piece {
            Piece::Single(sample) => well(sample).then_some(sample.time),
            Piece::Quiet(quiet) => Some(quiet.first),
        })
        .find(|time| span.contains(*time))
}

fn lasted(incident: &Incident) -> Timestamp {
    incident.end.map_or(Timestamp::MAX, |end| end.hi)
}
