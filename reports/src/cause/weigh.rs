//! The weight of one explanation, and the evidence that it comes from.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::candidate::Candidate;
use super::case::Case;
use super::class::{self, Seen};
use super::evidence::{Evidence, Fact, Factor};
use super::learn::Learned;
use super::model::Model;
use super::{background, dose, history, lag, recovery, says, scope};
use crate::input::shift;
use crate::interval::Interval;

/// An explanation with its weight.
#[derive(Debug, Clone)]
pub(super) struct Weighed<'a> {
    pub(super) candidate: Candidate<'a>,
    /// Prior times likelihood; a probability once it is divided by the sum of all.
    pub(super) weight: f64,
    /// How much better its time fits than any moment would.
    timing: f64,
    /// How much better what the probes show fits than it does without a change.
    class: f64,
    facts: Vec<(Fact<'a>, f64)>,
}

/// Weighs explanations of one case; what the probes show is compared with each pattern only once.
pub(super) struct Scales<'c, 'a> {
    case: &'c Case<'a>,
    model: &'c Model,
    /// The onset, as wide as clocks may differ.
    start: Interval,
    /// Likelihood of what is seen without a change.
    pub(super) background: f64,
    learned: Learned<'c>,
    seen: Vec<&'c Seen>,
    fits: BTreeMap<&'static str, f64>,
}

/// Evidence weaker than this is not shown.
const SHOWN: f64 = 0.05;

impl<'c, 'a> Scales<'c, 'a> {
    pub(super) fn new(case: &'c Case<'a>, model: &'c Model) -> Scales<'c, 'a> {
        let seen: Vec<&Seen> = case.seen.values().collect();
        let background = background::likelihood(&seen, model);
        let learned = Learned::before(model, &case.input.verdicts, case.start.lo);
        let clocks = SignedDuration::try_from_secs_f64(model.search.clock_s).unwrap_or(SignedDuration::ZERO);
        let start = Interval { lo: shift(case.start.lo, -clocks), hi: shift(case.start.hi, clocks) };
        Scales { case, model, start, background, learned, seen, fits: BTreeMap::new() }
    }

    /// The weight of no change at all, while feeds see everything.
    pub(super) fn none(&self) -> f64 {
        let hours = (self.start.width_s() / 3600.0).max(1.0 / 3_600_000.0);
        self.learned.rate_per_hour() * hours * self.background
    }

    /// Weighs a candidate; nothing where it cannot be the cause.
    pub(super) fn weigh(&mut self, candidate: Candidate<'a>) -> Option<Weighed<'a>> {
        let (case, model, start) = (self.case, self.model, self.start);
        let parts = self.learned.lag(candidate.lag)?;
        let seconds = |from: Timestamp, until: Timestamp| until.duration_since(from).as_secs_f64();
        let latest = lag::at_most(parts, seconds(candidate.at.lo, start.hi), candidate.duration_s);
        let earliest = lag::at_most(parts, seconds(candidate.at.hi, start.lo), candidate.duration_s);
        let timing = latest - earliest;
        if timing <= 0.0 || candidate.prior <= 0.0 {
            return None;
        }
        let fit: f64 = candidate.profiles.iter().map(|(name, share)| share * self.fit(name)).sum();
        if fit <= 0.0 {
            return None;
        }
        let mut facts = Vec::new();
        let mut say = |fact, ratio: f64| facts.push((fact, ratio));
        scope::facts(&candidate, case, model, &mut say);
        dose::facts(&candidate, case, model, &mut say);
        history::facts(&candidate, case, model, &mut say);
        recovery::facts(&candidate, case, model, &mut say);
        let factors: f64 = facts.iter().map(|(_, ratio)| ratio.ln()).sum::<f64>().exp();
        let weight = candidate.prior * self.learned.times(&candidate) * timing * fit * factors;
        let any_moment = (start.width_s() / (model.search.hours * 3600.0)).max(1e-9);
        Some(Weighed { candidate, weight, timing: timing / any_moment, class: fit / self.background, facts })
    }

    fn fit(&mut self, profile: &'static str) -> f64 {
        let (seen, model) = (&self.seen, self.model);
        *self.fits.entry(profile).or_insert_with(|| {
            model.profile.get(profile).map_or(0.0, |patterns| class::likelihood(patterns, seen, model.class))
        })
    }
}

/// One explanation for each set of changes: where one can do harm in two ways, the weights add up, and the evidence of
/// the likelier way stands.
pub(super) fn without_twins(mut weighed: Vec<Weighed<'_>>) -> Vec<Weighed<'_>> {
    weighed.sort_by(|a, b| a.key().cmp(&b.key()).then(b.weight.total_cmp(&a.weight)));
    weighed.dedup_by(|twin, kept| {
        let same = twin.key() == kept.key();
        if same {
            kept.weight += twin.weight;
        }
        same
    });
    weighed
}

impl Weighed<'_> {
    /// What tells explanations of one weight apart: the ids of what they name.
    pub(super) fn key(&self) -> (Vec<&str>, Option<&str>) {
        let changes = self.candidate.changes.iter().map(|change| change.id.as_str()).collect();
        (changes, self.candidate.trigger.map(|trigger| trigger.id.as_str()))
    }

    /// The evidence for and against, the strongest first. `blindness` is how much likelier an unseen change is than usual.
    pub(super) fn evidence(&self, case: &Case<'_>, model: &Model, blindness: f64) -> (Vec<Evidence>, Vec<Evidence>) {
        let told = |factor, says, ratio: f64| Evidence { factor, says, ln_lr: (ratio.ln() * 1000.0).round() / 1000.0 };
        let targets = case.target_names();
        let mut evidence = vec![
            told(Factor::Timing, says::timing(&self.candidate, case, model), self.timing),
            told(Factor::Class, says::class(case), self.class),
        ];
        evidence.extend(self.facts.iter().map(|(fact, ratio)| told(fact.factor(), fact.says(&targets), *ratio)));
        if blindness > 1.0 {
            evidence.push(told(Factor::Gap, Fact::FeedBlind.says(&targets), 1.0 / blindness));
        }
        evidence.retain(|evidence| evidence.ln_lr.abs() >= SHOWN);
        evidence.sort_by(|a, b| b.ln_lr.abs().total_cmp(&a.ln_lr.abs()).then(a.factor.cmp(&b.factor)));
        evidence.into_iter().partition(|evidence| evidence.ln_lr > 0.0)
    }
}
