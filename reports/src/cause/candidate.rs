//! The explanations that are weighed: each change alone, and each dormant change with what put it in force.

use jiff::SignedDuration;
use storage::record::{Change, ChangeKind, Known, MountHow, OWN_CREDENTIALS, SecretRole};

use super::Case;
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

/// Every explanation that the recorded changes offer for an incident.
#[must_use]
pub fn candidates<'a>(case: &Case<'a>, model: &Model) -> Vec<Candidate<'a>> {
    let changes: Vec<&Change> = case.input.changes.iter().filter(|change| !is_copy(change, case, model)).collect();
    let mut candidates: Vec<_> = changes.iter().filter_map(|change| alone(change, case, model)).collect();
    let near = |change: &&Change| interval(change).is_some_and(|at| within(case, at, model.search.hours));
    let triggers: Vec<&Change> =
        changes.iter().copied().filter(|change| starts_consumers(change)).filter(near).collect();
    for change in changes.iter().copied().filter(|change| may_lie_dormant(change)) {
        candidates.extend(triggers.iter().filter_map(|trigger| put_in_force(change, trigger, case, model)));
    }
    candidates
}

/// Whether a change is only seen at the prober's own copy of a secret whose change is recorded itself.
/// The copy tells that the secret was rotated; it acts on nobody, so it is no rival to the secret.
fn is_copy(change: &Change, case: &Case<'_>, model: &Model) -> bool {
    let near = |original: &Change| {
        change
            .lo()
            .zip(original.lo())
            .is_some_and(|(copied, changed)| copied.duration_since(changed).as_secs_f64().abs() <= model.search.copy_s)
    };
    let shares = |original: &Change| original.targets.iter().any(|target| change.targets.contains(target));
    change.source == OWN_CREDENTIALS
        && case.input.changes.iter().any(|original| {
            let secret = matches!(original.kind, ChangeKind::Secret | ChangeKind::UpstreamRotation);
            original.source != OWN_CREDENTIALS && secret && near(original) && shares(original)
        })
}

fn alone<'a>(change: &'a Change, case: &Case<'a>, model: &Model) -> Option<Candidate<'a>> {
    let lag = match change.kind {
        ChangeKind::Note | ChangeKind::Maintenance => return None,
        ChangeKind::Secret | ChangeKind::Configmap | ChangeKind::Certificate => renewal(change)?,
        ChangeKind::Rollout | ChangeKind::Restart | ChangeKind::Scale | ChangeKind::Deploy => "rollout",
        ChangeKind::JwksAdd | ChangeKind::JwksReplace | ChangeKind::SigningSwitch => "jwks_switch",
        ChangeKind::JwksRemove => "jwks_remove",
        ChangeKind::ApiKey => "api_key",
        ChangeKind::Rbac => "rbac",
        ChangeKind::Expiry => "expiry",
        ChangeKind::UpstreamRotation => "upstream",
    };
    let at = interval(change)?;
    if !within(case, at, model.search.hours) {
        return None;
    }
    let duration_s = duration(change, model);
    let linked = case.links(change);
    let prior = prior(change, model);
    Some(Candidate {
        changes: vec![change],
        trigger: None,
        at,
        duration_s,
        lag,
        profiles: profiles(change),
        prior,
        linked,
    })
}

/// A change that took effect only when something started its consumers again.
fn put_in_force<'a>(change: &'a Change, trigger: &'a Change, case: &Case<'a>, model: &Model) -> Option<Candidate<'a>> {
    let (changed, at) = (interval(change)?, interval(trigger)?);
    let ended = trigger.until.unwrap_or(at.hi).max(at.hi);
    if ended <= changed.lo || !within(case, changed, model.search.dormant_hours) {
        return None;
    }
    let consumes = consumption(change, trigger, case, model)?;
    let used_up = case.input.changes.iter().any(|earlier| {
        let whole = matches!(earlier.kind, ChangeKind::Rollout | ChangeKind::Deploy) && earlier.id != trigger.id;
        let between = interval(earlier).is_some_and(|earlier| changed.hi < earlier.lo && earlier.hi < at.lo);
        whole && between && workload(earlier) == workload(trigger)
    });
    if used_up {
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
        profiles: profiles(change),
        prior: prior(change, model) * consumes * scale,
        linked: case.links(change) || case.links(trigger),
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
        .filter_map(|mount| match mount.how {
            MountHow::Env | MountHow::Subpath => Some(1.0),
            MountHow::Unknown => Some(model.factor.unknown_mount),
            MountHow::Volume | MountHow::Projected => None,
        })
        .max_by(f64::total_cmp)
}

