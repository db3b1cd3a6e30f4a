//! What speaks for and against an explanation: facts with their weight, and the sentences that tell them.

use schemars::JsonSchema;
use serde::Serialize;
use storage::record::Change;

use crate::wording;

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Evidence {
    /// What kind of evidence it is.
    pub factor: Factor,
    /// One sentence.
    pub says: String,
    /// Natural logarithm of the likelihood ratio: above zero speaks for the explanation.
    pub ln_lr: f64,
}

/// Kinds of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// How well the delay fits.
    Timing,
    /// How well the failing and the healthy probes fit.
    Class,
    /// What happened before the failures ended.
    Recovery,
    /// Whether the failures follow the rollout.
    Dose,
    /// What rules it out.
    Veto,
    /// What untouched probes show.
    Control,
    /// What the change did before.
    History,
    /// Whether it is linked to the target.
    Scope,
    /// What could not be seen.
    Gap,
}

/// Something that was found out about an explanation, besides its time and the pattern of the probes.
#[derive(Debug, Clone, Copy)]
pub enum Fact<'a> {
    /// No failing target depends on it.
    Unlinked,
    /// Only metadata was written.
    ContentUnchanged,
    /// It is about the prober's own identity.
    TouchesProbe,
    /// It is about another identity.
    TouchesOther,
    /// A failing target that nothing links it to.
    Uncovered(&'a str),
    /// A target that depends on it and is well.
    Spared(&'a str),
    /// The same probes are well at another agent.
    HealthyElsewhere,
    /// The failing share follows the new pods.
    FollowsPods,
    /// The failing share does not follow the new pods.
    IgnoresPods,
    /// Only a part of the executions fails.
    Partial,
    /// Nearly all executions fail.
    Whole,
    /// The failing share grows slowly.
    Climbs,
    /// The failures are there at once.
    Sudden,
    /// The same failures were there before it.
    FailedBefore,
    /// It was undone, and then the failures ended.
    Undone(&'a Change),
    /// Its object was changed again, and then the failures ended.
    ChangedAgain(&'a Change),
    /// Its consumers were started again, and then the failures ended.
    ConsumersRestarted(&'a Change),
    /// The failures ended as the rollout was complete.
    RolloutDone,
    /// The failures ended though it stayed in force.
    HealedInForce,
    /// The failures ended by themselves, as they do after such a change.
    HealedByItself,
    /// So many earlier ones did no harm.
    Harmless(u64),
    /// The key was published so many seconds before it was used.
    KeyLead(f64),
    /// A feed of changes was blind.
    FeedBlind,
}

impl Fact<'_> {
    /// What kind of evidence it is.
    #[must_use]
    pub fn factor(&self) -> Factor {
        match self {
            Fact::Unlinked | Fact::TouchesProbe | Fact::TouchesOther => Factor::Scope,
            Fact::ContentUnchanged | Fact::FailedBefore => Factor::Veto,
            Fact::Uncovered(_) | Fact::Spared(_) | Fact::HealthyElsewhere => Factor::Control,
            Fact::FollowsPods | Fact::IgnoresPods | Fact::Partial | Fact::Whole | Fact::Climbs | Fact::Sudden => {
                Factor::Dose
            }
            Fact::Undone(_)
            | Fact::ChangedAgain(_)
            | Fact::ConsumersRestarted(_)
            | Fact::RolloutDone
            | Fact::HealedInForce
            | Fact::HealedByItself => Factor::Recovery,
            Fact::Harmless(_) | Fact::KeyLead(_) => Factor::History,
            Fact::FeedBlind => Factor::Gap,
        }
    }

    /// The sentence that tells it. `targets` are the failing targets in words.
    #[must_use]
    pub fn says(&self, targets: &str) -> String {
        match self {
            Fact::Unlinked => format!("nothing links it to {targets}"),
            Fact::ContentUnchanged => "its content did not change, only metadata".to_owned(),
            Fact::TouchesProbe => "it concerns the prober's own identity".to_owned(),
            Fact::TouchesOther => "it concerns another identity than the prober's".to_owned(),
            Fact::Uncovered(target) => format!("{target} fails as well, and nothing links it to that"),
            Fact::Spared(target) => format!("{target} depends on it as well, and stays healthy"),
            Fact::HealthyElsewhere => "the same probes are healthy at another agent".to_owned(),
            Fact::FollowsPods => "the failing share follows the new pods".to_owned(),
            Fact::IgnoresPods => "the failing share does not follow the new pods".to_owned(),
            Fact::Partial => "only a part of the executions fails".to_owned(),
            Fact::Whole => "nearly every execution fails".to_owned(),
            Fact::Climbs => "the failing share climbs slowly, as where something is used up".to_owned(),
            Fact::Sudden => "the failures were there at once".to_owned(),
            Fact::FailedBefore => "the same probes failed the same way in the hour before it".to_owned(),
            Fact::Undone(by) => format!("failures ended after it was undone by {}", by.id),
            Fact::ChangedAgain(by) => format!("failures ended after it was changed again by {}", by.id),
            Fact::ConsumersRestarted(by) => format!("failures ended after {} started its consumers again", by.id),
            Fact::RolloutDone => "failures ended as the rollout was complete".to_owned(),
            Fact::HealedInForce => "failures ended while it stayed in force".to_owned(),
            Fact::HealedByItself => {
                "failures ended by themselves, as they do once caches and tokens are renewed".to_owned()
            }
            Fact::Harmless(1) => "an earlier one did no harm".to_owned(),
            Fact::Harmless(count) => format!("{count} earlier ones did no harm"),
            Fact::KeyLead(lead) => {
                format!("the key was published {} before tokens were signed with it", wording::seconds(*lead))
            }
            Fact::FeedBlind => "a feed of changes was blind around the onset: a change may be missing".to_owned(),
        }
    }
}
