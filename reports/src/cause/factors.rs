//! What speaks for and against an explanation beyond its time and the pattern of the probes.

use jiff::SignedDuration;
use serde::Serialize;
use storage::record::{Change, ChangeKind, Known, SecretRole};
use storage::window::Window;

use super::Case;
use super::candidate::{Candidate, interval};
use super::model::Model;
use crate::input::shift;
use crate::series::Sample;

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// What kind of evidence it is.
    pub factor: Factor,
    /// One sentence.
    pub says: String,
    /// Natural logarithm of the likelihood ratio: above zero speaks for the explanation.
    pub ln_lr: f64,
}

/// Kinds of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// How well the delay fits.
    Timing,
    /// How well the failing and the healthy probes fit.
    Class,
    /// What happened before the failures ended.
    Recovery,
    /// Whether the failures follow the rollout.
    Dose,
    /// What rules it out.
    Veto,
    /// What untouched probes show.
    Control,
    /// What the change did before.
    History,
    /// Whether it is linked to the target.
    Scope,
    /// What could not be seen.
    Gap,
}

/// How long before a change the same failures speak against it.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);
/// How far the end of the failures may lie from the end of a rollout to belong to it.
const ABOUT: SignedDuration = SignedDuration::from_mins(2);

/// The evidence of all factors but timing, class and gap.
#[must_use]
pub fn factors(candidate: &Candidate<'_>, case: &Case<'_>, model: &Model) -> Vec<Evidence> {
    let Some(&change) = candidate.changes.first() else { return Vec::new() };
    let mut evidence = Vec::new();
    let mut say = |factor, ratio: f64, says: String| evidence.push(Evidence { factor, says, ln_lr: ratio.ln() });
    let factor = &model.factor;
    if !candidate.linked {
        say(Factor::Scope, factor.unrelated, format!("nothing links it to {}", case.target_names()));
    }
    if change.data_changed == Some(Known::No) {
        say(Factor::Veto, factor.data_unchanged, "its content did not change, only metadata".into());
    }
    if matches!(change.kind, ChangeKind::ApiKey | ChangeKind::Rbac) {
        match change.touches_probe {
            Some(Known::Yes) => {
                say(Factor::Scope, factor.touches_probe, "it concerns the prober's own identity".into())
            }
            Some(Known::No) => {
                say(Factor::Scope, factor.touches_other, "it concerns another identity than the prober's".into())
            }
            Some(Known::Unknown) | None => {}
        }
    }
    let rolled = candidate.trigger.unwrap_or(change);
    if let Some(ready) = first_ready(rolled) {
        let done = shift(rolled.until.unwrap_or(case.start.hi), ABOUT);
        if case.start.hi >= ready && case.start.lo <= done {
            say(Factor::Dose, factor.pod_ready, "failures began as new pods became ready".into());
        } else if case.start.hi < ready {
            say(Factor::Dose, factor.before_pods, "failures began before a new pod was ready".into());
        }
    }
    if failed_before(candidate, case) {
        say(Factor::Veto, factor.failed_before, "the same probes failed the same way in the hour before it".into());
    }
    if let Some(end) = case.end {
        let heals_itself =
            jwt_secret(change) || matches!(change.kind, ChangeKind::JwksReplace | ChangeKind::SigningSwitch);
        let done = rolled.until.filter(|until| {
            end.lo <= shift(*until, ABOUT) && end.hi >= shift(*until, -ABOUT) && *until >= case.start.lo
        });
        match undone_by(candidate, case) {
            Some(undo) if undo.reverts.as_deref() == Some(change.id.as_str()) => {
                say(Factor::Recovery, factor.reverted, format!("failures ended after it was undone by {}", undo.id));
            }
            Some(undo) => say(
                Factor::Recovery,
                factor.touched_again,
                format!("failures ended after it was changed again by {}", undo.id),
            ),
            None if done.is_some() => {
                say(Factor::Recovery, factor.rollout_done, "failures ended as the rollout was complete".into())
            }
            None if !heals_itself => {
                say(Factor::Recovery, factor.healed_in_force, "failures ended while it stayed in force".into())
            }
            None => {}
        }
    }
    evidence
}

/// The change that undid a candidate, or touched its object again, before the failures ended.
#[must_use]
pub fn undone_by<'a>(candidate: &Candidate<'_>, case: &Case<'a>) -> Option<&'a Change> {
    let until = case.end?.hi;
    let ids: Vec<&str> =
        candidate.changes.iter().copied().chain(candidate.trigger).map(|change| change.id.as_str()).collect();
    let later = |change: &&'a Change| {
        let behind = interval(change).is_some_and(|at| at.lo > case.start.lo && at.lo <= until);
        behind && !ids.contains(&change.id.as_str())
    };
    let reverts = |change: &Change| change.reverts.as_deref().is_some_and(|id| ids.contains(&id));
    let again = |change: &Change| {
        let same = candidate.changes.iter().any(|cause| cause.object == change.object && cause.kind == change.kind);
        same && change.data_changed != Some(Known::No)
    };
    let changes = &case.input.changes;
    changes
        .iter()
        .filter(later)
        .find(|change| reverts(change))
        .or_else(|| changes.iter().filter(later).find(|change| again(change)))
}

fn first_ready(change: &Change) -> Option<jiff::Timestamp> {
    change.progress.iter().filter(|(_, share)| *share > 0.0).map(|(at, _)| *at).min()
}

fn jwt_secret(change: &Change) -> bool {
    // Tokens signed with the old secret die out, and new ones verify.
    change.kind == ChangeKind::Secret
        && !matches!(change.secret_role, Some(SecretRole::ApiKeys | SecretRole::Password | SecretRole::Tls))
}

fn failed_before(candidate: &Candidate<'_>, case: &Case<'_>) -> bool {
    let until = candidate.at.lo.min(case.start.lo);
    let hour = Window { from: shift(until, -BEFORE), until };
    case.failing.iter().any(|episode| {
        let series = case.input.find(&episode.target, &episode.probe, &episode.agent);
        let same = |sample: &&Sample| sample.failed() && sample.reason == episode.reason;
        series.is_some_and(|series| series.singles(hour).filter(same).count() >= 2)
    })
}
