//! When failures began: the exact posterior of a single change point between two failing shares.
//!
//! Before it the share of failures is `Beta(0.5, 50)`, behind it `Beta(1, 1)`, and every position is as likely as another. A
//! rollout brings failures step by step, so that for some executions a third share may hold in between.

use std::ops::RangeInclusive;

/// How likely each position is to be the first execution of the failing stretch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Posterior {
    /// Probability of each position; they sum to 1.
    pub(crate) mass: Vec<f64>,
}

/// Executions that failed and that did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcomes {
    pub(crate) failed: u64,
    pub(crate) good: u64,
}

/// Probability that a reported set of positions holds.
const HELD: f64 = 0.95;
/// Lengths of the stretch in between, in executions, and how likely each is.
const STEPS: [(usize, f64); 4] = [(0, 0.7), (4, 0.1), (10, 0.1), (20, 0.1)];
/// Prior of the share behind: anything.
const BEHIND: (f64, f64) = (1.0, 1.0);
/// Least probability of the best position from which a stretch that fails without exception begins there.
const LIKELY: f64 = 0.5;

impl Posterior {
    /// Weighs every position of executions of which it is known whether they failed; `later` are those behind
    /// them, `prior` is that of the share before.
    pub(crate) fn new(failed: &[bool], later: Outcomes, prior: (f64, f64)) -> Posterior {
        let mut scores = vec![f64::NEG_INFINITY; failed.len()];
        for (length, weight) in STEPS {
            let mut halves = Halves::new(failed, length, later);
            for (position, score) in scores.iter_mut().enumerate() {
                if position + length > failed.len() {
                    break;
                }
                *score = log_sum(*score, halves.score + weight.ln());
                halves.step(failed, position, length, prior);
            }
        }
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut mass: Vec<f64> = scores.into_iter().map(|score| (score - best).exp()).collect();
        let sum: f64 = mass.iter().sum();
        mass.iter_mut().for_each(|mass| *mass /= sum);
        Posterior { mass }
    }

    /// The likeliest position.
    pub(crate) fn best(&self) -> usize {
        let ranked = self.mass.iter().enumerate().rev().max_by(|(_, a), (_, b)| a.total_cmp(b));
        ranked.map_or(0, |(position, _)| position)
    }

    /// From the first to the last of the likeliest positions that together hold 95 %. Where everything from the
    /// likeliest one on failed, that one alone.
    pub(crate) fn held(&self, failed: &[bool]) -> RangeInclusive<usize> {
        let best = self.best();
        let total = failed.get(best..).is_some_and(|behind| behind.iter().all(|failed| *failed));
        if total && self.mass.get(best).is_some_and(|mass| *mass >= LIKELY) {
            return best..=best;
        }
        let mut ranked: Vec<(usize, f64)> = self.mass.iter().copied().enumerate().collect();
        ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let (mut first, mut last, mut sum) = (best, best, 0.0);
        for (position, mass) in ranked {
            if sum >= HELD {
                break;
            }
            sum += mass;
            (first, last) = (first.min(position), last.max(position));
        }
        first..=last
    }
}

/// The executions cut in three, and the logarithm of how likely they are, but for a constant.
struct Halves {
    before: Outcomes,
    between: Outcomes,
    behind: Outcomes,
    score: f64,
}

impl Halves {
    /// Cut before the first execution.
    fn new(failed: &[bool], length: usize, later: Outcomes) -> Halves {
        let behind = failed.iter().fold(later, |all, failed| all.with(*failed));
        let mut halves = Halves { before: Outcomes::default(), between: Outcomes::default(), behind, score: 0.0 };
        for failed in failed.iter().take(length) {
            halves.score -= halves.behind.take(*failed, BEHIND);
            halves.score += halves.between.give(*failed, BEHIND);
        }
        halves
    }

    /// Moves both cuts by one execution, from this position of the first one.
    fn step(&mut self, failed: &[bool], position: usize, length: usize, prior: (f64, f64)) {
        let Some(leaves) = failed.get(position) else { return };
        if length == 0 {
            self.score -= self.behind.take(*leaves, BEHIND);
        } else if let Some(enters) = failed.get(position + length) {
            self.score -= self.between.take(*leaves, BEHIND);
            self.score -= self.behind.take(*enters, BEHIND);
            self.score += self.between.give(*enters, BEHIND);
        }
        self.score += self.before.give(*leaves, prior);
    }
}

