//! The explanations that are weighed: each change alone, and each dormant change with what put it in force.

use jiff::SignedDuration;
use storage::record::{Change, ChangeKind, Known, MountHow, OWN_CREDENTIALS};

use super::case::Case;
use super::index::{interval, workload};
use super::kinds;
use super::model::Model;
use crate::input::shift;
use crate::interval::Interval;

/// One possible explanation.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The changes that are held responsible.
    pub changes: Vec<&'a Change>,
    /// What put a dormant change in force.
    pub trigger: Option<&'a Change>,
    /// When it came into force.
    pub at: Interval,
    /// How long that took, in seconds.
    pub duration_s: f64,
    /// Name of its delay in the model.
    pub lag: &'static str,
    /// Names of its patterns in the model, with their shares.
    pub profiles: Vec<(&'static str, f64)>,
    /// Chance that it breaks what depends on it, before anything is known of the incident.
    pub prior: f64,
    /// Whether it is linked to a target of the incident.
    pub linked: bool,
}

/// How far behind the onset a change is still looked at: a delay can reach back by less.
const REACH_BACK: SignedDuration = SignedDuration::from_hours(1);

impl<'a> Candidate<'a> {
    /// The change that is named first.
    #[must_use]
    pub fn change(&self) -> Option<&'a Change> {
        self.changes.first().copied()
    }

    /// What happened last of it: the trigger, or the change itself.
    #[must_use]
    pub fn last(&self) -> Option<&'a Change> {
        self.trigger.or_else(|| self.change())
    }

    /// Whether it is linked to one of the failing targets.
    #[must_use]
    pub fn covers(&self, target: &str) -> bool {
        let linked = |change: &Change| change.targets.iter().any(|linked| linked == target);
        self.changes.iter().copied().chain(self.trigger).any(linked)
    }
}

/// Most restarts and rollouts, the last before the onset, that may have put a dormant change in force.
pub const MOST_TRIGGERS: usize = 256;

/// Every explanation that the recorded changes offer for an incident, and how many restarts and rollouts were too many
/// to be weighed together with dormant changes.
#[must_use]
pub fn candidates<'a>(case: &Case<'a>, model: &Model) -> (Vec<Candidate<'a>>, usize) {
    let from = shift(case.start.lo, -hours(model.search.hours));
    let near: Vec<&Change> = case
        .index
        .between(from, shift(case.start.hi, REACH_BACK))
        .filter(|change| interval(change).is_some_and(|at| at.hi >= from))
        .filter(|change| !is_copy(change, case, model))
        .collect();
    let mut candidates: Vec<_> = near.iter().filter_map(|change| alone(change, case, model)).collect();
    candidates.extend(near.iter().filter_map(|change| leak(change, case, model)));
    let begun = |change: &&Change| change.lo().is_some_and(|lo| lo <= case.start.hi);
    let triggers: Vec<&Change> = near.iter().copied().filter(|change| starts_consumers(change)).filter(begun).collect();
    let too_many = triggers.len().saturating_sub(MOST_TRIGGERS);
    for trigger in triggers.into_iter().skip(too_many) {
        let waiting = case.index.waiting_for(trigger).into_iter().filter(|change| !is_copy(change, case, model));
        candidates.extend(waiting.filter_map(|change| put_in_force(change, trigger, case, model)));
    }
    (candidates, too_many)
}

/// Whether a change is only seen at the prober's own copy of a secret whose change is recorded itself.
/// The copy tells that the secret was rotated; it acts on nobody, so it is no rival to the secret.
fn is_copy(change: &Change, case: &Case<'_>, model: &Model) -> bool {
    if change.source != OWN_CREDENTIALS {
        return false;
    }
    let Some(at) = interval(change) else { return false };
    let near = SignedDuration::try_from_secs_f64(model.search.copy_s).unwrap_or(SignedDuration::ZERO);
    let mut around = case.index.between(shift(at.lo, -near), shift(at.lo, near));
    around.any(|original| {
        let secret = matches!(original.kind, ChangeKind::Secret | ChangeKind::UpstreamRotation);
        let shares = original.targets.iter().any(|target| change.targets.contains(target));
        let soon = original.lo().is_some_and(|lo| lo >= shift(at.lo, -near));
        original.source != OWN_CREDENTIALS && secret && shares && soon
    })
}

