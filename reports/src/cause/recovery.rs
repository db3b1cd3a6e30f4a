//! What happened before the failures ended, and what that says of an explanation.

use jiff::SignedDuration;
use storage::record::{Change, ChangeKind, Known, SecretRole};

use super::candidate::{Candidate, starts_consumers};
use super::case::Case;
use super::evidence::Fact;
use super::index::workload;
use super::model::Model;
use crate::input::shift;
use crate::interval::Interval;

/// How far the end of the failures may lie from the end of a rollout to belong to it.
const ABOUT: SignedDuration = SignedDuration::from_mins(2);
/// How long before the end a change may have been made that ended the failures.
const WITHIN: SignedDuration = SignedDuration::from_mins(15);

/// What the end of the failures says.
pub(super) fn facts<'a>(
    candidate: &Candidate<'a>,
    case: &Case<'a>,
    model: &Model,
    say: &mut impl FnMut(Fact<'a>, f64),
) {
    let (Some(end), Some(change), Some(last)) = (case.end, candidate.change(), candidate.last()) else { return };
    let factor = &model.factor;
    match undone_by(candidate, case) {
        Some(Undoing::Reverts(by)) => say(Fact::Undone(by), factor.reverted),
        Some(Undoing::Again(by)) => say(Fact::ChangedAgain(by), factor.touched_again),
        Some(Undoing::Restarts(by)) => say(Fact::ConsumersRestarted(by), factor.restarted_again),
        None if ends_with(last, case, end) => say(Fact::RolloutDone, factor.rollout_done),
        None if heals(change) => say(Fact::HealedByItself, factor.healed_by_itself),
        None => say(Fact::HealedInForce, factor.healed_in_force),
    }
}

/// What ended the failures.
#[derive(Debug, Clone, Copy)]
pub(super) enum Undoing<'a> {
    /// It says that it undoes the cause.
    Reverts(&'a Change),
    /// It changes the same object again.
    Again(&'a Change),
    /// It starts the consumers of the object again.
    Restarts(&'a Change),
}

impl<'a> Undoing<'a> {
    /// The change that did it.
    pub(super) fn change(self) -> &'a Change {
        match self {
            Undoing::Reverts(change) | Undoing::Again(change) | Undoing::Restarts(change) => change,
        }
    }
}

/// The change that undid a candidate, touched its object again, or started its consumers again, shortly before the
/// failures ended. The nearest to the end of the strongest sort.
pub(super) fn undone_by<'a>(candidate: &Candidate<'a>, case: &Case<'a>) -> Option<Undoing<'a>> {
    let end = case.end?;
    let ids: Vec<&str> =
        candidate.changes.iter().copied().chain(candidate.trigger).map(|change| change.id.as_str()).collect();
    let another = |change: &&Change| !ids.contains(&change.id.as_str());
    let near = |change: &Change| {
        let done = change.until.max(change.hi());
        done.is_some_and(|done| done >= shift(end.lo, -WITHIN))
    };
    let mut again = None;
    let mut restarts = None;
    let mut reverts = None;
    for change in case.later.iter().copied().filter(another) {
        if change.reverts.as_deref().is_some_and(|id| ids.contains(&id)) {
            reverts = Some(Undoing::Reverts(change));
        } else if near(change) && touches(candidate, change) {
            again = Some(Undoing::Again(change));
        } else if near(change) && restarts_consumers(candidate, change) {
            restarts = Some(Undoing::Restarts(change));
        }
    }
    reverts.or(again).or(restarts)
}

fn touches(candidate: &Candidate<'_>, change: &Change) -> bool {
    let same = |cause: &Change| cause.object == change.object && cause.kind == change.kind;
    candidate.changes.iter().copied().chain(candidate.trigger).any(same) && change.data_changed != Some(Known::No)
}

fn restarts_consumers(candidate: &Candidate<'_>, change: &Change) -> bool {
    let acts_on = workload(change);
    let consumes = |cause: &Change| {
        cause.mounts.iter().any(|mount| mount.workload == acts_on)
            || (starts_consumers(cause) && workload(cause) == acts_on)
    };
    matches!(change.kind, ChangeKind::Rollout | ChangeKind::Restart | ChangeKind::Deploy)
        && candidate.changes.iter().copied().any(consumes)
}

/// Whether the failures ended about when a rollout did.
fn ends_with(rolled: &Change, case: &Case<'_>, end: Interval) -> bool {
    rolled
        .until
        .is_some_and(|until| end.lo <= shift(until, ABOUT) && end.hi >= shift(until, -ABOUT) && until >= case.start.lo)
}

/// Whether such a change stops doing harm by itself: old tokens die out, caches are renewed, pods are replaced.
fn heals(change: &Change) -> bool {
    match change.kind {
        ChangeKind::Secret | ChangeKind::UpstreamRotation => {
            !matches!(change.secret_role, Some(SecretRole::ApiKeys | SecretRole::Password | SecretRole::Tls))
        }
        ChangeKind::JwksAdd
        | ChangeKind::JwksRemove
        | ChangeKind::JwksReplace
        | ChangeKind::SigningSwitch
        | ChangeKind::Restart
        | ChangeKind::Scale => true,
        ChangeKind::Configmap
        | ChangeKind::Rollout
        | ChangeKind::ApiKey
        | ChangeKind::Rbac
        | ChangeKind::Certificate
        | ChangeKind::Expiry
        | ChangeKind::Deploy
        | ChangeKind::Maintenance
        | ChangeKind::Note => false,
    }
}
