//! Which change is behind an incident: rival explanations as competing risks, with "no change" as one of them.

use std::collections::BTreeSet;

use serde::Serialize;
use storage::record::{Change, ChangeKind, Gap};

use crate::episode::Episode;
use crate::input::{Input, shift};
use crate::interval::Interval;
use crate::settings::ratio;
use crate::wording;

use candidate::Candidate;
use class::Seen;
use factors::{Evidence, Factor};
use model::Model;

pub mod candidate;
pub mod class;
pub mod factors;
pub mod lag;
pub mod model;

/// What is known of an incident when its cause is sought.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// Everything that was recorded around it.
    pub input: &'a Input,
    /// Targets that fail.
    pub targets: BTreeSet<&'a str>,
    /// When it began.
    pub start: Interval,
    /// When it ended; absent while it lasts.
    pub end: Option<Interval>,
    /// What the probes of the targets show together.
    pub seen: Seen,
    /// The failing stretches.
    pub failing: Vec<&'a Episode>,
    /// Probes that stayed healthy, as `target/probe`.
    pub healthy: Vec<String>,
}

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// Ids of the changes held responsible.
    pub changes: Vec<String>,
    /// Id of what put a dormant change in force.
    pub trigger: Option<String>,
    /// Kind of the first change.
    pub kind: ChangeKind,
    /// What was changed.
    pub object: String,
    /// What happened, in one sentence.
    pub says: String,
    /// Its share among all explanations.
    pub probability: f64,
    /// The probability in a word.
    pub label: &'static str,
    /// What speaks for it, the strongest first.
    #[serde(rename = "for")]
    pub supports: Vec<Evidence>,
    /// What speaks against it, the strongest first.
    pub against: Vec<Evidence>,
}

/// What was done that ended an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
/// Evidence weaker than this is not shown.
const SHOWN: f64 = 0.05;

impl Case<'_> {
    /// Whether a change is linked to a target of the incident.
    #[must_use]
    pub fn links(&self, change: &Change) -> bool {
        change.targets.iter().any(|target| self.targets.contains(target.as_str()))
    }

    /// The targets in words.
    #[must_use]
    pub fn target_names(&self) -> String {
        wording::list(self.targets.iter().copied())
    }
}

/// Weighs every explanation of an incident.
#[must_use]
pub fn find(case: &Case<'_>, model: &Model) -> Finding {
    let gaps = blind(case);
    let gap_ratio = if gaps.is_empty() { 1.0 } else { model.background.gap_factor };
    let background = background(case, model);
    let hours = (case.start.width_s() / 3600.0).max(1.0 / 3_600_000.0);
    let none = model.background.rate_per_hour * hours * background * gap_ratio;
    let mut weighed: Vec<Weighed<'_>> = candidate::candidates(case, model)
        .into_iter()
        .filter_map(|candidate| weigh(candidate, case, model, background))
        .collect();
    let all = none + weighed.iter().map(|weighed| weighed.weight).sum::<f64>();
    for weighed in &mut weighed {
        weighed.weight /= all;
        if gap_ratio > 1.0 {
            let says = "a feed of changes was blind around the onset: a change may be missing".to_owned();
            weighed.evidence.push(Evidence { factor: Factor::Gap, says, ln_lr: -gap_ratio.ln() });
        }
    }
    weighed.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.key().cmp(&b.key())));
    name_one_deploy(&mut weighed, model);
    let ceiling = if gaps.is_empty() { 1.0 } else { model.background.none_ceiling_with_gap };
    let none_probability = floor(none / all).min(ceiling);
    let top = weighed.first().map_or(0.0, |weighed| weighed.weight);
    let verdict = match (top >= NAMED, none_probability >= NAMED) {
        (true, _) => Verdict::Change,
        (false, true) => Verdict::None,
        (false, false) => Verdict::Ambiguous,
    };
    let undo = weighed.first().filter(|_| verdict == Verdict::Change);
    let undo = undo.and_then(|weighed| factors::undone_by(&weighed.candidate, case));
    let mitigation = undo.and_then(|change| Some(Mitigation { change: change.id.clone(), at: change.hi()? }));
    Finding {
        verdict,
        causes: weighed
            .iter()
            .take(MOST)
            .filter(|weighed| weighed.weight >= LISTED)
            .filter_map(Weighed::cause)
            .collect(),
        none_probability,
        background: pattern_name(case, model),
        blind_spots: blind_spots(case, &gaps),
        mitigation,
    }
}

