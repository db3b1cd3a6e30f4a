//! Why a login was refused.

use storage::record::Reason;

use crate::classify::hints::Hints;
use crate::classify::{Verdict, contrast};
use crate::observation::Observation;
use crate::protocol::http::Answer;

/// A refused login is the login's failure and nobody else's.
pub(crate) fn refused(run: &[Observation], one: &Observation, answer: &Answer) -> Verdict {
    let hints = Hints::of(answer);
    if contrast::in_front(run, one, answer) {
        return Verdict::in_front(answer);
    }
    if answer.status == 423 || hints.locked() {
        return Verdict::answered(Reason::AccountLocked, answer, "");
    }
    if hints.throttled() {
        return Verdict::answered(Reason::RateLimited, answer, "");
    }
    // The credential was not looked at; where it was good before, the login has taken another form.
    if matches!(answer.status, 400 | 403 | 419 | 422) && hints.malformed_request() {
        let why = match one.known.good_before {
            true => "the login takes another form than before",
            false => "the login takes another form",
        };
        return Verdict::answered(Reason::UnexpectedStatus, answer, why);
    }
    let why = if one.known.good_before { "this credential was good before" } else { "" };
    Verdict::answered(Reason::LoginRejected, answer, why)
}
