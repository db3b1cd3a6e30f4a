//! Which change is behind an incident: rival explanations as competing risks, with "no change" as one of them.

use schemars::JsonSchema;
use serde::Serialize;
use storage::record::ChangeKind;

use crate::interval::Interval;
use crate::settings::ratio;

use case::Case;
use evidence::Evidence;
use model::Model;
use recovery::Undoing;
use weigh::{Scales, Weighed};

pub mod candidate;
pub mod case;
pub mod class;
pub mod evidence;
pub mod index;
pub mod kinds;
pub mod lag;
pub mod learn;
pub mod model;
pub mod overlay;

mod background;
mod deploy;
mod dose;
mod history;
mod recovery;
mod says;
mod scope;
mod weigh;

/// What the search came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Whether a change is named.
    pub verdict: Verdict,
    /// Explanations, the likeliest first, at most [`MOST`].
    pub causes: Vec<Cause>,
    /// Probability that no recorded change explains it.
    pub none_probability: f64,
    /// The likeliest explanation without a change.
    pub background: String,
    /// What could not be seen.
    pub blind_spots: Vec<String>,
    /// What was done that ended it.
    pub mitigation: Option<Mitigation>,
}

/// Whether a change is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The first cause is at least as likely as all else together.
    Change,
    /// No recorded change explains it.
    None,
    /// Neither can be said.
    Ambiguous,
}

/// One explanation.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Cause {
    /// Ids of the changes held responsible.
    pub changes: Vec<String>,
    /// Id of what put a dormant change in force.
    pub trigger: Option<String>,
    /// Kind of the first change.
    #[schemars(with = "String")]
    pub kind: ChangeKind,
    /// What was changed.
    pub object: String,
    /// What happened, in one sentence.
    pub says: String,
    /// Its share among all explanations.
    pub probability: f64,
    /// The probability in a word.
    pub label: &'static str,
    /// When it came into force.
    #[serde(skip)]
    pub at: Interval,
    /// Name of its delay in the model.
    #[serde(skip)]
    pub lag: &'static str,
    /// What speaks for it, the strongest first.
    #[serde(rename = "for")]
    pub supports: Vec<Evidence>,
    /// What speaks against it, the strongest first.
    pub against: Vec<Evidence>,
}

/// What was done that ended an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mitigation {
    /// Id of the change.
    pub change: String,
    /// When it was made.
    pub at: jiff::Timestamp,
}

/// Most causes that are listed.
pub const MOST: usize = 10;
/// Probability from which a change is named.
pub const NAMED: f64 = 0.5;

/// Probability below which an explanation is not listed.
const LISTED: f64 = 0.001;

/// Weighs every explanation of an incident.
#[must_use]
pub fn find(case: &Case<'_>, model: &Model) -> Finding {
    let gaps = background::blind(case);
    let blindness = background::blindness(&gaps, model);
    let mut scales = Scales::new(case, model);
    let none = scales.none() * blindness;
    let (candidates, too_many) = candidate::candidates(case, model);
    let weighed: Vec<Weighed<'_>> = candidates.into_iter().filter_map(|candidate| scales.weigh(candidate)).collect();
    let all = none + weighed.iter().map(|weighed| weighed.weight).sum::<f64>();
    let mut weighed = weigh::without_twins(weighed);
    for weighed in &mut weighed {
        weighed.weight /= all;
    }
    weighed.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.key().cmp(&b.key())));
    deploy::join(&mut weighed, model);
    let ceiling = if gaps.is_empty() { 1.0 } else { model.background.none_ceiling_with_gap };
    let none_probability = floor(none / all).min(ceiling);
    let top = weighed.first().map_or(0.0, |weighed| weighed.weight);
    let verdict = match (top >= NAMED, none_probability >= NAMED) {
        (true, _) => Verdict::Change,
        (false, true) => Verdict::None,
        (false, false) => Verdict::Ambiguous,
    };
    let undo = weighed.first().filter(|_| verdict == Verdict::Change);
    let undo = undo.and_then(|weighed| recovery::undone_by(&weighed.candidate, case)).map(Undoing::change);
    let mitigation = undo.and_then(|change| Some(Mitigation { change: change.id.clone(), at: change.hi()? }));
    let listed = weighed.iter().take(MOST).filter(|weighed| weighed.weight >= LISTED);
    Finding {
        verdict,
        causes: listed.filter_map(|weighed| told(weighed, case, model, blindness)).collect(),
        none_probability,
        background: background::name(case, model),
        blind_spots: background::blind_spots(case, &gaps, too_many),
        mitigation,
    }
}

fn told(weighed: &Weighed<'_>, case: &Case<'_>, model: &Model, blindness: f64) -> Option<Cause> {
    let first = weighed.candidate.change()?;
    let (supports, against) = weighed.evidence(case, model, blindness);
    Some(Cause {
        changes: weighed.candidate.changes.iter().map(|change| change.id.clone()).collect(),
        trigger: weighed.candidate.trigger.map(|trigger| trigger.id.clone()),
        kind: first.kind,
        object: first.object.clone(),
        says: says::candidate(&weighed.candidate),
        probability: floor(weighed.weight),
        label: says::label(weighed.weight),
        at: weighed.candidate.at,
        lag: weighed.candidate.lag,
        supports,
        against,
    })
}

/// Cut to six digits, so that the sum of probabilities stays at most 1.
fn floor(probability: f64) -> f64 {
    ratio((probability * 1e6).floor() / 1e6)
}
