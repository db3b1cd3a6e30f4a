//! What a run saw of one probe, before anyone judges it.

use jiff::Timestamp;
use storage::record::{Outcome, Reason};
use url::Url;

use crate::kinds::request::Request;
use crate::protocol::http::{Answer, Exchange};
use crate::protocol::token::Token;
use crate::target::Plan;

/// Why something did not succeed, where it is already known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

impl Failure {
    /// The target's fault.
    pub(crate) fn target(reason: Reason, detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failure, reason, detail: detail.into() }
    }

    /// The prober's own fault, proven.
    pub(crate) fn own(reason: Reason, detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Invalid, reason, detail: detail.into() }
    }

    /// It was not executed.
    pub(crate) fn skipped(reason: Reason, detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Skipped, reason, detail: detail.into() }
    }
}

/// One probe of a run: what was sent, and what came of it.
#[derive(Debug)]
pub(crate) struct Observation {
    pub(crate) plan: Plan,
    /// When it was executed, or would have been.
    pub(crate) at: Timestamp,
    /// Which answers are taken.
    pub(crate) takes: Takes,
    pub(crate) seen: Seen,
    /// What the prober knows of the token or of the login's answer, by itself.
    pub(crate) known: Known,
}

/// Which answers a probe takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Takes {
    /// Statuses that count as let in; empty: any 2xx.
    pub(crate) status: Vec<u16>,
    /// What the body must contain.
    pub(crate) body_contains: Option<String>,
    /// Statuses that count as refused; empty: the contract's rule.
    pub(crate) refused: Vec<u16>,
}

impl Takes {
    pub(crate) fn of(request: &Request, refused: &[u16]) -> Self {
        Self { status: request.status.clone(), body_contains: request.body_contains.clone(), refused: refused.to_vec() }
    }
}

/// What was seen of a probe.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A request went out.
    Exchange(Box<Exchange>),
    /// No request was needed: the token was verified here.
    Verified,
    /// Nothing was sent.
    NotSent(Failure),
}

/// What the prober knows by itself, without asking what an answer means.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// The token that was sent.
    pub(crate) token: Option<Token>,
    /// Whether the token verifies; absent where nobody here can tell.
    pub(crate) verdict: Option<Result<(), Failure>>,
    /// Whether it verifies against the keys in force alone, without their predecessors.
    pub(crate) in_force: Option<Result<(), Failure>>,
    /// What a login's answer yielded.
    pub(crate) login: Option<Result<(), Failure>>,
    /// This credential was accepted before, in an earlier run.
    pub(crate) good_before: bool,
    /// How many wrong passwords this prober sent of late.
    pub(crate) wrong_passwords: u32,
}

impl Observation {
    /// The URL that was asked, if a request went out.
    pub(crate) fn asked(&self) -> Option<&Url> {
        match &self.seen {
            Seen::Exchange(exchange) => Some(&exchange.asked),
            Seen::Verified | Seen::NotSent(_) => None,
        }
    }

    /// The answer, if one came.
    pub(crate) fn answer(&self) -> Option<&Answer> {
        match &self.seen {
            Seen::Exchange(exchange) => exchange.end.as_ref().ok(),
            Seen::Verified | Seen::NotSent(_) => None,
        }
    }
}
