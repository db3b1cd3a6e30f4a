//! Scores the report of one scene.

use storage::record::Change;

use crate::dice::Dice;
use crate::score::baselines;
use crate::score::closure::Closure;
use crate::score::matching::{Pairs, main_one, matched, pairs};
use crate::score::reported::{Reported, incidents};
use crate::truth::{Answer, TrueIncident, Truth};

/// The score of one scene.
#[derive(Debug, Clone)]
pub struct Scored {
    /// Name of the case.
    pub case: String,
    /// Its seed.
    pub seed: u64,
    /// Unrelated changes a day.
    pub decoys: u32,
    /// Whether something in it invites a wrong answer.
    pub deceptive: bool,
    /// One for each true incident.
    pub answers: Vec<Scoring>,
    /// One for each reported incident that is about nothing, or is a second one about the same: whether the change that
    /// it names is right, where it names one.
    pub others: Vec<Option<bool>>,
    /// Reported incidents that are about nothing.
    pub spurious: usize,
    /// How failing stretches are put together.
    pub pairs: Pairs,
    /// How long the report took, in milliseconds.
    pub took_ms: f64,
    /// Whether all that its reports name exists; nothing where only one report is there.
    pub closure: Closure,
}

/// The score of one true incident.
#[derive(Debug, Clone)]
pub struct Scoring {
    /// Whether a change is behind it.
    pub by_change: bool,
    /// Whether there was enough to see.
    pub visible: bool,
    /// Whether a probe failed wholly from the onset on.
    pub full: bool,
    /// Whether the report has it.
    pub found: bool,
    /// `change`, `none`, `ambiguous`; empty where it is not found.
    pub verdict: String,
    /// 1 for a right answer, 0.5 for a half right one.
    pub credit: f64,
    /// Whether a right answer is among the first three; where no change is behind it, whether none is the answer.
    pub top3: bool,
    /// Whether the trigger is right, where one is asked for and the change is.
    pub trigger: Option<bool>,
    /// Probability of the answer given.
    pub confidence: f64,
    /// Distance of the middle of the start from the true onset, in intervals.
    pub onset_error: f64,
    /// Whether the start's interval holds the true onset.
    pub onset_covered: bool,
    /// Width of the start's interval, in intervals of the schedule.
    pub onset_width: f64,
    /// Whether the tags and the severity asked for are there, and `none` is not too sure.
    pub marks: bool,
    /// Which of the simple rules are right.
    pub baselines: Vec<bool>,
    /// What would have been right.
    pub expected: String,
    /// What was said.
    pub got: String,
}

/// Scores a report against the truth.
#[must_use]
pub fn score(truth: &Truth, report: &serde_json::Value, changes: &[Change], took_ms: f64) -> Scored {
    let reported = incidents(report);
    let matched = matched(truth, &reported);
    let mut dice = Dice::new(truth.seed, "random rule");
    let mut main = Vec::new();
    let mut answers = Vec::new();
    for (number, is) in truth.incidents.iter().enumerate() {
        let place = main_one(truth, number, &reported, &matched);
        main.extend(place);
        answers.push(place.map_or_else(
            || missed(is),
            |place| {
                let said = baselines::answers(&reported[place], &reported, changes, &mut dice);
                found(is, &reported[place], &said)
            },
        ));
    }
    let others = (0..reported.len()).filter(|place| !main.contains(place));
    let others = others.map(|place| {
        let named = named(&reported[place])?;
        Some(matched[place].is_some_and(|number| right(&truth.incidents[number].accepted, &named)))
    });
    Scored {
        case: truth.case.clone(),
        seed: truth.seed,
        decoys: truth.decoys,
        deceptive: truth.deceptive,
        answers,
        others: others.collect(),
        spurious: matched.iter().filter(|number| number.is_none()).count(),
        pairs: pairs(truth, &reported),
        took_ms,
        closure: Closure::default(),
    }
}

impl Scored {
    /// Whether all of it is right.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.spurious == 0
            && self.answers.iter().all(|answer| {
                !answer.visible || (answer.credit >= 1.0 && answer.marks && answer.trigger != Some(false))
            })
    }
}

