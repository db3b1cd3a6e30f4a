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
    pub(super) detail: Option<Arc<String>>,
}

/// The last executions, the newest at the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    /// Start of the execution before them.
    before: Option<Timestamp>,
    last: VecDeque<Part>,
    /// How many executions `last` holds.
    held: usize,
}

/// Some executions in a row.
#[derive(Debug, Clone)]
enum Part {
    One(Execution),
    Run(Box<Run>),
}

/// The executions of a quiet stretch from this number on.
#[derive(Debug, Clone)]
struct Run {
    quiet: Quiet,
    from: u64,
}

/// How many executions are kept.
const KEPT: usize = 240;

impl Recent {
    /// Adds an execution; the oldest is let go when there are too many.
    pub(super) fn push(&mut self, execution: Execution) {
        self.last.push_back(Part::One(execution));
        self.held += 1;
        self.keep(KEPT);
    }

    /// Adds the executions of a quiet stretch from this number on, which lies inside of it.
    pub(super) fn rest(&mut self, quiet: Quiet, from: u64) {
        let first = from.max(quiet.count.saturating_sub(KEPT as u64));
        if first > from {
            // All that came before is let go.
            *self = Recent { before: Some(quiet.at(first - 1)), ..Recent::default() };
        }
        self.last.push_back(Part::Run(Box::new(Run { quiet, from: first })));
        self.held += (quiet.count - first) as usize;
        self.keep(KEPT);
    }

    /// Lets go of all but the last ones.
    pub(super) fn keep(&mut self, last: usize) {
        while let Some(surplus) = self.held.checked_sub(last).filter(|surplus| *surplus > 0)
            && let Some(oldest) = self.last.front_mut()
        {
            let (gone, before, used_up) = match oldest {
                Part::One(execution) => (1, execution.time, true),
                Part::Run(run) => {
                    let gone = run.len().min(surplus);
                    run.from += gone as u64;
                    (gone, run.quiet.at(run.from - 1), run.len() == 0)
                }
            };
            if used_up {
                self.last.pop_front();
            }
            self.before = Some(before);
            self.held -= gone;
        }
    }

    /// Start of the execution before the last ones, and these.
    pub(super) fn all(&self) -> (Option<Timestamp>, Vec<Execution>) {
        let mut all = Vec::with_capacity(self.held);
        for part in &self.last {
            match part {
                Part::One(execution) => all.push(execution.clone()),
                Part::Run(run) => {
                    all.extend((run.from..run.quiet.count).map(|number| Execution::good(run.quiet.at(number))));
                }
            }
        }
        (self.before, all)
    }
}

impl Run {
    fn len(&self) -> usize {
        (self.quiet.count - self.from) as usize
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