fn alone<'a>(change: &'a Change, case: &Case<'a>, model: &Model) -> Option<Candidate<'a>> {
    Some(Candidate {
        changes: vec![change],
        trigger: None,
        at: interval(change)?,
        duration_s: duration(change, model),
        lag: kinds::lag(change)?,
        profiles: kinds::profiles(change),
        prior: kinds::prior(change, model),
        linked: case.links(change),
    })
}

/// A rollout that uses something up until nothing is left.
fn leak<'a>(change: &'a Change, case: &Case<'a>, model: &Model) -> Option<Candidate<'a>> {
    let rollout = alone(change, case, model).filter(|_| change.kind == ChangeKind::Rollout)?;
    let prior = rollout.prior * model.leak.share;
    Some(Candidate { lag: "leak", profiles: vec![("leak", 1.0)], prior, ..rollout })
}

/// A change that took effect only when something started its consumers again.
fn put_in_force<'a>(change: &'a Change, trigger: &'a Change, case: &Case<'a>, model: &Model) -> Option<Candidate<'a>> {
    let linked = case.links(change) || case.links(trigger);
    let (changed, at) = (interval(change)?, interval(trigger)?);
    let ended = trigger.until.unwrap_or(at.hi).max(at.hi);
    let oldest = shift(case.start.lo, -hours(model.search.dormant_hours));
    if !linked || ended <= changed.lo || changed.hi < oldest {
        return None;
    }
    let consumes = consumption(change, trigger, case, model)?;
    if case.index.replaced_between(trigger, changed.hi, at.lo) {
        return None;
    }
    let scale = if trigger.kind == ChangeKind::Scale { model.factor.scale } else { 1.0 };
    // Pods that start before the change still read the old value: it counts from the later of the two.
    let at = Interval { lo: at.lo.max(changed.lo), hi: at.hi.max(changed.hi) };
    let duration_s = match trigger.until {
        Some(until) => until.duration_since(at.lo).as_secs_f64().max(0.0),
        None => duration(trigger, model),
    };
    Some(Candidate {
        changes: vec![change],
        trigger: Some(trigger),
        at,
        duration_s,
        lag: "activation",
        profiles: kinds::profiles(change),
        prior: kinds::prior(change, model) * consumes * scale,
        linked,
    })
}

/// How sure it is that a trigger makes its workload read the changed object again; nothing where it does not.
fn consumption(change: &Change, trigger: &Change, case: &Case<'_>, model: &Model) -> Option<f64> {
    if trigger.secret_refs.contains(&change.object) {
        return Some(1.0);
    }
    if change.mounts.is_empty() {
        let known = change.kind == ChangeKind::Secret || change.kind == ChangeKind::Configmap;
        return (known && case.links(change) && case.links(trigger)).then_some(model.factor.unknown_mount);
    }
    let started = workload(trigger);
    change
        .mounts
        .iter()
        .filter(|mount| mount.workload == started || (trigger.kind == ChangeKind::Deploy && case.links(trigger)))
        .map(|mount| match mount.how {
            MountHow::Env | MountHow::Subpath => 1.0,
            MountHow::Unknown => model.factor.unknown_mount,
            MountHow::Volume | MountHow::Projected => model.factor.read_at_start,
        })
        .max_by(f64::total_cmp)
}

/// Whether a change starts processes that read their secrets and configuration anew.
#[must_use]
pub fn starts_consumers(change: &Change) -> bool {
    matches!(change.kind, ChangeKind::Rollout | ChangeKind::Restart | ChangeKind::Scale | ChangeKind::Deploy)
}

/// Whether a change waits for its consumers to be started again: none of them renews what it has read.
#[must_use]
pub fn waits(change: &Change) -> bool {
    matches!(change.kind, ChangeKind::Secret | ChangeKind::Configmap)
        && change.data_changed != Some(Known::No)
        && kinds::lag(change).is_none()
}

/// How long a change took, in seconds.
fn duration(change: &Change, model: &Model) -> f64 {
    let runs = matches!(change.kind, ChangeKind::Rollout | ChangeKind::Deploy);
    match change.until.zip(change.lo()) {
        Some((until, from)) => until.duration_since(from).as_secs_f64().max(0.0),
        None if runs => model.search.open_rollout_s,
        None => 0.0,
    }
}

fn hours(hours: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(hours * 3600.0).unwrap_or(SignedDuration::MAX)
}
