//! What is true of a scene, beside its records.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is true of a scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Name of the case.
    pub case: String,
    /// Its seed.
    pub seed: u64,
    /// Unrelated changes a day.
    pub decoys: u32,
    /// Whether something in the scene invites a wrong answer.
    pub deceptive: bool,
    /// What went wrong; empty: nothing did.
    pub incidents: Vec<TrueIncident>,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrueIncident {
    /// The right answers; empty: no change is behind it.
    pub accepted: Vec<Answer>,
    /// Answers that are half right.
    pub half: Vec<Answer>,
    /// Whether `none` is half right.
    pub half_none: bool,
    /// The first moment at which a request could fail.
    pub onset: Timestamp,
    /// The last such moment; absent while it lasts.
    pub end: Option<Timestamp>,
    /// The series that failed.
    pub series: Vec<SeriesName>,
    /// Whether a probe failed wholly from the onset on.
    pub full: bool,
    /// Seconds between two executions.
    pub every: f64,
    /// Whether there was enough to see: a full outage of three intervals, or ten failures among at most forty executions.
    pub visible: bool,
    /// Tags that the incident must carry.
    pub tags: Vec<String>,
    /// Whether it is a failure to refuse.
    pub fail_open: bool,
    /// Highest probability of `none` that is not overconfident.
    pub none_at_most: Option<f64>,
}

/// Changes that are named together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Ids of the changes.
    pub changes: Vec<String>,
    /// Ids of the triggers, one of which must be named; empty: none is asked for.
    pub triggers: Vec<String>,
}

/// One probe of a target at an agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesName {
    /// The target.
    pub target: String,
    /// The probe.
    pub probe: String,
    /// The agent.
    pub agent: String,
}

impl Answer {
    /// One change.
    #[must_use]
    pub fn one(id: &str) -> Answer {
        Answer { changes: vec![id.to_owned()], triggers: Vec::new() }
    }

    /// One change that waited for one of these triggers.
    #[must_use]
    pub fn triggered(id: &str, triggers: &[&str]) -> Answer {
        Answer { changes: vec![id.to_owned()], triggers: triggers.iter().map(|id| (*id).to_owned()).collect() }
    }

    /// A set of changes.
    #[must_use]
    pub fn set(ids: &[&str]) -> Answer {
        Answer { changes: ids.iter().map(|id| (*id).to_owned()).collect(), triggers: Vec::new() }
    }

    /// Whether these changes, in any order, are the named ones.
    #[must_use]
    pub fn names(&self, changes: &[&str]) -> bool {
        self.changes.len() == changes.len() && self.changes.iter().all(|change| changes.contains(&change.as_str()))
    }
}
