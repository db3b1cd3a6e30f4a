//! Whether an explanation can reach what fails, and spares what does not.

use storage::record::{ChangeKind, Known};

use super::candidate::Candidate;
use super::case::Case;
use super::evidence::Fact;
use super::model::Model;

/// Most targets of which the one or the other is told.
const MOST: usize = 3;

/// What the links to targets, and the identities that a row concerns, say.
pub(super) fn facts<'a>(
    candidate: &Candidate<'a>,
    case: &Case<'a>,
    model: &Model,
    say: &mut impl FnMut(Fact<'a>, f64),
) {
    let Some(change) = candidate.change() else { return };
    let factor = &model.factor;
    if candidate.linked {
        let uncovered = case.seen.keys().filter(|target| !candidate.covers(target));
        uncovered.take(MOST).for_each(|target| say(Fact::Uncovered(target), factor.uncovered));
        let mut spared: Vec<&str> = change.targets.iter().map(String::as_str).collect();
        spared.retain(|target| !case.has(target) && case.is_well(target));
        spared.into_iter().take(MOST).for_each(|target| say(Fact::Spared(target), factor.spared));
    } else {
        say(Fact::Unlinked, if change.targets.is_empty() { factor.unrelated } else { factor.of_others });
    }
    if case.healthy_elsewhere {
        say(Fact::HealthyElsewhere, factor.healthy_elsewhere);
    }
    if change.data_changed == Some(Known::No) {
        say(Fact::ContentUnchanged, factor.data_unchanged);
    }
    if matches!(change.kind, ChangeKind::ApiKey | ChangeKind::Rbac) {
        match change.touches_probe {
            Some(Known::Yes) => say(Fact::TouchesProbe, factor.touches_probe),
            Some(Known::No) => say(Fact::TouchesOther, factor.touches_other),
            Some(Known::Unknown) | None => {}
        }
    }
}