/// The delay of a mounted object that is renewed while its consumers run; nothing where none of them renews it.
fn renewal(change: &Change) -> Option<&'static str> {
    let how = |wanted: &[MountHow]| change.mounts.iter().any(|mount| wanted.contains(&mount.how));
    if change.mounts.is_empty() || how(&[MountHow::Unknown]) {
        Some("unknown_mount")
    } else if how(&[MountHow::Volume, MountHow::Projected]) {
        Some("volume")
    } else {
        None
    }
}

fn starts_consumers(change: &Change) -> bool {
    matches!(change.kind, ChangeKind::Rollout | ChangeKind::Restart | ChangeKind::Scale | ChangeKind::Deploy)
}

fn may_lie_dormant(change: &Change) -> bool {
    matches!(change.kind, ChangeKind::Secret | ChangeKind::Configmap | ChangeKind::Certificate)
        && change.data_changed != Some(Known::No)
}

fn prior(change: &Change, model: &Model) -> f64 {
    model.prior.get(change.kind.as_str()).copied().unwrap_or(0.0)
}

fn profiles(change: &Change) -> Vec<(&'static str, f64)> {
    match change.kind {
        ChangeKind::Secret | ChangeKind::UpstreamRotation => {
            match change.secret_role.or_else(|| role_by_name(change)) {
                Some(SecretRole::JwtSigning) => vec![("jwt_secret", 1.0)],
                Some(SecretRole::ApiKeys) => vec![("api_key", 1.0)],
                Some(SecretRole::Password) => vec![("password", 1.0)],
                Some(SecretRole::Tls) => vec![("tls", 1.0)],
                Some(SecretRole::Other) => vec![("other", 1.0)],
                None => vec![("jwt_secret", 0.4), ("api_key", 0.2), ("password", 0.2), ("other", 0.2)],
            }
        }
        ChangeKind::Configmap
        | ChangeKind::Rollout
        | ChangeKind::Restart
        | ChangeKind::Scale
        | ChangeKind::Deploy
        | ChangeKind::Maintenance
        | ChangeKind::Note => vec![("rollout", 1.0)],
        ChangeKind::JwksAdd | ChangeKind::JwksReplace | ChangeKind::SigningSwitch => vec![("jwks", 1.0)],
        ChangeKind::JwksRemove => vec![("jwks_remove", 1.0)],
        ChangeKind::ApiKey => vec![("api_key", 1.0)],
        ChangeKind::Rbac => vec![("rbac", 1.0)],
        ChangeKind::Certificate => vec![("tls", 1.0)],
        ChangeKind::Expiry => vec![("expiry", 1.0)],
    }
}

/// What a secret is for, where only its name tells.
fn role_by_name(change: &Change) -> Option<SecretRole> {
    let name = format!("{} {}", change.object, change.keys.join(" ")).to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["jwt", "signing", "hs256", "jwks"]) {
        Some(SecretRole::JwtSigning)
    } else if has(&["api-key", "api_key", "apikey"]) {
        Some(SecretRole::ApiKeys)
    } else if has(&["tls", "cert"]) {
        Some(SecretRole::Tls)
    } else if has(&["password", "passwd", "database", "postgres"]) {
        Some(SecretRole::Password)
    } else {
        None
    }
}

fn workload(change: &Change) -> &str {
    change.workload.as_deref().unwrap_or(&change.object)
}

/// When a change happened, as far as is known.
#[must_use]
pub fn interval(change: &Change) -> Option<Interval> {
    let (lo, hi) = change.lo().zip(change.hi())?;
    Some(Interval { lo, hi: hi.max(lo) })
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

/// Whether a change lies at most so many hours before the onset, and not behind it by more than a delay can reach back.
fn within(case: &Case<'_>, at: Interval, hours: f64) -> bool {
    let back = SignedDuration::try_from_secs_f64(hours * 3600.0).unwrap_or(SignedDuration::MAX);
    let reach_back = SignedDuration::from_hours(1);
    at.hi >= shift(case.start.lo, -back) && at.lo <= shift(case.start.hi, reach_back)
}
