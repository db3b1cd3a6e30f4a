//! What the other probes of a run tell about one of them.

use storage::record::{Expect, ProbeKind, Variant};

use crate::classify::hints::{self, Hints};
use crate::classify::{Access, access};
use crate::observation::Observation;
use crate::protocol::http::Answer;

/// Whether a probe of those that must be let in was let in.
pub(crate) fn admitted(run: &[Observation], which: impl Fn(&Observation) -> bool) -> bool {
    run.iter().any(|other| other.plan.expect == Expect::Allow && which(other) && has(other, Access::Admitted))
}

/// Whether a probe of those that must be let in was refused.
pub(crate) fn refused(run: &[Observation], which: impl Fn(&Observation) -> bool) -> bool {
    run.iter().any(|other| other.plan.expect == Expect::Allow && which(other) && has(other, Access::Refused))
}

/// Whether both sent the very same token.
pub(crate) fn same_token(one: &Observation, other: &Observation) -> bool {
    match (&one.known.token, &other.known.token) {
        (Some(one), Some(other)) => one.raw == other.raw,
        (Some(_) | None, _) => false,
    }
}

/// The id of the key that signed the token which was sent.
pub(crate) fn key_id(one: &Observation) -> Option<&str> {
    one.known.token.as_ref()?.key_id()
}

/// The refusals of credentials of a kind that must be refused, for comparison.
pub(crate) fn refusals<'a>(
    run: &'a [Observation],
    kind: ProbeKind,
    variants: &'a [Variant],
) -> impl Iterator<Item = &'a Answer> {
    let of = move |other: &&Observation| {
        let Observation { plan, .. } = other;
        plan.kind == kind && plan.expect == Expect::Deny && variants.contains(&plan.variant)
    };
    run.iter().filter(of).filter(|other| has(other, Access::Refused)).filter_map(Observation::answer)
}

/// Whether the answer comes from something in front of the API that blocks whoever asks: a page in the words
/// of a firewall, or one page for probes of different kinds in a run in which nobody was let in.
pub(crate) fn in_front(run: &[Observation], one: &Observation, answer: &Answer) -> bool {
    if !hints::is_page(answer) {
        return false;
    }
    let same_for_others = || {
        let other_kind = |other: &Observation| {
            other.plan.kind != one.plan.kind && other.answer().is_some_and(|theirs| hints::same(answer, theirs))
        };
        refused(run, other_kind) && !admitted(run, |_| true)
    };
    Hints::of(answer).blocked() || same_for_others()
}

fn has(other: &Observation, wanted: Access) -> bool {
    other.answer().is_some_and(|answer| access(other, answer) == wanted)
}
