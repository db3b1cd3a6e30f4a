//! Burn-rate alerts of objectives as items: when one fired and when it ended.

use globset::GlobMatcher;

use super::order::Place;
use super::{Item, Kind, Placed, Role, SourceKind, source};
use crate::alerts::Severity;
use crate::alerts::history::Firing;
use crate::incident::Incident;
use crate::interval::Interval;
use crate::settings::Slo;

/// What an alert of an objective comes to.
pub(super) fn items(slo: &Slo, firing: &Firing, incidents: &[Incident]) -> Vec<Placed> {
    let globs = slo.matchers();
    let behind: Vec<&Incident> = incidents.iter().filter(|incident| set_off(incident, firing, &globs)).collect();
    let role = if behind.is_empty() { Role::Unrelated } else { Role::Symptom };
    let evidence: Vec<_> = [source(SourceKind::Slo, &slo.name)]
        .into_iter()
        .chain(behind.iter().map(|incident| source(SourceKind::Incident, &incident.id)))
        .collect();
    let told = |at, kind, title, detail: String| Item {
        at: Interval::at(at),
        known_at: at,
        kind,
        role,
        title,
        detail,
        target: None,
        evidence: evidence.clone(),
    };
    let urgency = match firing.severity {
        Severity::Page => "page",
        Severity::Ticket => "ticket",
    };
    let detail = format!("burns {:.1} times as fast as the budget allows, over {}", firing.burn, firing.long);
    let fired = told(firing.from, Kind::Alert, format!("objective {}: {urgency} fires", slo.name), detail);
    let until = firing.until.unwrap_or(jiff::Timestamp::MAX);
    let mut items = vec![Placed { place: Place::Alarm, until, ..Placed::from(fired) }];
    // A ticket is closed by whoever looked into it, a page by itself.
    if let (Severity::Page, Some(until)) = (firing.severity, firing.until) {
        let ended = told(until, Kind::Recovery, format!("objective {}: page ends", slo.name), String::new());
        items.push(Placed { place: Place::Over, ..Placed::from(ended) });
    }
    items
}

/// Whether an incident that was going on when an alert fired is about probes of its objective.
fn set_off(incident: &Incident, firing: &Firing, globs: &[GlobMatcher]) -> bool {
    let going_on = incident.start.lo <= firing.from && firing.from < incident.window().until;
    going_on && incident.episodes.iter().any(|episode| globs.iter().any(|glob| glob.is_match(episode.path())))
}
