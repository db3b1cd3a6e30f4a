//! What the verdicts of people change in the numbers of the model.

use std::collections::BTreeMap;

use jiff::Timestamp;
use storage::record::{ChangeKind, Decision, Verdict};

use super::candidate::Candidate;
use super::lag::{From, Part};
use super::model::Model;
use crate::period::seconds_between;

/// The numbers of a model after what people said. Without a verdict they are those of the model, to the last bit, and
/// the order of the verdicts makes no difference.
#[derive(Debug, Clone)]
pub struct Learned<'a> {
    model: &'a Model,
    kinds: BTreeMap<ChangeKind, Said>,
    targets: BTreeMap<(ChangeKind, String), Said>,
    lags: BTreeMap<String, Vec<f64>>,
    mixtures: BTreeMap<String, Vec<Part>>,
    rate_per_hour: f64,
}

/// How often people confirmed and rejected a cause.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Said {
    confirmed: f64,
    rejected: f64,
}

/// Most delays of a name that are learned from, the newest ones.
const MOST: usize = 200;
/// A delay that was measured stands for those that miss it by this share of it, or by [`NEAR_S`].
const NEAR: f64 = 0.5;
/// Least seconds on either side of a measured delay.
const NEAR_S: f64 = 30.0;
/// Highest chance that is learned: no kind of change breaks what depends on it every time.
const SUREST: f64 = 0.95;

impl<'a> Learned<'a> {
    /// Learns from the verdicts on incidents that began before a moment: what is said of an incident changes what is
    /// thought of later ones, not of itself. Of several verdicts on an incident the last one counts.
    #[must_use]
    pub fn before(model: &'a Model, verdicts: &[Verdict], moment: Timestamp) -> Learned<'a> {
        let mut learned = Learned {
            model,
            kinds: BTreeMap::new(),
            targets: BTreeMap::new(),
            lags: BTreeMap::new(),
            mixtures: BTreeMap::new(),
            rate_per_hour: model.background.rate_per_hour,
        };
        let mut last: BTreeMap<&str, &Verdict> = BTreeMap::new();
        for verdict in verdicts.iter().filter(|verdict| began(verdict) < moment) {
            let kept = last.entry(&verdict.incident).or_insert(verdict);
            if (kept.time, &kept.id) < (verdict.time, &verdict.id) {
                *kept = verdict;
            }
        }
        let mut judged: Vec<&Verdict> = last.into_values().collect();
        judged.sort_by_key(|verdict| (began(verdict), &verdict.id));
        for verdict in &judged {
            learned.add(verdict);
        }
        learned.rate_per_hour = rate(model, &judged);
        for (name, delays) in &learned.lags {
            if let Some(parts) = model.lag.get(name) {
                learned.mixtures.insert(name.clone(), mixture(parts, delays, model.learning.lag_samples));
            }
        }
        learned
    }

    /// Chance that a change of a kind breaks targets that depend on it: of their mean, where there are several, and of
    /// the kind as such, where there is none.
    #[must_use]
    pub fn prior(&self, kind: ChangeKind, targets: &[String]) -> f64 {
        let built_in = self.model.prior.get(kind.as_str()).copied().unwrap_or(0.0);
        let Some(of_kind) = self.kinds.get(&kind) else { return built_in };
        let learning = self.model.learning;
        let mean = of_kind.chance(built_in, learning.kind_changes);
        let at = |target: &String| {
            self.targets.get(&(kind, target.clone())).map_or(mean, |said| said.chance(mean, learning.target_changes))
        };
        let chance = if targets.is_empty() { mean } else { targets.iter().map(at).sum::<f64>() / targets.len() as f64 };
        let (least, most) = (built_in / learning.at_most_times, built_in * learning.at_most_times);
        chance.clamp(least.min(built_in), most.min(SUREST).max(built_in))
    }

    /// By how much people's words change the chance that the model gives to an explanation.
    pub(super) fn times(&self, candidate: &Candidate<'_>) -> f64 {
        let Some(change) = candidate.changes.first() else { return 1.0 };
        let Some(built_in) = self.model.prior.get(change.kind.as_str()) else { return 1.0 };
        self.prior(change.kind, &change.targets) / built_in
    }

    /// Delays of a name: those of the model, mixed with those that were measured and confirmed.
    #[must_use]
    pub fn lag(&self, name: &str) -> Option<&[Part]> {
        self.mixtures.get(name).or_else(|| self.model.lag.get(name)).map(Vec::as_slice)
    }

    /// Confirmed delays of a name in seconds, of the earliest incident first, at most two hundred.
    #[must_use]
    pub fn samples(&self, name: &str) -> &[f64] {
        self.lags.get(name).map_or(&[], Vec::as_slice)
    }

    /// Incidents an hour that no change explains.
    #[must_use]
    pub fn rate_per_hour(&self) -> f64 {
        self.rate_per_hour
    }

    fn add(&mut self, verdict: &Verdict) {
        let Some(kind) = verdict.kind else { return };
        self.kinds.entry(kind).or_default().add(verdict.decision);
        for target in &verdict.targets {
            self.targets.entry((kind, target.clone())).or_default().add(verdict.decision);
        }
        if let (Decision::Confirmed, Some(name), Some(delay)) = (verdict.decision, &verdict.lag, verdict.lag_s) {
            let delays = self.lags.entry(name.clone()).or_default();
            delays.push(delay);
            if delays.len() > MOST {
                delays.remove(0);
            }
        }
    }
}

impl Said {
    fn add(&mut self, decision: Decision) {
        match decision {
            Decision::Confirmed => self.confirmed += 1.0,
            Decision::Rejected => self.rejected += 1.0,
        }
    }