fn found(is: &TrueIncident, incident: &Reported, said: &[Option<String>]) -> Scoring {
    let by_change = !is.accepted.is_empty();
    let named = named(incident);
    let (credit, confidence) = match (incident.verdict.as_str(), &named) {
        ("change", Some(named)) => {
            let credit = if right(&is.accepted, named) {
                1.0
            } else if right(&is.half, named) {
                0.5
            } else {
                0.0
            };
            (credit, top(incident))
        }
        ("none", _) if !by_change => (1.0, incident.none),
        ("none", _) => (if is.half_none { 0.5 } else { 0.0 }, incident.none),
        _ => (0.0, top(incident).max(incident.none)),
    };
    let accepted = |changes: &[String]| is.accepted.iter().find(|answer| answer.names(&refs(changes)));
    let trigger = incident.causes.first().filter(|_| credit >= 1.0 && by_change).and_then(|cause| {
        let answer = accepted(&cause.changes)?;
        let given = cause.trigger.as_ref();
        (!answer.triggers.is_empty()).then(|| given.is_some_and(|given| answer.triggers.contains(given)))
    });
    let top3 = if by_change {
        incident.causes.iter().take(3).any(|cause| accepted(&cause.changes).is_some())
    } else {
        incident.verdict == "none"
    };
    let (lo, hi) = incident.start;
    let width = hi.duration_since(lo).as_secs_f64();
    let error = (is.onset.duration_since(lo).as_secs_f64() - width / 2.0).abs() / is.every;
    // Times are kept in whole milliseconds.
    let covered =
        is.onset.duration_since(lo).as_secs_f64() >= -0.002 && hi.duration_since(is.onset).as_secs_f64() >= -0.002;
    let marks = is.tags.iter().all(|tag| incident.tags.contains(tag))
        && (!is.fail_open || incident.severity == "security")
        && is.none_at_most.is_none_or(|most| incident.none <= most);
    let baselines = said.iter().map(|said| match said {
        None => !by_change,
        Some(id) => is.accepted.iter().any(|answer| answer.changes.contains(id)),
    });
    Scoring {
        by_change,
        visible: is.visible,
        full: is.full,
        found: true,
        verdict: incident.verdict.clone(),
        credit,
        top3,
        trigger,
        confidence,
        onset_error: error,
        onset_covered: covered,
        onset_width: width / is.every,
        marks,
        baselines: baselines.collect(),
        expected: expected(is),
        got: got(incident),
    }
}

fn missed(is: &TrueIncident) -> Scoring {
    Scoring {
        by_change: !is.accepted.is_empty(),
        visible: is.visible,
        full: is.full,
        found: false,
        verdict: String::new(),
        credit: 0.0,
        top3: false,
        trigger: None,
        confidence: 0.0,
        onset_error: 0.0,
        onset_covered: false,
        onset_width: 0.0,
        marks: false,
        baselines: vec![false; baselines::NAMES.len()],
        expected: expected(is),
        got: "not found".into(),
    }
}

/// The changes that an incident names, where it names any.
fn named(incident: &Reported) -> Option<Vec<String>> {
    let first = incident.causes.first().filter(|_| incident.verdict == "change")?;
    Some(first.changes.clone())
}

fn right(answers: &[Answer], named: &[String]) -> bool {
    answers.iter().any(|answer| answer.names(&refs(named)))
}

fn refs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn top(incident: &Reported) -> f64 {
    incident.causes.first().map_or(0.0, |cause| cause.probability)
}

fn expected(is: &TrueIncident) -> String {
    let answers: Vec<String> = is
        .accepted
        .iter()
        .map(|answer| match answer.triggers.as_slice() {
            [] => answer.changes.join("+"),
            triggers => format!("{} by {}", answer.changes.join("+"), triggers.join("|")),
        })
        .collect();
    if answers.is_empty() { "none".into() } else { answers.join(" or ") }
}

fn got(incident: &Reported) -> String {
    let causes: Vec<String> = incident
        .causes
        .iter()
        .take(3)
        .map(|cause| {
            let by = cause.trigger.as_ref().map(|trigger| format!(" by {trigger}")).unwrap_or_default();
            format!("{} {}{by} {:.3}", cause.kind, cause.changes.join("+"), cause.probability)
        })
        .collect();
    let tags = if incident.tags.is_empty() { String::new() } else { format!(", tags {}", incident.tags.join(" ")) };
    format!(
        "{} [{}], none {:.3}, {} series, {}{tags}",
        incident.verdict,
        causes.join("; "),
        incident.none,
        incident.episodes.len(),
        incident.severity
    )
}
