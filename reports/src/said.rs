//! What people say of incidents: made into records, and shown beside what was found.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use storage::record::{Change, Decision, Verdict};

use crate::cause::index::interval;
use crate::incident::Incident;
use crate::wording;

/// What a person said, as a report shows it beside the causes. It changes none of their probabilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Confirmed {
    /// Whether the cause is known, or the named one wrong.
    #[schemars(with = "String")]
    pub decision: Decision,
    /// The changes that are meant; of a confirmation without any, no recorded change is behind it.
    pub changes: Vec<String>,
    /// What put a dormant change in force.
    pub trigger: Option<String>,
    /// Who said it, where that was told.
    pub by: Option<String>,
    /// When it was said.
    pub at: Timestamp,
    /// Why, where that was told.
    pub because: Option<String>,
}

/// What is answered when a cause is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is the first cause of the report.
    First,
    /// It is these changes, put in force by another one where they lay dormant.
    Changes(Vec<String>, Option<String>),
    /// No recorded change is behind it.
    Nothing,
    /// The first cause of the report is wrong.
    Wrong,
}

/// Who says it, when and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Author {
    /// A role or a team; empty where it is not told.
    pub name: String,
    /// Why; empty where it is not told.
    pub because: String,
    /// The present moment.
    pub now: Timestamp,
}

/// Why an answer is no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The report names no cause to agree or disagree with.
    #[error("the report names no change for this incident: say which one it was, or that it was none")]
    NothingNamed,
    /// There is no such change.
    #[error("there is no change `{0}`")]
    UnknownChange(String),
}

/// Makes an answer the verdict on an incident. `changes` are all that are recorded, in any order.
///
/// # Errors
/// When there is nothing to agree or disagree with, or a change does not exist.
pub fn verdict(incident: &Incident, answer: Answer, author: Author, changes: &[Change]) -> Result<Verdict, Refused> {
    let first = || incident.causes.first().ok_or(Refused::NothingNamed);
    let (decision, named, trigger) = match answer {
        Answer::First => (Decision::Confirmed, first()?.changes.clone(), first()?.trigger.clone()),
        Answer::Wrong => (Decision::Rejected, first()?.changes.clone(), first()?.trigger.clone()),
        Answer::Changes(named, trigger) => (Decision::Confirmed, named, trigger),
        Answer::Nothing => (Decision::Confirmed, Vec::new(), None),
    };
    let find =
        |id: &String| changes.iter().find(|change| change.id == *id).ok_or_else(|| Refused::UnknownChange(id.clone()));
    let found: Vec<&Change> = named.iter().map(find).collect::<Result<_, _>>()?;
    let put_in_force = trigger.as_ref().map(find).transpose()?;
    let start = incident.start.middle();
    let known = incident.causes.iter().find(|cause| cause.changes == named && cause.trigger == trigger);
    let at = known.map(|cause| cause.at.middle()).or_else(|| {
        // A dormant change acts from the later of the two on.
        found.first().into_iter().copied().chain(put_in_force).filter_map(interval).map(|at| at.middle()).max()
    });
    Ok(Verdict {
        id: Verdict::id_of(&incident.id),
        time: author.now,
        incident: incident.id.clone(),
        decision,
        kind: found.first().map(|change| change.kind),
        changes: named,
        trigger,
        targets: incident.targets().into_iter().map(str::to_owned).collect(),
        start: Some(start),
        lag_s: at.map(|at| crate::period::seconds_between(at, start)),
        lag: known.map(|cause| cause.lag.to_owned()),
        author: author.name,
        reason: author.because,
    })
}

/// Sets beside each incident what was said of it last.
pub(crate) fn tell(incidents: &mut [Incident], verdicts: &[Verdict]) {
    let mut last: BTreeMap<&str, &Verdict> = BTreeMap::new();
    for verdict in verdicts {
        let kept = last.entry(&verdict.incident).or_insert(verdict);
        if (kept.time, &kept.id) < (verdict.time, &verdict.id) {
            *kept = verdict;
        }
    }
    for incident in incidents {
        incident.confirmed = last.get(incident.id.as_str()).map(|verdict| Confirmed::from(*verdict));
    }
}

impl Confirmed {
    /// What was said, by whom and when, in one sentence.
    #[must_use]
    pub fn says(&self) -> String {
        let named = wording::list(self.changes.iter().cloned());
        let force = self.trigger.as_ref().map_or(String::new(), |trigger| format!(", put in force by {trigger}"));
        let what = match (self.decision, self.changes.is_empty()) {
            (Decision::Confirmed, true) => "no recorded change caused it".to_owned(),
            (Decision::Confirmed, false) => format!("it was {named}{force}"),
            (Decision::Rejected, true) => "the named cause is wrong".to_owned(),
            (Decision::Rejected, false) => format!("it was not {named}{force}"),
        };
        let by = self.by.as_ref().map_or(String::new(), |by| format!(", says {by}"));
        let because = self.because.as_ref().map_or(String::new(), |because| format!(": {because}"));
        format!("{what}{because} ({}{by})", wording::moment(self.at))
    }
}

impl From<&Verdict> for Confirmed {
    fn from(verdict: &Verdict) -> Confirmed {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Confirmed {
            decision: verdict.decision,
            changes: verdict.changes.clone(),
            trigger: verdict.trigger.clone(),
            by: given(&verdict.author),
            at: verdict.time,
            because: given(&verdict.reason),
        }
    }
}
