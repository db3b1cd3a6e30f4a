//! What happened in what order, with what was known when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use storage::record::{Change, ChangeKind, Known};
use storage::window::Window;

use crate::alerts::Firing;
use crate::cause::Verdict;
use crate::incident::Incident;
use crate::input::Input;
use crate::interval::Interval;
use crate::settings::Settings;
use crate::wording;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Item {
    /// When it happened.
    pub at: Interval,
    /// When authprobe learned of it.
    pub known_at: Timestamp,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What part it plays.
    pub role: Role,
    /// A few words.
    pub title: String,
    /// A sentence, or nothing.
    pub detail: String,
    /// The target that it is about.
    pub target: Option<String>,
    /// Where it comes from.
    pub evidence: Vec<Source>,
}

/// Where an item comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Source {
    /// What it is.
    #[serde(rename = "type")]
    pub of: SourceKind,
    /// Its name.
    #[serde(rename = "ref")]
    pub name: String,
}

/// What an item can come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// The results of one probe: `target/probe@agent`.
    Series,
    /// A recorded change: its id.
    Change,
    /// A feed: its name.
    Feed,
    /// An objective: its name.
    Slo,
    /// An incident: its id.
    Incident,
}

/// Kinds of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something was altered.
    Change,
    /// Something reached its end.
    Expiry,
    /// Planned work.
    Maintenance,
    /// A feed was blind.
    Gap,
    /// A probe began to fail.
    ProbeTransition,
    /// An alert or a detection.
    Alert,
    /// A probe or an incident recovered.
    Recovery,
    /// A remark.
    Note,
}

/// Parts that an item can play. Their order is the order of items at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Set an incident off.
    Trigger,
    /// Helped to bring it about.
    Contributing,
    /// Shows it.
    Symptom,
    /// Ended it.
    Mitigation,
    /// Good to know.
    Context,
    /// Belongs to no incident.
    Unrelated,
}

/// Everything that happened in a window, the earliest first. `firings` are burn-rate pages by objective.
#[must_use]
pub fn items(
    input: &Input,
    settings: &Settings,
    incidents: &[Incident],
    firings: &[(String, Firing)],
    window: Window,
) -> Vec<Item> {
    let roles = roles(incidents);
    let mut items: Vec<Item> = input.changes.iter().filter_map(|change| of_change(change, &roles, incidents)).collect();
    for incident in incidents {
        of_incident(incident, &mut items);
    }
    items.extend(input.gaps.iter().map(|gap| {
        let role =
            if incidents.iter().any(|incident| near(incident, gap.from)) { Role::Context } else { Role::Unrelated };
        Item {
            at: Interval::at(gap.from),
            known_at: gap.until,
            kind: Kind::Gap,
            role,
            title: format!("{} was blind for {}", gap.feed, wording::duration(gap.until.duration_since(gap.from))),
            detail: gap.why.clone(),
            target: None,
            evidence: vec![source(SourceKind::Feed, &gap.feed)],
        }
    }));
    for correction in &settings.corrections {
        let concerned = match correction.targets.is_empty() {
            true => "every target".to_owned(),
            false => wording::list(correction.targets.iter().cloned()),
        };
        let made = correction.created_at.map_or(correction.from, |made| made);
        items.push(Item {
            at: Interval::at(correction.from),
            known_at: made,
            kind: Kind::Maintenance,
            role: Role::Context,
            title: format!("{} until {}", correction.category, wording::moment(correction.until)),
            detail: format!("{}; not counted for {concerned}", correction.reason).trim_start_matches("; ").to_owned(),
            target: if let [target] = correction.targets.as_slice() { Some(target.clone()) } else { None },
            evidence: Vec::new(),
        });
    }
    for (slo, firing) in firings {
        let told = |at, kind, title, detail: String| Item {
            at: Interval::at(at),
            known_at: at,
            kind,
            role: Role::Symptom,
            title,
            detail,
            target: None,
            evidence: vec![source(SourceKind::Slo, slo)],
        };
        let detail = format!("burns {:.1} times as fast as the budget allows, over {}", firing.burn, firing.long);
        items.push(told(firing.from, Kind::Alert, format!("objective {slo}: page fires"), detail));
        if let Some(until) = firing.until {
            items.push(told(until, Kind::Recovery, format!("objective {slo}: page ends"), String::new()));
        }
    }
    items.retain(|item| item.at.lo < window.until && item.at.hi >= window.from);
    items.sort_by(|a, b| {
        let key = |item: &Item| (item.at.lo, item.role, item.kind, item.at.hi, item.title.clone(), item.detail.clone());
        key(a).cmp(&key(b))
    });
    items
}

