//! Recorded changes as items, each with the part that it plays in incidents.

use std::collections::BTreeMap;

use jiff::Timestamp;
use storage::record::{Change, ChangeKind, Known};
use storage::window::Window;

use super::order::Place;
use super::{Item, Kind, Part, Placed, Role, SourceKind, source};
use crate::cause::Verdict;
use crate::cause::index::interval;
use crate::incident::Incident;
use crate::interval::Interval;
use crate::wording;

/// Probability from which an explanation that is not named is told as a contribution.
const CONTRIBUTES: f64 = 0.05;

/// The parts that each change plays, by id.
pub(super) fn parts(incidents: &[Incident]) -> BTreeMap<&str, Part> {
    let mut parts: BTreeMap<&str, Part> = BTreeMap::new();
    for incident in incidents {
        for (id, role) in played(incident) {
            let part = parts.entry(id).or_insert_with(|| Part { role, incidents: Vec::new() });
            part.role = part.role.min(role);
            if !part.incidents.contains(&incident.id) {
                part.incidents.push(incident.id.clone());
            }
        }
    }
    parts
}

/// When the changes that may be behind an incident were made, as far as they were made by a moment.
pub(super) fn causes<'a>(incident: &'a Incident, made: &'a BTreeMap<&str, Timestamp>) -> Vec<Timestamp> {
    let behind = played(incident).into_iter().filter(|(_, role)| matches!(role, Role::Trigger | Role::Contributing));
    behind.filter_map(|(id, _)| made.get(id).copied()).collect()
}

/// Which change plays which part in an incident; one may be told more than once.
fn played(incident: &Incident) -> Vec<(&str, Role)> {
    let mut played = Vec::new();
    for (rank, cause) in incident.causes.iter().enumerate() {
        let named = rank == 0 && incident.verdict == Verdict::Change;
        let role = match (named, &cause.trigger, cause.probability >= CONTRIBUTES) {
            (true, None, _) => Role::Trigger,
            (true, Some(_), _) | (false, _, true) => Role::Contributing,
            (false, _, false) => Role::Context,
        };
        played.extend(cause.changes.iter().map(|id| (id.as_str(), role)));
        if let Some(trigger) = &cause.trigger {
            played.push((trigger.as_str(), if named { Role::Trigger } else { role }));
        }
    }
    if let Some(mitigation) = &incident.mitigation {
        played.push((mitigation.change.as_str(), Role::Mitigation));
    }
    played
}

/// The changes of a window as items. Of those that have nothing to do with any incident the latest, no more than `most`,
/// and how many are left out.
pub(super) fn items(
    changes: &[Change],
    parts: &BTreeMap<&str, Part>,
    incidents: &[Incident],
    window: Window,
    most: usize,
) -> (Vec<Placed>, usize) {
    let (mut items, mut unrelated) = (Vec::new(), 0_usize);
    for change in changes.iter().rev() {
        let Some(at) = interval(change) else { continue };
        let ended = change.until.map_or(at.hi, |until| until.max(at.hi));
        if at.lo >= window.until || ended < window.from {
            continue;
        }
        let part = parts.get(change.id.as_str());
        let role = part.map(|part| part.role).unwrap_or_else(|| {
            let near =
                incidents.iter().any(|incident| super::near(incident, at.lo, ended) && concerns(change, incident));
            if near { Role::Context } else { Role::Unrelated }
        });
        if role == Role::Unrelated {
            unrelated += 1;
        }
        if role != Role::Unrelated || unrelated <= most {
            items.push(item(change, at, ended, role, part));
        }
    }
    items.reverse();
    (items, unrelated.saturating_sub(most))
}

fn item(change: &Change, at: Interval, ended: Timestamp, role: Role, part: Option<&Part>) -> Placed {
    let kind = match change.kind {
        ChangeKind::Maintenance => Kind::Maintenance,
        ChangeKind::Note => Kind::Note,
        ChangeKind::Expiry => Kind::Expiry,
        ChangeKind::Secret
        | ChangeKind::Configmap
        | ChangeKind::Rollout
        | ChangeKind::Restart
        | ChangeKind::Scale
        | ChangeKind::JwksAdd
        | ChangeKind::JwksRemove
        | ChangeKind::JwksReplace
        | ChangeKind::SigningSwitch
        | ChangeKind::ApiKey
        | ChangeKind::Rbac
        | ChangeKind::Certificate
        | ChangeKind::Deploy
        | ChangeKind::UpstreamRotation => Kind::Change,
    };
    let mut evidence = vec![source(SourceKind::Change, &change.id)];
    evidence.extend(part.into_iter().flat_map(|part| &part.incidents).map(|id| source(SourceKind::Incident, id)));
    let item = Item {
        at,
        known_at: change.known_at.unwrap_or(at.hi),
        kind,
        role,
        title: wording::change(change),
        detail: detail(change),
        target: if let [target] = change.targets.as_slice() { Some(target.clone()) } else { None },
        evidence,
    };
    let place = match role {
        Role::Contributing => Place::Ground,
        Role::Trigger => Place::Trigger,
        Role::Mitigation => Place::Mitigation,
        Role::Symptom | Role::Context | Role::Unrelated => Place::Beside,
    };
    Placed { place, until: ended, ..Placed::from(item) }
}

/// Whether a change is about a target of an incident. What people say or plan without a target is about all of them.
fn concerns(change: &Change, incident: &Incident) -> bool {
    let of_all = change.targets.is_empty() && matches!(change.kind, ChangeKind::Note | ChangeKind::Maintenance);
    of_all || change.targets.iter().any(|target| incident.targets().contains(target.as_str()))
}

fn detail(change: &Change) -> String {
    let mut parts = Vec::new();
    match change.data_changed {
        Some(Known::No) => parts.push("content unchanged".to_owned()),
        Some(Known::Yes) | Some(Known::Unknown) | None if !change.keys.is_empty() => {
            parts.push(format!("keys {}", wording::list(change.keys.iter().cloned())));
        }
        Some(Known::Yes | Known::Unknown) | None => {}
    }
    if let Some(until) = change.until {
        parts.push(format!("until {}", wording::moment(until)));
    }
    if let Some(actor) = &change.actor {
        parts.push(format!("by {actor}"));
    }
    if let Some(undone) = &change.reverts {
        parts.push(format!("undoes {undone}"));
    }
    parts.join("; ")
}
