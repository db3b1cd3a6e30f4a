//! What went before: the same failures, changes of the same object, the publication of a key.

use jiff::{SignedDuration, Timestamp};
use storage::record::{Change, ChangeKind};
use storage::window::Window;

use super::candidate::Candidate;
use super::case::Case;
use super::evidence::Fact;
use super::index::interval;
use super::lag;
use super::model::Model;
use crate::input::shift;

/// How long before a change the same failures speak against it.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);
/// Least number of them.
const LEAST: usize = 2;
/// Most earlier changes of an object that are looked at, the newest.
const MOST: usize = 100;

/// What went before a change says of it.
pub(super) fn facts<'a>(
    candidate: &Candidate<'a>,
    case: &Case<'a>,
    model: &Model,
    say: &mut impl FnMut(Fact<'a>, f64),
) {
    let (Some(change), Some(last)) = (candidate.change(), candidate.last()) else { return };
    if failed_before(candidate, case) {
        say(Fact::FailedBefore, model.factor.failed_before);
    }
    let harmless = harmless(last, candidate, case, model);
    if harmless > 0 {
        let strength = model.factor.history_strength;
        say(Fact::Harmless(harmless), strength / (strength + harmless as f64));
    }
    if change.kind == ChangeKind::SigningSwitch
        && let Some(lead_s) = lead(change, case, model)
    {
        let factor = &model.factor;
        let ratio = if lead_s < factor.short_lead_s { factor.key_unpublished } else { factor.key_published };
        say(Fact::KeyLead(lead_s), ratio);
    }
}

/// Whether the failing probes failed for the same reason in the hour before the change, if the onset was later.
fn failed_before(candidate: &Candidate<'_>, case: &Case<'_>) -> bool {
    let until = candidate.at.lo.min(case.start.lo);
    let from = shift(until, -BEFORE);
    case.earlier.iter().any(|failures| {
        let before = |moment: Timestamp| failures.partition_point(|failure| *failure < moment);
        before(until) - before(from) >= LEAST
    })
}

/// How many earlier changes of the same object were followed by no onset within their delay. Of the stretch before the
/// onset that is searched for causes only: whatever window is reported, the results of that are known.
fn harmless(last: &Change, candidate: &Candidate<'_>, case: &Case<'_>, model: &Model) -> u64 {
    let Some(parts) = model.lag.get(candidate.lag) else { return 0 };
    let known = SignedDuration::try_from_secs_f64(model.search.hours * 3600.0).unwrap_or(SignedDuration::ZERO);
    let from = shift(case.start.lo, -known);
    let earlier = case.index.of_object(last.kind, &last.object).rev().skip_while(|change| change.lo() >= last.lo());
    let mut near = earlier.take_while(|change| change.lo().is_some_and(|lo| lo >= from)).peekable();
    if near.peek().is_none() {
        return 0;
    }
    let reach = lag::ninety(parts, candidate.duration_s).min(3600.0);
    let reach = SignedDuration::try_from_secs_f64(reach).unwrap_or(SignedDuration::ZERO);
    let harmless = near.take(MOST).filter(|change| {
        let Some(at) = interval(change) else { return false };
        let span = Window { from: at.lo, until: shift(change.until.unwrap_or(at.hi).max(at.hi), reach) };
        change.data_changed == last.data_changed && !case.index.any_onset(&case.seen, span)
    });
    harmless.count() as u64
}

/// Seconds from the publication of the newest key to its first use; nothing where no publication was recorded.
fn lead(switch: &Change, case: &Case<'_>, model: &Model) -> Option<f64> {
    let at = interval(switch)?;
    let back = SignedDuration::try_from_secs_f64(model.search.hours * 3600.0).ok()?;
    let shares = |change: &&Change| change.targets.iter().any(|target| switch.targets.contains(target));
    let added = case.index.between(shift(at.lo, -back), at.hi).filter(|change| change.kind == ChangeKind::JwksAdd);
    let newest = added.filter(shares).filter_map(interval).filter(|added| added.lo <= at.hi).last()?;
    Some(at.hi.duration_since(newest.lo).as_secs_f64().max(0.0))
}
