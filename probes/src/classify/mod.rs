//! From what a run saw to a reason: by what the prober itself knows and by contrast first, by text last.
//!
//! On real servers one and the same answer stands for several causes, so a status alone decides little:
//! the token's own dates, whether it verifies here, and what happened to the other credentials of the run do.

mod contrast;
pub(crate) mod hints;
mod login;
mod redirect;
mod refused;

use http::StatusCode;
use jiff::Timestamp;
use storage::record::{Expect, Outcome, ProbeKind, Reason, Variant};

use crate::classify::hints::{Hints, message};
use crate::classify::redirect::{leads_back, leads_to_login};
use crate::observation::{Failure, Observation, Seen};
use crate::protocol::http::{Answer, Exchange};

/// How an observation is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<Reason>,
    /// In the prober's words, with no text from outside but in `said`.
    pub(crate) detail: Option<String>,
    /// The server's own words, not yet redacted.
    pub(crate) said: Option<String>,
}

/// What an answer did with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It was let in.
    Admitted,
    /// It was refused.
    Refused,
    /// Neither: throttled, broken, or something else.
    Neither(Reason),
}

/// Judges one observation of a run in the light of the others.
pub(crate) fn judge(run: &[Observation], one: &Observation) -> Verdict {
    let exchange = match &one.seen {
        Seen::NotSent(failure) => return Verdict::of(failure.clone(), None),
        Seen::Verified => {
            return one.known.verdict.clone().map_or_else(Verdict::success, |verdict| known(run, one, verdict));
        }
        Seen::Exchange(exchange) => exchange,
    };
    let answer = match &exchange.end {
        Ok(answer) => answer,
        Err(failure) => return Verdict::of(failure.clone(), None),
    };
    let access = access(one, answer);
    match (one.plan.expect, access) {
        (_, Access::Neither(reason)) => neither(run, one, exchange, answer, reason),
        (Expect::Deny, Access::Refused) => Verdict::success(),
        (Expect::Deny, Access::Admitted) => {
            if one.plan.variant == Variant::Expired
                && let Some(skew) = own_clock_is_off(run, one, Reason::TokenExpired)
            {
                let detail =
                    format!("the prober's clock is {skew} s off the server's, by which the token has not ended");
                return Verdict::of(Failure::own(Reason::ProberClock, detail), None);
            }
            let what = format!("let in with {} credential", article(one.plan.variant));
            Verdict::answered(Reason::UnexpectedlyAllowed, answer, &what)
        }
        (Expect::Allow, Access::Admitted) => admitted(run, one, answer),
        (Expect::Allow, Access::Refused) => match one.plan.kind {
            ProbeKind::Login => login::refused(run, one, answer),
            ProbeKind::Jwt => refused::token(run, one, answer),
            ProbeKind::ApiKey => refused::api_key(run, one, answer),
            ProbeKind::Permission => refused::permission(run, one, answer),
        },
    }
}

/// What an answer did with a request, by its status alone.
pub(crate) fn access(one: &Observation, answer: &Answer) -> Access {
    let status = answer.status;
    match status {
        408 => return Access::Neither(Reason::Timeout),
        429 => return Access::Neither(Reason::RateLimited),
        500.. => return Access::Neither(Reason::ServerError),
        _ => (),
    }
    let admits = match one.takes.status.as_slice() {
        [] => (200..300).contains(&status),
        // A login that is told from a redirect failed where the redirect leads back to the form.
        listed => listed.contains(&status) && !(one.plan.kind == ProbeKind::Login && leads_back(answer, one.asked())),
    };
    let refuses = match (one.plan.expect, one.takes.refused.as_slice()) {
        (Expect::Deny, []) => (400..500).contains(&status) && status != 425 || leads_to_login(answer, one.asked()),
        (Expect::Deny, listed) => listed.contains(&status),
        // What an allowed request gets when its credential is at fault, on the servers that were measured.
        (Expect::Allow, _) => {
            matches!(status, 400 | 401 | 403 | 419 | 422 | 423 | 440 | 498) || leads_to_login(answer, one.asked())
        }
    };
    // Whatever else is configured, a 2xx to what must be refused is fail-open.
    if admits || one.plan.expect == Expect::Deny && (200..300).contains(&status) {
        Access::Admitted
    } else if refuses {
        Access::Refused
    } else {
        Access::Neither(Reason::UnexpectedStatus)
    }
}

/// The token or the key was accepted; is what came with it right?
fn admitted(run: &[Observation], one: &Observation, answer: &Answer) -> Verdict {
    if let Some(Err(failure)) = &one.known.login {
        // The words of an answer that should hold a token may hold it; those of an error do not.
        let said = hints::is_error(answer).then(|| message(answer)).flatten();
        return Verdict::of(failure.clone(), said);
    }
    if let Some(wanted) = &one.takes.body_contains
        && !String::from_utf8_lossy(&answer.body).contains(wanted)
    {
        let missing = if answer.truncated { "its beginning lacks" } else { "the body lacks" };
        return Verdict::answered(Reason::UnexpectedBody, answer, &format!("{missing} the configured text"));
    }
    match &one.known.verdict {
        Some(verdict) if one.plan.variant == Variant::Fresh => known(run, one, verdict.clone()),
        Some(_) | None => Verdict::success(),
    }
}