struct Weighed<'a> {
    candidate: Candidate<'a>,
    weight: f64,
    evidence: Vec<Evidence>,
}

impl Weighed<'_> {
    fn key(&self) -> (Vec<&str>, Option<&str>) {
        let changes = self.candidate.changes.iter().map(|change| change.id.as_str()).collect();
        (changes, self.candidate.trigger.map(|trigger| trigger.id.as_str()))
    }

    fn cause(&self) -> Option<Cause> {
        let first = self.candidate.changes.first()?;
        let mut evidence: Vec<_> =
            self.evidence.iter().filter(|evidence| evidence.ln_lr.abs() >= SHOWN).cloned().collect();
        evidence.sort_by(|a, b| b.ln_lr.abs().total_cmp(&a.ln_lr.abs()).then(a.factor.cmp(&b.factor)));
        for evidence in &mut evidence {
            evidence.ln_lr = (evidence.ln_lr * 1000.0).round() / 1000.0;
        }
        let (supports, against) = evidence.into_iter().partition(|evidence| evidence.ln_lr > 0.0);
        Some(Cause {
            changes: self.candidate.changes.iter().map(|change| change.id.clone()).collect(),
            trigger: self.candidate.trigger.map(|trigger| trigger.id.clone()),
            kind: first.kind,
            object: first.object.clone(),
            says: says(&self.candidate),
            probability: floor(self.weight),
            label: label(self.weight),
            supports,
            against,
        })
    }
}

fn weigh<'a>(candidate: Candidate<'a>, case: &Case<'_>, model: &Model, background: f64) -> Option<Weighed<'a>> {
    let parts = model.lag.get(candidate.lag)?;
    let seconds = |from: jiff::Timestamp, until: jiff::Timestamp| until.duration_since(from).as_secs_f64();
    let latest = lag::at_most(parts, seconds(candidate.at.lo, case.start.hi), candidate.duration_s);
    let earliest = lag::at_most(parts, seconds(candidate.at.hi, case.start.lo), candidate.duration_s);
    let timing = latest - earliest;
    let fit: f64 = candidate
        .profiles
        .iter()
        .filter_map(|(name, share)| Some(share * class::likelihood(model.profile.get(*name)?, &case.seen, model.class)))
        .sum();
    if timing <= 0.0 || fit <= 0.0 || candidate.prior <= 0.0 {
        return None;
    }
    let any_moment = (case.start.width_s() / (model.search.hours * 3600.0)).max(1e-9);
    let mut evidence = vec![
        Evidence {
            factor: Factor::Timing,
            says: timing_says(&candidate, case, parts),
            ln_lr: (timing / any_moment).ln(),
        },
        Evidence { factor: Factor::Class, says: class_says(case), ln_lr: (fit / background).ln() },
    ];
    let more = factors::factors(&candidate, case, model);
    let factor: f64 = more.iter().map(|evidence| evidence.ln_lr).sum::<f64>().exp();
    evidence.extend(more);
    let weight = candidate.prior * timing * fit * factor;
    Some(Weighed { candidate, weight, evidence })
}

/// Likelihood of what is seen where no recorded change explains it.
fn background(case: &Case<'_>, model: &Model) -> f64 {
    let known = class::likelihood(&model.background_pattern, &case.seen, model.class);
    let changes: f64 =
        model.profile.values().map(|patterns| class::likelihood(patterns, &case.seen, model.class)).sum::<f64>()
            / model.profile.len().max(1) as f64;
    (1.0 - model.background.unseen) * known + model.background.unseen * changes
}

/// The likeliest pattern without a change, unless none fits.
fn pattern_name(case: &Case<'_>, model: &Model) -> String {
    let best = model
        .background_pattern
        .iter()
        .map(|pattern| (pattern, pattern.likelihood(&case.seen, model.class)))
        .max_by(|(a, fit_a), (b, fit_b)| (fit_a * a.weight).total_cmp(&(fit_b * b.weight)));
    let full = (1.0 - model.class.epsilon).powi(case.seen.len() as i32);
    match best {
        Some((pattern, fit)) if fit >= full / 2.0 => pattern.name.clone(),
        _ => "unknown: no pattern of failures without a change looks like this".to_owned(),
    }
}