impl Outcomes {
    fn with(self, failed: bool) -> Outcomes {
        let Outcomes { failed: bad, good } = self;
        if failed { Outcomes { failed: bad + 1, good } } else { Outcomes { failed: bad, good: good + 1 } }
    }

    /// Adds an execution and tells the logarithm of how likely it was after those that are here.
    fn give(&mut self, failed: bool, prior: (f64, f64)) -> f64 {
        let likely = self.predict(failed, prior);
        *self = self.with(failed);
        likely
    }

    /// Takes an execution out and tells the logarithm of how likely it was after the others.
    fn take(&mut self, failed: bool, prior: (f64, f64)) -> f64 {
        let of = if failed { &mut self.failed } else { &mut self.good };
        *of = of.saturating_sub(1);
        self.predict(failed, prior)
    }

    fn predict(&self, failed: bool, (a, b): (f64, f64)) -> f64 {
        let (bad, good) = (self.failed as f64 + a, self.good as f64 + b);
        (if failed { bad } else { good } / (bad + good)).ln()
    }
}

/// Logarithm of the sum of two numbers given by their logarithms.
fn log_sum(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: (f64, f64) = (0.5, 50.0);

    fn held(text: &str) -> RangeInclusive<usize> {
        let failed: Vec<bool> = text.chars().map(|letter| letter == 'F').collect();
        Posterior::new(&failed, Outcomes::default(), BEFORE).held(&failed)
    }

    #[test]
    fn a_total_failure_begins_with_its_first_execution() {
        assert_eq!(held(&format!("{}FFF", ".".repeat(100))), 100..=100);
        assert_eq!(held("FFF"), 0..=0);
    }

    #[test]
    fn a_flake_long_before_is_not_the_beginning() {
        assert_eq!(held(&format!("{}F{}FFFFF", ".".repeat(60), ".".repeat(40))), 101..=101);
    }

    #[test]
    fn a_partial_failure_may_have_begun_some_executions_before_the_first_that_is_seen() {
        let held = held(&format!("{}F..F..F..F..F..F..F..F", ".".repeat(100)));
        assert!((80..100).contains(held.start()) && *held.end() >= 100, "{held:?}");
    }

    #[test]
    fn a_rollout_that_breaks_one_replica_after_the_other_begins_with_the_first() {
        let held = held(&format!("{}F..F.F{}", ".".repeat(100), "F".repeat(60)));
        assert!(held.contains(&100), "{held:?}");
    }

    /// The closed form: the marginal likelihood of each half is a ratio of Beta functions.
    #[test]
    fn the_posterior_is_the_closed_form() {
        let ln_gamma = |n: f64| {
            let (mut x, mut shifted) = (n, 0.0);
            while x < 20.0 {
                shifted -= x.ln();
                x += 1.0;
            }
            let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
            shifted + (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
        };
        let ln_beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
        let marginal = |part: &[bool], (a, b): (f64, f64)| {
            let bad = part.iter().filter(|failed| **failed).count() as f64;
            ln_beta(a + bad, b + part.len() as f64 - bad) - ln_beta(a, b)
        };
        let failed: Vec<bool> = (0..60).map(|number| number > 30 && number % 3 == 0 || number == 7).collect();
        let scores: Vec<f64> = (0..60)
            .map(|position| {
                let one = |&(length, weight): &(usize, f64)| {
                    let (before, behind) = failed.split_at(position);
                    let (between, behind) = behind.split_at_checked(length)?;
                    let score = marginal(before, BEFORE) + marginal(between, BEHIND) + marginal(behind, BEHIND);
                    Some(weight * score.exp())
                };
                STEPS.iter().filter_map(one).sum::<f64>()
            })
            .collect();
        let sum: f64 = scores.iter().sum();
        let found = Posterior::new(&failed, Outcomes::default(), BEFORE);
        for (expected, found) in scores.iter().zip(&found.mass) {
            assert!((expected / sum - found).abs() < 1e-9, "{expected} {found}");
        }
    }
}