    /// Mean of the Beta distribution whose mean was `before` with the weight of so many changes.
    fn chance(self, before: f64, weight: f64) -> f64 {
        (before * weight + self.confirmed) / (weight + self.confirmed + self.rejected)
    }
}

/// When the incident began, as far as the verdict tells.
fn began(verdict: &Verdict) -> Timestamp {
    verdict.start.unwrap_or(verdict.time)
}

/// Mean of the Gamma distribution of the rate: the incidents without a change among those that people judged, over the
/// stretch from the first to the last of them. What nobody judged says nothing, and where none was ever confirmed as
/// without a change, nobody may have looked for such.
fn rate(model: &Model, judged: &[&Verdict]) -> f64 {
    let built_in = model.background.rate_per_hour;
    let (Some(first), Some(last)) = (judged.first(), judged.last()) else { return built_in };
    let unexplained = |verdict: &&&Verdict| verdict.decision == Decision::Confirmed && verdict.changes.is_empty();
    let incidents = judged.iter().filter(unexplained).count() as f64;
    if incidents == 0.0 {
        return built_in;
    }
    let hours = seconds_between(began(first), began(last)) / 3600.0;
    let (shape, times) = (model.learning.background_incidents, model.learning.at_most_times.max(1.0));
    ((shape + incidents) / (shape / built_in + hours)).clamp(built_in / times, built_in * times)
}

/// The built-in delays with half of the weight, or less beyond `enough` samples, and the samples with the rest.
fn mixture(parts: &[Part], delays: &[f64], enough: f64) -> Vec<Part> {
    let count = delays.len() as f64;
    let built_in = 0.5 * (enough / count).min(1.0);
    let measured = delays.iter().map(|delay| {
        let near = (delay.abs() * NEAR).max(NEAR_S);
        // What did not begin before its change is no sign that such a thing may.
        let from = if *delay < 0.0 { delay - near } else { (delay - near).max(0.0) };
        let uniform_s = Some([from, delay + near]);
        Part { share: (1.0 - built_in) / count, uniform_s, mean_s: None, log_uniform_s: None, of: From::Start }
    });
    parts.iter().map(|part| Part { share: part.share * built_in, ..part.clone() }).chain(measured).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::cause::lag::at_most;

    const NOW: &str = "2026-12-01T00:00:00Z";

    fn verdict(number: u32, hour: i64, decision: Decision, kind: Option<ChangeKind>) -> Verdict {
        let start: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        Verdict {
            id: format!("v-{number}"),
            time: start + jiff::SignedDuration::from_hours(hour + 2),
            incident: format!("i-{number}"),
            decision,
            changes: kind.map(|_| "c".to_owned()).into_iter().collect(),
            trigger: None,
            kind,
            targets: vec!["a".into()],
            start: Some(start + jiff::SignedDuration::from_hours(hour)),
            lag_s: kind.map(|_| 40.0),
            lag: kind.map(|_| "volume".to_owned()),
            author: String::new(),
            reason: String::new(),
        }
    }

    fn learned<'a>(model: &'a Model, verdicts: &[Verdict]) -> Learned<'a> {
        Learned::before(model, verdicts, NOW.parse().unwrap())
    }

    fn verdicts() -> impl Strategy<Value = Vec<Verdict>> {
        let what = (0..30_u32, 0..600_i64, select(Decision::ALL), option::of(select(ChangeKind::ALL)));
        let how = (select(vec!["a", "b"]), -3e9..3e9_f64, select(vec!["volume", "rollout", "other"]));
        vec((what, how), 0..60).prop_map(|all| {
            let one = |((number, hour, decision, kind), (target, delay, lag)): (
                (u32, i64, Decision, _),
                (&str, f64, &str),
            )| {
                let first = verdict(number, hour, decision, kind);
                let id = format!("v-{number}-{hour}-{delay}-{lag}-{target}-{decision}-{kind:?}");
                Verdict { id, targets: vec![target.into()], lag_s: Some(delay), lag: Some(lag.into()), ..first }
            };
            all.into_iter().map(one).collect()
        })
    }

    #[test]
    fn without_verdicts_the_numbers_are_those_of_the_model() {
        let model = Model::default();
        let learned = learned(&model, &[]);
        for kind in ChangeKind::ALL {
            let built_in = model.prior.get(kind.as_str()).copied().unwrap_or(0.0);
            assert_eq!((learned.prior(*kind, &["a".into()]), learned.prior(*kind, &[])), (built_in, built_in));
        }
        for (name, parts) in &model.lag {
            assert!(std::ptr::eq(learned.lag(name).unwrap(), parts.as_slice()));
        }
        assert_eq!(learned.rate_per_hour(), model.background.rate_per_hour);
    }

    #[test]
    fn what_is_confirmed_becomes_likelier_and_most_so_where_it_happened() {
        let model = Model::default();
        let kind = Some(ChangeKind::Secret);
        let said = [1, 2, 3].map(|number| verdict(number, 10, Decision::Confirmed, kind));
        let learned = learned(&model, &said);
        let [here, elsewhere] = ["a", "b"].map(|target| learned.prior(ChangeKind::Secret, &[target.into()]));
        assert!(here > elsewhere && elsewhere > model.prior["secret"], "{here} {elsewhere}");
        assert_eq!(learned.prior(ChangeKind::Rollout, &["a".into()]), model.prior["rollout"]);
        assert_eq!(learned.samples("volume"), [40.0, 40.0, 40.0]);
        let rejected = verdict(4, 10, Decision::Rejected, kind);
        assert!(Learned::before(&model, &[rejected], NOW.parse().unwrap()).prior(ChangeKind::Secret, &[]) < 0.1);
    }

    #[test]
    fn incidents_without_a_change_raise_the_rate_and_long_judged_time_with_few_lowers_it() {
        let model = Model::default();
        let rate = |said: &[Verdict]| learned(&model, said).rate_per_hour();
        let none: Vec<_> =
            (0..20).map(|number| verdict(number, i64::from(number), Decision::Confirmed, None)).collect();
        let rare: Vec<_> =
            (0..3).map(|number| verdict(number, i64::from(number) * 300, Decision::Confirmed, None)).collect();
        assert!(rate(&none) > model.background.rate_per_hour && rate(&rare) < model.background.rate_per_hour);
        let secret = Some(ChangeKind::Secret);
        let others = [0, 1].map(|number| verdict(number, i64::from(number) * 300, Decision::Confirmed, secret));
        assert_eq!(rate(&others), model.background.rate_per_hour);
    }

    #[test]
    fn what_is_said_of_an_incident_changes_later_ones_only() {
        let model = Model::default();
        let said = [verdict(1, 10, Decision::Confirmed, Some(ChangeKind::Secret))];
        let at = said[0].start.unwrap();
        assert_eq!(Learned::before(&model, &said, at).prior(ChangeKind::Secret, &[]), model.prior["secret"]);
        let later = at + jiff::SignedDuration::from_secs(1);
        assert!(Learned::before(&model, &said, later).prior(ChangeKind::Secret, &[]) > model.prior["secret"]);
    }

    proptest! {
        #[test]
        fn what_is_learned_is_bounded_and_the_order_does_not_matter(said in verdicts(), turn in 0..60_usize) {
            let model = Model::default();
            let one = learned(&model, &said);
            let mut other = said.clone();
            other.reverse();
            if !other.is_empty() {
                let turn = turn % other.len();
                other.rotate_left(turn);
            }
            let other = learned(&model, &other);
            for kind in ChangeKind::ALL {
                for targets in [vec![], vec!["a".to_owned()], vec!["a".to_owned(), "c".to_owned()]] {
                    let built_in = model.prior.get(kind.as_str()).copied().unwrap_or(0.0);
                    let chance = one.prior(*kind, &targets);
                    prop_assert_eq!(chance, other.prior(*kind, &targets));
                    prop_assert!((built_in / 4.0..=(built_in * 4.0).min(1.0)).contains(&chance));
                }
            }
            let times = one.rate_per_hour() / model.background.rate_per_hour;
            prop_assert!((0.249..=4.001).contains(&times));
            prop_assert_eq!(one.rate_per_hour(), other.rate_per_hour());
            for name in model.lag.keys() {
                let parts = one.lag(name).unwrap();
                prop_assert_eq!(format!("{parts:?}"), format!("{:?}", other.lag(name).unwrap()));
                let sum: f64 = parts.iter().map(|part| part.share).sum();
                prop_assert!((sum - 1.0).abs() < 1e-9);
                prop_assert!((0.0..=1.0 + 1e-9).contains(&at_most(parts, 60.0, 0.0)));
            }
        }
    }
}