/// The prober's own verification of a fresh token stands, whatever the server makes of the token.
fn known(run: &[Observation], one: &Observation, verdict: Result<(), Failure>) -> Verdict {
    let Err(mut failure) = verdict else { return Verdict::success() };
    if let Some(skew) = own_clock_is_off(run, one, failure.reason) {
        let detail =
            format!("the prober's clock is {skew} s off the clock of the server that issued and takes the token");
        return Verdict::of(Failure::own(Reason::ProberClock, detail), None);
    }
    if one.answer().is_some() && matches!(failure.reason, Reason::SignatureInvalid | Reason::ClaimsInvalid) {
        failure.detail += "; the server takes it, so the configured key or claim may be out of date";
    }
    Verdict::of(failure, None)
}

/// Proof that our clock is wrong: the token is out of time by our clock and in time by the one of the server, which
/// does not refuse it.
fn own_clock_is_off(run: &[Observation], one: &Observation, reason: Reason) -> Option<i64> {
    let parts = one.known.token.as_ref()?.parts.as_ref()?;
    let clock = |seen: &Observation| Some((seen.answer()?.date()?, seen.at));
    let (theirs, ours) = clock(one).or_else(|| run.iter().find(|other| is_login(other)).and_then(clock))?;
    let in_time = match reason {
        Reason::TokenExpired => parts.date("exp").is_some_and(|end| theirs < end && end <= ours),
        Reason::TokenNotYetValid => ["nbf", "iat"].iter().all(|claim| {
            // The header tells whole seconds.
            parts.date(claim).is_none_or(|begins| begins.duration_since(theirs).as_secs() < 1)
        }),
        _ => false,
    };
    in_time.then(|| theirs.duration_since(ours).as_secs())
}

fn is_login(one: &Observation) -> bool {
    one.plan.kind == ProbeKind::Login && one.plan.variant == Variant::Valid
}

fn neither(run: &[Observation], one: &Observation, exchange: &Exchange, answer: &Answer, reason: Reason) -> Verdict {
    let guesses = one.known.wrong_passwords;
    // A throttle or a lock that this prober's own wrong passwords brought about is no outage.
    if one.plan.kind == ProbeKind::Login && reason == Reason::ServerError && guesses > 0 {
        let said = Hints::of(answer);
        let why = format!("after {guesses} wrong passwords of this prober within the hour");
        let reason = match () {
            () if said.locked() => Reason::AccountLocked,
            () if said.throttled() || answer.retry_after(exchange.started).is_some() => Reason::RateLimited,
            () => reason,
        };
        return Verdict::answered(reason, answer, &why);
    }
    if answer.status == 404 && refused::hidden(run, one, answer) {
        let why = "the same credential is let in elsewhere, and without the permission the answer is the same";
        return Verdict::answered(Reason::PermissionDenied, answer, why);
    }
    let why = match reason {
        Reason::RateLimited => wait_of(answer, exchange.started),
        Reason::UnexpectedStatus if (300..400).contains(&answer.status) => "a redirect, and not to a login page".into(),
        _ => String::new(),
    };
    Verdict::answered(reason, answer, &why)
}

fn wait_of(answer: &Answer, now: Timestamp) -> String {
    answer.retry_after(now).map_or_else(String::new, |wait| format!("asks to wait {} s", wait.as_secs()))
}

fn article(variant: Variant) -> String {
    match variant {
        Variant::Anonymous => "no".into(),
        Variant::Unknown | Variant::Expired | Variant::AlgNone | Variant::Unprivileged => format!("an {variant}"),
        other => format!("a {other}"),
    }
}

impl Verdict {
    fn success() -> Self {
        Self { outcome: Outcome::Success, reason: None, detail: None, said: None }
    }

    fn of(failure: Failure, said: Option<String>) -> Self {
        let Failure { outcome, reason, detail } = failure;
        Self { outcome, reason: Some(reason), detail: Some(detail), said }
    }

    /// Something in front of the API refused, and nothing is known of the credential.
    fn in_front(answer: &Answer) -> Self {
        Self::answered(
            Reason::UnexpectedStatus,
            answer,
            "a page of something in front of the API, which blocks the prober",
        )
    }

    /// The target's fault, told by its answer: the status, its words, and why they mean this reason.
    fn answered(reason: Reason, answer: &Answer, why: &str) -> Self {
        let name = StatusCode::from_u16(answer.status).ok().and_then(|code| code.canonical_reason());
        let status = name.map_or_else(String::new, |name| format!(" {name}"));
        let why = if why.is_empty() { String::new() } else { format!("; {why}") };
        let detail = format!("HTTP {}{status}{why}", answer.status);
        Self { outcome: Outcome::Failure, reason: Some(reason), detail: Some(detail), said: message(answer) }
    }
}

#[cfg(test)]
mod tests;