/// What part each change plays, by id.
fn roles(incidents: &[Incident]) -> BTreeMap<&str, Role> {
    let mut roles = BTreeMap::new();
    let mut play = |id, role: Role| {
        let played = roles.entry(id).or_insert(role);
        *played = role.min(*played);
    };
    for incident in incidents {
        for (rank, cause) in incident.causes.iter().enumerate() {
            let named = rank == 0 && incident.verdict == Verdict::Change;
            let role = match (named, &cause.trigger, cause.probability >= 0.05) {
                (true, None, _) => Role::Trigger,
                (true, Some(_), _) | (false, _, true) => Role::Contributing,
                (false, _, false) => Role::Context,
            };
            for id in &cause.changes {
                play(id.as_str(), role);
            }
            if let Some(trigger) = &cause.trigger {
                play(trigger.as_str(), if named { Role::Trigger } else { role });
            }
        }
        if let Some(mitigation) = &incident.mitigation {
            play(mitigation.change.as_str(), Role::Mitigation);
        }
    }
    roles
}

fn of_change(change: &Change, roles: &BTreeMap<&str, Role>, incidents: &[Incident]) -> Option<Item> {
    let (lo, hi) = change.lo().zip(change.hi())?;
    let touches =
        |incident: &Incident| change.targets.iter().any(|target| incident.targets().contains(target.as_str()));
    let role = roles.get(change.id.as_str()).copied().unwrap_or_else(|| {
        if incidents.iter().any(|incident| touches(incident) && near(incident, lo)) {
            Role::Context
        } else {
            Role::Unrelated
        }
    });
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
    Some(Item {
        at: Interval { lo, hi: hi.max(lo) },
        known_at: change.known_at.unwrap_or(hi),
        kind,
        role,
        title: wording::change(change),
        detail: change_detail(change),
        target: if let [target] = change.targets.as_slice() { Some(target.clone()) } else { None },
        evidence: vec![source(SourceKind::Change, &change.id)],
    })
}

fn change_detail(change: &Change) -> String {
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

fn of_incident(incident: &Incident, items: &mut Vec<Item>) {
    let evidence = |name: &str| vec![source(SourceKind::Incident, name)];
    for episode in &incident.episodes {
        let series = source(SourceKind::Series, &format!("{}@{}", episode.path(), episode.agent));
        items.push(Item {
            at: episode.start,
            known_at: episode.open_at.unwrap_or(episode.suspect_at),
            kind: Kind::ProbeTransition,
            role: Role::Symptom,
            title: format!("{} begins to fail: {}", episode.path(), wording::reason_word(episode.reason)),
            detail: format!(
                "{}; {} of {} executions failed",
                episode.reason.map_or("no reason given", wording::reason),
                episode.failed,
                episode.executed
            ),
            target: Some(episode.target.clone()),
            evidence: vec![series.clone()],
        });
        if let Some(end) = episode.end {
            items.push(Item {
                at: end,
                known_at: episode.closed_at.unwrap_or(end.hi),
                kind: Kind::Recovery,
                role: Role::Symptom,
                title: format!("{} recovers", episode.path()),
                detail: String::new(),
                target: Some(episode.target.clone()),
                evidence: vec![series],
            });
        }
    }
    items.push(Item {
        at: Interval::at(incident.detected_at),
        known_at: incident.detected_at,
        kind: Kind::Alert,
        role: Role::Symptom,
        title: format!("incident {} detected", incident.id),
        detail: format!("failing since {}", wording::interval(incident.start)),
        target: if let [target] = incident.targets().into_iter().collect::<Vec<_>>().as_slice() {
            Some((*target).to_owned())
        } else {
            None
        },
        evidence: evidence(&incident.id),
    });
}

/// Whether a moment lies in an incident or in the hours before it.
fn near(incident: &Incident, at: Timestamp) -> bool {
    let from = crate::input::shift(incident.start.lo, -jiff::SignedDuration::from_hours(6));
    from <= at && at < incident.window().until
}

fn source(of: SourceKind, name: &str) -> Source {
    Source { of, name: name.to_owned() }
}
