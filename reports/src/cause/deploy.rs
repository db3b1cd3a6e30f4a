//! Changes that one deploy brought are named together.

use jiff::SignedDuration;
use storage::record::{Change, ChangeKind};

use super::index::workload;
use super::model::Model;
use super::weigh::Weighed;
use crate::input::shift;

/// How many of the likeliest explanations are looked at.
const LOOKED_AT: usize = 6;
/// Most changes that are named together.
const MOST: usize = 5;

/// Joins to the likeliest explanation those of the same deploy that are not much less likely. They are in order of
/// their weights before and after.
pub(super) fn join(weighed: &mut Vec<Weighed<'_>>, model: &Model) {
    let Some(first) = weighed.first() else { return };
    let (floor, linked) = (first.weight * model.search.joint_from, first.candidate.linked);
    let mut number = 1;
    while number < weighed.len().min(LOOKED_AT) {
        let [first, ..] = weighed.as_slice() else { return };
        let Some(other) = weighed.get(number) else { return };
        let one = linked
            && other.candidate.linked
            && other.weight >= floor
            && first.candidate.changes.len() < MOST
            && together(first, other, model);
        if !one {
            number += 1;
            continue;
        }
        let other = weighed.remove(number);
        if let Some(first) = weighed.first_mut() {
            first.weight += other.weight;
            let known: Vec<&str> = first.candidate.changes.iter().map(|change| change.id.as_str()).collect();
            let more: Vec<&Change> =
                other.candidate.changes.into_iter().filter(|change| !known.contains(&change.id.as_str())).collect();
            first.candidate.changes.extend(more);
            first.candidate.trigger = first.candidate.trigger.or(other.candidate.trigger);
        }
    }
    if let Some(first) = weighed.first_mut()
        && let Some(trigger) = first.candidate.trigger
        && first.candidate.changes.iter().any(|change| change.id == trigger.id)
    {
        first.candidate.trigger = None;
    }
}

fn together(first: &Weighed<'_>, other: &Weighed<'_>, model: &Model) -> bool {
    let all = |weighed: &Weighed<'_>| -> Vec<String> {
        weighed
            .candidate
            .changes
            .iter()
            .copied()
            .chain(weighed.candidate.trigger)
            .map(|change| change.id.clone())
            .collect()
    };
    // The same change with and without a trigger are rivals, not parts of one deploy.
    if all(first).iter().any(|id| all(other).contains(id)) {
        return false;
    }
    let pairs = first.candidate.changes.iter().flat_map(|a| other.candidate.changes.iter().map(move |b| (*a, *b)));
    pairs.into_iter().any(|(a, b)| one_deploy(a, b, model) || one_deploy(b, a, model))
}

/// Whether `first` and a change not before it came with one deploy: one actor within a minute, a pipeline's deploy and
/// what it rolled out, or a secret and the rollout whose new template names it.
fn one_deploy(first: &Change, then: &Change, model: &Model) -> bool {
    let Some((a, b)) = first.lo().zip(then.lo()) else { return false };
    let near = |seconds: f64| {
        let seconds = SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::ZERO);
        a <= b && b <= shift(a, seconds)
    };
    let one_actor = first.actor.is_some() && first.actor == then.actor && near(model.search.one_deploy_s);
    let shares = first.targets.iter().any(|target| then.targets.contains(target));
    let rolled = first.kind == ChangeKind::Deploy
        && matches!(then.kind, ChangeKind::Rollout | ChangeKind::Configmap | ChangeKind::Secret | ChangeKind::Restart)
        && shares
        && near(model.search.pipeline_s);
    let names = then.secret_refs.contains(&first.object) && near(model.search.pipeline_s);
    let configures = first.kind == ChangeKind::Configmap
        && then.kind == ChangeKind::Rollout
        && near(model.search.pipeline_s)
        && (first.mounts.iter().any(|mount| mount.workload == workload(then)) || (first.mounts.is_empty() && shares));
    one_actor || rolled || names || configures
}
