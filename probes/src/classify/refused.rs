//! Why a token, a key or a permission was refused.

use std::time::Duration;

use storage::record::{Expect, Outcome, ProbeKind, Reason, Variant};

use crate::classify::Verdict;
use crate::classify::contrast::{admitted, in_front, key_id, refusals, refused, same_token};
use crate::classify::hints::{self, Hints};
use crate::observation::Observation;
use crate::protocol::http::Answer;

/// Tokens that are at fault by themselves, whatever the identity may do.
const FORGED: [Variant; 3] = [Variant::WrongKey, Variant::Tampered, Variant::AlgNone];

/// A token that had to be let in was refused.
pub(crate) fn token(run: &[Observation], one: &Observation, answer: &Answer) -> Verdict {
    if let Some(verdict) = not_the_credential(run, one, answer) {
        return verdict;
    }
    if let Some((reason, why)) = known_of(one).or_else(|| by_their_clock(one, answer)) {
        return Verdict::answered(reason, answer, &why);
    }
    let (reason, why) = by_contrast(run, one, answer);
    Verdict::answered(reason, answer, why)
}

/// The API key was refused: is the key unknown, or known and without the permission?
pub(crate) fn api_key(run: &[Observation], one: &Observation, answer: &Answer) -> Verdict {
    if let Some(verdict) = not_the_credential(run, one, answer) {
        return verdict;
    }
    if admitted(run, |other| other.plan.name != one.plan.name && by_key(other)) {
        return Verdict::answered(Reason::PermissionDenied, answer, "the same key is let in elsewhere");
    }
    let (reason, why) = match refusals(run, ProbeKind::ApiKey, &[Variant::Unknown]).next() {
        Some(unknown) if hints::same(answer, unknown) => {
            (Reason::ApiKeyRejected, "a key that never existed gets the same answer")
        }
        // A key that never existed gets another answer than ours, so ours was recognised.
        Some(unknown) if answer.status == 403 && recognised(answer, unknown) => {
            (Reason::PermissionDenied, "a key that never existed gets another answer")
        }
        None if one.plan.kind == ProbeKind::Permission && answer.status == 403 => (Reason::PermissionDenied, ""),
        Some(_) | None => (Reason::ApiKeyRejected, ""),
    };
    Verdict::answered(reason, answer, why)
}

/// A permission that had to be there was refused: is it the permission, or the credential?
pub(crate) fn permission(run: &[Observation], one: &Observation, answer: &Answer) -> Verdict {
    if by_key(one) {
        return api_key(run, one, answer);
    }
    if let Some(verdict) = not_the_credential(run, one, answer) {
        return verdict;
    }
    if one.known.token.is_none() {
        return Verdict::answered(Reason::PermissionDenied, answer, "asked without a credential");
    }
    let twin = run.iter().find(|other| other.plan.kind == ProbeKind::Jwt && same_token(one, other));
    let known = known_of(one).or_else(|| twin.and_then(known_of)).or_else(|| by_their_clock(one, answer));
    if let Some((reason, why)) = known {
        return Verdict::answered(reason, answer, &why);
    }
    let (reason, why) = by_identity(run, one, answer);
    Verdict::answered(reason, answer, why)
}

/// Whether a 404 hides what the identity may not see: its credential is let in elsewhere,
/// and those who lack the permission get the same answer at the same place.
pub(crate) fn hidden(run: &[Observation], one: &Observation, answer: &Answer) -> bool {
    let known = admitted(run, |other| same_token(one, other) || by_key(one) && by_key(other));
    let outsider = |other: &Observation| {
        other.plan.expect == Expect::Deny
            && other.asked() == one.asked()
            && other.answer().is_some_and(|theirs| hints::same(answer, theirs))
    };
    one.plan.kind == ProbeKind::Permission && known && run.iter().any(outsider)
}

fn by_key(one: &Observation) -> bool {
    one.plan.variant == Variant::Valid && matches!(one.plan.kind, ProbeKind::ApiKey | ProbeKind::Permission)
}

fn is_held(one: &Observation) -> bool {
    one.plan.kind == ProbeKind::Jwt && one.plan.variant == Variant::Held
}

