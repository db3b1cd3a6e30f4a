//! Beats: how often a probe is executed, where that is less often than its target is run.

use std::time::Duration;

use storage::record::{Expect, ProbeKind};

use crate::run::Scope;
use crate::target::Plan;

/// Logins with a wrong password come at most this often, whatever is configured.
pub(super) const LEAST_WRONG: Duration = Duration::from_secs(300);

/// From one execution of a probe to the next: the target's beat, or its first multiple that is no shorter than
/// the probe's own; `None` outside a schedule.
pub(super) fn of(scope: Scope<'_>, plan: &Plan) -> Option<Duration> {
    let every = scope.every?;
    let Some(own) = own(scope, plan).filter(|own| *own > every && !every.is_zero()) else { return Some(every) };
    let slots = own.as_nanos().div_ceil(every.as_nanos());
    Some(every.saturating_mul(u32::try_from(slots).unwrap_or(u32::MAX)))
}

/// How long a probe rests after an execution; `None` where it comes with every run.
///
/// It rests half a run less than its beat, so that a run which is early or late does not miss or double a beat.
pub(super) fn rest(scope: Scope<'_>, plan: &Plan) -> Option<Duration> {
    let own = own(scope, plan)?;
    match (scope.every, of(scope, plan)) {
        (Some(every), Some(beat)) if beat > every => Some(beat - every / 2),
        (Some(_), _) => None,
        (None, _) => Some(own),
    }
}

/// The beat that is configured for the probe itself.
fn own(scope: Scope<'_>, plan: &Plan) -> Option<Duration> {
    let probes = &scope.target.probes;
    match (plan.kind, plan.expect) {
        (_, Expect::Allow) | (ProbeKind::Permission, Expect::Deny) => None,
        (ProbeKind::Login, Expect::Deny) => probes.login.as_ref().map(|login| login.deny_every.max(LEAST_WRONG)),
        (ProbeKind::Jwt, Expect::Deny) => probes.jwt.as_ref().and_then(|jwt| jwt.deny_every),
        (ProbeKind::ApiKey, Expect::Deny) => probes.api_key.as_ref().and_then(|key| key.deny_every),
    }
}
