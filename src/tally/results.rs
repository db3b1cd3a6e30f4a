//! Counts the results of each configured probe, and keeps what its newest execution said.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use reports::settings::Settings;
use storage::record::{ChangeKind, Expect, Outcome, Phases, ProbeResult, Reason, Record};

use crate::config::TargetConfig;
use crate::tally::objectives::Objectives;

/// The results of one agent.
#[derive(Debug)]
pub(crate) struct Results {
    /// The agent whose results count.
    pub(crate) agent: String,
    /// The objectives that results count in.
    pub(crate) objectives: Objectives,
    /// Changes by the place of their kind in the list of all kinds.
    pub(crate) changes: [u64; ChangeKind::ALL.len()],
    series: Vec<Series>,
    by_name: HashMap<String, HashMap<String, usize>>,
}

/// The results of one probe.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// Name of the target.
    pub(crate) target: String,
    /// Name of the probe in it.
    pub(crate) probe: String,
    /// Results by the code of their outcome.
    pub(crate) outcomes: [u64; Outcome::ALL.len()],
    /// Results that are no success by their reason: those that were seen, and those that must be there from the start.
    pub(crate) reasons: BTreeMap<(Outcome, Reason), u64>,
    /// What was seen last.
    pub(crate) newest: Option<Newest>,
    about: Vec<usize>,
}

/// The newest execution that succeeded or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Newest {
    /// When it began.
    pub(crate) time: Timestamp,
    /// Whether it succeeded.
    pub(crate) success: bool,
    /// HTTP status of the answer, if one came.
    pub(crate) status: Option<u16>,
    /// How long it took in microseconds.
    pub(crate) took_us: u64,
    /// Where the time went, if a request was sent.
    pub(crate) phases: Option<Phases>,
}

impl Results {
    /// Every probe of the targets, without a result.
    pub(crate) fn new(agent: &str, targets: &[TargetConfig], judging: &Settings) -> Self {
        let objectives = Objectives::new(judging);
        let mut series = Vec::new();
        let mut by_name: HashMap<String, HashMap<String, usize>> = HashMap::new();
        for TargetConfig { target, .. } in targets {
            for plan in target.probes.plans() {
                // An alert must see the first one of these, and a counter that begins at 1 shows no increase.
                let from_the_start = (plan.expect == Expect::Deny).then_some(Reason::UnexpectedlyAllowed);
                by_name.entry(target.name.clone()).or_default().insert(plan.name.clone(), series.len());
                series.push(Series {
                    about: objectives.about(&target.name, &plan.name),
                    target: target.name.clone(),
                    probe: plan.name,
                    outcomes: [0; Outcome::ALL.len()],
                    reasons: from_the_start.map(|reason| ((Outcome::Failure, reason), 0)).into_iter().collect(),
                    newest: None,
                });
            }
        }
        Self { agent: agent.to_owned(), objectives, changes: [0; ChangeKind::ALL.len()], series, by_name }
    }

    /// Counts a result or a change. A result of no configured probe, or of another agent, counts nowhere.
    pub(crate) fn count(&mut self, record: &Record) {
        let result = match record {
            Record::Result(result) => result,
            Record::Change(change) => {
                let kinds = ChangeKind::ALL.iter().zip(&mut self.changes);
                kinds.filter(|(kind, _)| **kind == change.kind).for_each(|(_, count)| *count += 1);
                return;
            }
            Record::Gap(_) | Record::Verdict(_) => return,
        };
        if result.agent != self.agent {
            return;
        }
        let place = self.by_name.get(&result.target).and_then(|probes| probes.get(&result.probe));
        let Some(series) = place.and_then(|place| self.series.get_mut(*place)) else { return };
        series.count(result);
        self.objectives.count(result, &series.about);
    }

    /// Every probe.
    pub(crate) fn series(&self) -> &[Series] {
        &self.series
    }
}

impl Series {
    fn count(&mut self, result: &ProbeResult) {
        if let Some(count) = self.outcomes.get_mut(usize::from(result.outcome.code())) {
            *count += 1;
        }
        if let Some(reason) = result.reason {
            *self.reasons.entry((result.outcome, reason)).or_default() += 1;
        }
        let executed = matches!(result.outcome, Outcome::Success | Outcome::Failure);
        if executed && self.newest.is_none_or(|newest| newest.time <= result.time) {
            self.newest = Some(Newest {
                time: result.time,
                success: result.outcome == Outcome::Success,
                status: result.status,
                took_us: result.took_us,
                phases: result.phases_us,
            });
        }
    }
}