fn is_fresh(one: &Observation) -> bool {
    one.plan.kind == ProbeKind::Jwt && one.plan.variant == Variant::Fresh
}

/// Something else than the credential: a firewall in front, or a throttle that answers with 403.
fn not_the_credential(run: &[Observation], one: &Observation, answer: &Answer) -> Option<Verdict> {
    if in_front(run, one, answer) {
        return Some(Verdict::in_front(answer));
    }
    let spent = ["x-ratelimit-remaining", "ratelimit-remaining"].iter().any(|name| answer.header(name) == Some("0"));
    let throttled = answer.status == 403 && (spent || answer.header("retry-after").is_some());
    (throttled && Hints::of(answer).throttled())
        .then(|| Verdict::answered(Reason::RateLimited, answer, "a throttle, by its headers"))
}

/// What the prober knows of the token by itself: its end, and whether it verifies.
fn known_of(one: &Observation) -> Option<(Reason, String)> {
    let token = one.known.token.as_ref()?;
    if token.expired(one.at, Duration::ZERO) {
        return Some((Reason::TokenExpired, "the token is past its end".into()));
    }
    let begins = token.parts.as_ref().and_then(|parts| parts.date("nbf"));
    if begins.is_some_and(|begins| begins > one.at) {
        return Some((Reason::TokenNotYetValid, "the token begins in the future".into()));
    }
    let failure = one.known.in_force.as_ref()?.as_ref().err()?;
    (failure.outcome == Outcome::Failure && of_token(failure.reason)).then(|| (failure.reason, failure.detail.clone()))
}

/// A token that is in time by our clock, and not by that of the server which refuses it.
fn by_their_clock(one: &Observation, answer: &Answer) -> Option<(Reason, String)> {
    // The header tells whole seconds.
    const ROUGH: Duration = Duration::from_secs(1);
    let token = one.known.token.as_ref()?;
    let theirs = answer.date()?;
    let off = theirs.duration_since(one.at).as_secs();
    if token.expired(theirs, Duration::ZERO) {
        return Some((Reason::TokenExpired, format!("by the server's clock, {off} s off ours")));
    }
    let begins = token.parts.as_ref()?.date("nbf")?;
    let early = theirs.checked_add(ROUGH).is_ok_and(|theirs| theirs < begins);
    early.then(|| (Reason::TokenNotYetValid, format!("by the server's clock, {off} s off ours")))
}

/// The token verifies here, or nobody here can tell: what did the run see of other credentials?
fn by_contrast(run: &[Observation], one: &Observation, answer: &Answer) -> (Reason, &'static str) {
    let hints = Hints::of(answer);
    let verifies = matches!(one.known.in_force, Some(Ok(())));
    let like_forged = refusals(run, ProbeKind::Jwt, &FORGED).any(|theirs| hints::same(answer, theirs));
    let unlike_forged = refusals(run, ProbeKind::Jwt, &FORGED).any(|theirs| recognised(answer, theirs));
    let fresh_is_good = is_held(one) && admitted(run, is_fresh);
    if answer.status == 403 && !like_forged && !hints.token() {
        // The very same token was let in elsewhere in this run: it is good, this endpoint is closed to it.
        let elsewhere = |other: &Observation| other.plan.kind == ProbeKind::Permission && same_token(one, other);
        if admitted(run, elsewhere) && !rotating(run) {
            return (Reason::PermissionDenied, "the same token is let in elsewhere");
        }
        if unlike_forged {
            return (Reason::PermissionDenied, "a forged token gets another answer");
        }
        if hints.permission() && !fresh_is_good {
            return (Reason::PermissionDenied, "the server says so");
        }
    }
    if !verifies {
        let opaque = one.known.token.as_ref().is_none_or(|token| token.parts.is_none());
        if fresh_is_good && other_key(run, one) {
            return (Reason::KeyUnknown, "a fresh token, signed with another key id, is let in");
        }
        if opaque && hints.expired() {
            return (Reason::TokenExpired, "the server says so");
        }
        if !opaque && hints.signature() {
            return (
                Reason::SignatureInvalid,
                if fresh_is_good { "a fresh token is let in" } else { "the server says so" },
            );
        }
        if fresh_is_good && !opaque && as_by_a_wrong_key(run, answer) {
            return (Reason::SignatureInvalid, "a fresh token is let in, this one is answered as one of a wrong key");
        }
    }
    let why = match (verifies, fresh_is_good) {
        (true, true) => "the token verifies, a fresh one is let in",
        (true, false) => "the token verifies, the server refuses it",
        (false, true) => "a fresh token is let in",
        (false, false) => "",
    };
    (Reason::TokenRejected, why)
}