/// Two changes of one deploy, neither of them likely alone, are named together.
fn name_one_deploy(weighed: &mut Vec<Weighed<'_>>, model: &Model) {
    let [first, second, ..] = weighed.as_slice() else { return };
    let [a, b] = [first, second].map(|weighed| weighed.candidate.changes.first().copied());
    let Some((a, b)) = a.zip(b) else { return };
    let apart = a.lo().zip(b.lo()).map_or(f64::INFINITY, |(a, b)| b.duration_since(a).as_secs_f64().abs());
    let one = a.id != b.id && a.actor.is_some() && a.actor == b.actor && apart <= model.search.one_deploy_s;
    let linked = first.candidate.linked && second.candidate.linked;
    if one && linked && first.weight < model.search.joint_below {
        let joined = weighed.remove(1);
        if let Some(first) = weighed.first_mut() {
            first.weight += joined.weight;
            first.candidate.changes.extend(joined.candidate.changes);
        }
    }
}

/// Gaps of feeds of changes that lie around the onset.
fn blind<'a>(case: &Case<'a>) -> Vec<&'a Gap> {
    let from = shift(case.start.lo, -jiff::SignedDuration::from_hours(1));
    case.input.gaps.iter().filter(|gap| gap.feed != "prober" && gap.from <= case.start.hi && gap.until > from).collect()
}

fn blind_spots(case: &Case<'_>, gaps: &[&Gap]) -> Vec<String> {
    let until = case.end.map_or(case.start.hi, |end| end.hi);
    let prober =
        case.input.gaps.iter().filter(|gap| gap.feed == "prober" && gap.from <= until && gap.until > case.start.lo);
    let mut spots: Vec<String> = gaps.iter().copied().chain(prober).map(wording::gap).collect();
    if case.input.changes.is_empty() {
        spots.push("no change at all was recorded: is a source of changes configured?".to_owned());
    }
    spots
}

/// What a candidate says happened: the changes with their times, and what put them in force.
fn says(candidate: &Candidate<'_>) -> String {
    let told = |change: &&Change| {
        let at = candidate::interval(change).map_or_else(|| "at an unknown time".to_owned(), wording::interval);
        format!("{} at {at} ({})", wording::change(change), change.id)
    };
    let changes = wording::list(candidate.changes.iter().map(told));
    match &candidate.trigger {
        Some(trigger) => format!("{changes}, dormant until {}", told(trigger)),
        None => changes,
    }
}

fn timing_says(candidate: &Candidate<'_>, case: &Case<'_>, parts: &[lag::Part]) -> String {
    let what = match candidate.trigger {
        Some(trigger) => format!("{} put it in force", trigger.kind),
        None => "it".to_owned(),
    };
    let lo = case.start.lo.duration_since(candidate.at.hi).as_secs_f64();
    let hi = case.start.hi.duration_since(candidate.at.lo).as_secs_f64();
    let usual = wording::seconds(lag::ninety(parts, candidate.duration_s));
    if hi < 0.0 {
        return format!("failures began {} before {what}", wording::seconds(-hi));
    }
    format!(
        "failures began {} after {what}; nine in ten such effects begin within {usual}",
        wording::seconds_range(lo.max(0.0), hi)
    )
}

fn class_says(case: &Case<'_>) -> String {
    let failing: BTreeSet<(&str, &str)> =
        case.failing.iter().map(|episode| (episode.probe.as_str(), wording::reason_word(episode.reason))).collect();
    let fails = wording::list(failing.iter().map(|(probe, reason)| format!("{probe} ({reason})")));
    match case.healthy.is_empty() {
        true => format!("failing: {fails}; no other probe is healthy"),
        false => format!(
            "failing: {fails}; healthy: {}",
            wording::list(case.healthy.iter().map(|path| path.rsplit('/').next().unwrap_or(path)))
        ),
    }
}

fn label(probability: f64) -> &'static str {
    match probability {
        p if p >= 0.95 => "very likely",
        p if p >= 0.80 => "likely",
        p if p >= NAMED => "possible",
        _ => "unlikely",
    }
}

/// Cut to six digits, so that the sum of probabilities stays at most 1.
fn floor(probability: f64) -> f64 {
    ratio((probability * 1e6).floor() / 1e6)
}
