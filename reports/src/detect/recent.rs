//! The last executions of a series, so that the beginning of a failure can be looked for once it is suspected.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use storage::record::Reason;

use crate::series::{Quiet, Sample};

/// One execution, as much of it as an episode tells. Hundreds of them are held of each series that is watched, and nearly
/// all of them are successes: what a failure says stands apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Execution {
    pub(super) time: Timestamp,
    /// None of a success.
    pub(super) failure: Option<Arc<Failure>>,
}

/// What a failure says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) reason: Option<Reason>,
    pub(super) detail: Option<Arc<str>>,
}

/// The last executions, the newest at the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    /// Stands before `last` where a quiet stretch was skipped.
    skipped: Option<Quiet>,
    /// Start of the execution before `last`, unless that is a skipped one.
    before: Option<Timestamp>,
    last: VecDeque<Execution>,
}

/// How many executions are kept.
pub(super) const KEPT: usize = 240;

impl Recent {
    pub(super) fn push(&mut self, execution: Execution) {
        if self.last.len() == KEPT
            && let Some(oldest) = self.last.pop_front()
        {
            self.before = Some(oldest.time);
            self.skipped = None;
        }
        self.last.push_back(execution);
    }

    /// Forgets all but the last ones.
    pub(super) fn keep(&mut self, last: usize) {
        while self.last.len() > last {
            let oldest = self.last.pop_front();
            self.before = oldest.map(|oldest| oldest.time);
            self.skipped = None;
        }
    }

    /// Takes the end of a quiet stretch that is longer than what is kept.
    pub(super) fn skip(&mut self, quiet: Quiet) {
        *self = Recent { skipped: Some(quiet), ..Recent::default() };
    }

    /// Start of the execution before the kept ones, and those.
    pub(super) fn all(&self) -> (Option<Timestamp>, Vec<Execution>) {
        let Some(quiet) = &self.skipped else { return (self.before, self.last.iter().cloned().collect()) };
        let from = quiet.count - (KEPT - self.last.len()).min(quiet.count as usize) as u64;
        let before = from.checked_sub(1).map(|number| quiet.at(number));
        let skipped = (from..quiet.count).map(|number| Execution::good(quiet.at(number)));
        (before, skipped.chain(self.last.iter().cloned()).collect())
    }
}

impl Execution {
    pub(super) fn good(time: Timestamp) -> Execution {
        Execution { time, failure: None }
    }

    pub(super) fn failed(&self) -> bool {
        self.failure.is_some()
    }
}

impl From<&Sample> for Execution {
    fn from(sample: &Sample) -> Execution {
        let failure = || Arc::new(Failure { reason: sample.reason, detail: sample.detail.clone() });
        Execution { time: sample.time, failure: sample.failed().then(failure) }
    }
}
