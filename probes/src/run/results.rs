//! From the observations of a run to its results, and to what the session keeps of them.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use storage::record::{DETAIL_LIMIT, Expect, ProbeKind, ProbeResult, Variant, to_milliseconds};

use crate::classify::{self, Access, Verdict, hints};
use crate::credential::Credential;
use crate::observation::{Observation, Seen};
use crate::protocol::token::Token;
use crate::redact;
use crate::run::logins::Logins;
use crate::run::{Order, Scope, beat};
use crate::session::Session;
use crate::target::Plan;

/// Judges the observations together and lets the session learn from them.
pub(super) fn conclude(order: Order<'_>, session: &mut Session, logins: Logins) -> Vec<ProbeResult> {
    let Logins { seen, token, others } = logins;
    let fresh = token.ok();
    let verdicts: Vec<Verdict> = seen.iter().map(|one| classify::judge(&seen, one)).collect();
    let tokens = seen.iter().filter_map(|one| one.known.token.as_ref()).chain(&fresh).chain(others.iter().flatten());
    let tokens: Vec<Credential> = tokens.chain(session.tokens()).map(|token| token.raw.clone()).collect();
    learn(session, &seen, fresh.as_ref());
    let secrets: Vec<&str> = order.wallet.values().chain(&tokens).map(Credential::expose).collect();
    let wanted = seen.into_iter().zip(verdicts).filter(|(one, _)| order.scope.wants(&one.plan.name));
    wanted
        .map(|(one, verdict)| {
            let Observation { plan, at, seen, .. } = one;
            result(order.scope, plan, at, Some(&seen), verdict, &secrets)
        })
        .collect()
}

/// The result of one probe.
pub(super) fn result(
    scope: Scope<'_>,
    plan: Plan,
    at: Timestamp,
    seen: Option<&Seen>,
    verdict: Verdict,
    secrets: &[&str],
) -> ProbeResult {
    let every_s = beat::of(scope, &plan).map(|every| every.as_secs_f64());
    let exchange = match seen {
        Some(Seen::Exchange(exchange)) => Some(exchange),
        Some(Seen::Verified | Seen::NotSent(_)) | None => None,
    };
    let Verdict { outcome, reason, detail, said } = verdict;
    let detail = detail.map(|detail| {
        let own = redact::secrets(&detail, secrets);
        match said.map(|said| hints::cut(&redact::everything(&said, secrets))) {
            Some(said) if !said.is_empty() => format!("{own} ({said})"),
            Some(_) | None => own,
        }
    });
    let Plan { name: probe, kind, expect, variant } = plan;
    ProbeResult {
        time: to_milliseconds(exchange.map_or(at, |exchange| exchange.started)),
        target: scope.target.name.clone(),
        probe,
        kind,
        expect,
        variant,
        agent: scope.agent.to_owned(),
        outcome,
        reason,
        status: exchange.and_then(|exchange| exchange.end.as_ref().ok()).map(|answer| answer.status),
        took_us: exchange.map_or(0, |exchange| u64::try_from(exchange.took.as_micros()).unwrap_or(u64::MAX)),
        phases_us: exchange.and_then(|exchange| exchange.phases),
        every_s,
        detail: detail.map(|detail| detail.chars().take(DETAIL_LIMIT).collect()),
    }
}

fn learn(session: &mut Session, seen: &[Observation], fresh: Option<&Token>) {
    let now = Timestamp::now();
    let of = |variant| seen.iter().find(move |one| one.plan.kind == ProbeKind::Jwt && one.plan.variant == variant);
    let access = |one: &Observation| one.answer().map(|answer| classify::access(one, answer));
    let fresh_is_good = of(Variant::Fresh).is_none_or(|one| match &one.seen {
        Seen::Exchange(_) => access(one) == Some(Access::Admitted),
        // Without an endpoint nobody can say whether the token is let in; then the login's word stands.
        Seen::Verified | Seen::NotSent(_) => true,
    });
    let held_refused = of(Variant::Held).and_then(access).and_then(|access| match access {
        Access::Admitted => Some(false),
        Access::Refused => Some(true),
        Access::Neither(_) => None,
    });
    session.remember(fresh.filter(|_| fresh_is_good), held_refused, now);
    if let Some(wait) = seen.iter().filter_map(|one| asked_to_wait(one, now)).max() {
        session.wait(wait, Instant::now());
    }
}

/// How long the server asks to be left alone.
fn asked_to_wait(one: &Observation, now: Timestamp) -> Option<Duration> {
    // Longer than this an outage goes on being measured, however long the server expects it to last.
    const OUTAGE: Duration = Duration::from_secs(300);
    let answer = one.answer()?;
    // The probe with wrong passwords rests by itself; what it is told need not hold for the others.
    let guesses = one.plan.kind == ProbeKind::Login && one.plan.expect == Expect::Deny;
    let wait = answer.retry_after(now).filter(|_| !guesses)?;
    match answer.status {
        400..500 => Some(wait),
        500.. => Some(wait.min(OUTAGE)),
        _ => None,
    }
}