/// A token that verifies as far as anyone here can tell, at an endpoint that needs a permission.
fn by_identity(run: &[Observation], one: &Observation, answer: &Answer) -> (Reason, &'static str) {
    let hints = Hints::of(answer);
    let elsewhere = admitted(run, |other| other.plan.name != one.plan.name && same_token(one, other));
    let like_forged = refusals(run, ProbeKind::Jwt, &FORGED).any(|theirs| hints::same(answer, theirs));
    if elsewhere || admitted(run, is_fresh) {
        // Servers that disagree about tokens, as in a rolling rotation, refuse here what they take there.
        let comparable = refusals(run, ProbeKind::Jwt, &FORGED).next().is_some();
        let as_forged = like_forged || hints.token() || hints.signature() || !comparable;
        if as_forged && rotating(run) {
            return (Reason::TokenRejected, "tokens of before a rotation are about, and servers disagree about tokens");
        }
        let why =
            if elsewhere { "the same token is let in elsewhere" } else { "another user's token is let in elsewhere" };
        return (Reason::PermissionDenied, why);
    }
    let unlike_forged = refusals(run, ProbeKind::Jwt, &FORGED).any(|theirs| recognised(answer, theirs));
    // It may be refused everywhere and still be known: a token that nobody knows gets another answer.
    if answer.status == 403 && !like_forged && !hints.token() && unlike_forged {
        return (Reason::PermissionDenied, "a forged token gets another answer");
    }
    if refused(run, |other| other.plan.kind == ProbeKind::Jwt && same_token(one, other)) {
        return (Reason::TokenRejected, "the token is refused elsewhere too");
    }
    if answer.status == 403 && !like_forged && !hints.token() || hints.permission() && !hints.token() {
        return (Reason::PermissionDenied, "");
    }
    (Reason::TokenRejected, "the token is refused, not the permission")
}

/// Whether a server that refuses both tells ours from one that it cannot know.
fn recognised(ours: &Answer, theirs: &Answer) -> bool {
    let says_more = Hints::of(ours).permission() && !Hints::of(theirs).permission();
    ours.status == 403 && theirs.status != 403 || ours.status == theirs.status && says_more
}

/// Whether a rotation of keys is under way: an earlier token is refused, or is not signed with the key in force.
fn rotating(run: &[Observation]) -> bool {
    let of_before = |other: &Observation| match &other.known.in_force {
        Some(Err(failure)) => matches!(failure.reason, Reason::SignatureInvalid | Reason::KeyUnknown),
        Some(Ok(())) | None => false,
    };
    refused(run, is_held) || run.iter().any(|other| other.plan.kind == ProbeKind::Jwt && of_before(other))
}

/// Whether a fresh token of the run is signed with a key of another id.
fn other_key(run: &[Observation], one: &Observation) -> bool {
    run.iter().any(|other| is_fresh(other) && key_id(other).is_some() && key_id(other) != key_id(one))
}

/// Whether the answer is that to a wrong key, on a server whose answers tell a wrong key from an expired token.
fn as_by_a_wrong_key(run: &[Observation], answer: &Answer) -> bool {
    let wrong = refusals(run, ProbeKind::Jwt, &[Variant::WrongKey]).any(|theirs| hints::same(answer, theirs));
    let expired = refusals(run, ProbeKind::Jwt, &[Variant::Expired]).any(|theirs| !hints::same(answer, theirs));
    wrong && expired
}

/// Whether a reason speaks of the token itself, and not of what it took to verify it.
fn of_token(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::TokenMalformed
            | Reason::SignatureInvalid
            | Reason::KeyUnknown
            | Reason::TokenExpired
            | Reason::TokenNotYetValid
            | Reason::ClaimsInvalid
    )
}
