//! Tells a failing probe from background noise while it is read, result by result.
//!
//! Four Shiryaev-Roberts e-processes, one for each of four failing shares, against the null that a probe fails at
//! most once in a hundred executions. Under that null the mean of the four crosses `A` at most once in `A` executions
//! on average, whatever the dependence between them (Shin, Ramdas, Rinaldo: E-detectors).

use std::sync::LazyLock;

/// Evidence from which a probe is suspected to fail: a false one every day at a result each 30 s, at most.
pub const SUSPECT: f64 = 2_880.0;
/// Evidence from which a probe fails beyond doubt: a false one every 30 days at a result each 30 s, at most.
pub const OPEN: f64 = 86_400.0;

/// Where the evidence stops growing, so that a year of failures stays a number.
const CEILING: f64 = 1e12;

/// Successes after which it is asked whether any more of them would change anything.
const AT_ONCE: u64 = 16;

/// Failures, each forgotten before the next, after which rest is looked for no longer.
const MOST_ROUNDS: usize = 8;

/// What is noise and what is looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Highest share of failures that is background noise.
    pub(super) null: f64,
    /// Failing shares that are looked for.
    pub(super) shares: [f64; 4],
    /// Prior of the share before failures begin, as the two numbers of a Beta distribution.
    pub(super) before: (f64, f64),
}

impl Scale {
    /// Of failures: once in a hundred executions is noise; one replica in ten, in three, two in three, all.
    pub const FAILURES: Scale = Scale { null: 0.01, shares: [0.1, 0.33, 0.67, 0.99], before: (0.5, 50.0) };
}

impl Scale {
    /// How much likelier an execution is under each share than under the null.
    fn ratios(self, failed: bool) -> [f64; 4] {
        let null = self.null;
        self.shares.map(|share| if failed { share / null } else { (1.0 - share) / (1.0 - null) })
    }
}

/// What one series has shown so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    scale: Scale,
    tracks: [f64; 4],
}

impl Evidence {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(scale: Scale) -> Evidence {
        Evidence { scale, tracks: [0.0; 4] }
    }

    /// Takes in one execution and says how much evidence there is that the probe fails.
    pub fn push(&mut self, failed: bool) -> f64 {
        self.multiply(self.scale.ratios(failed));
        self.tracks.iter().sum::<f64>() / self.tracks.len() as f64
    }

    /// Takes in so many successes: to the bit what as many calls of [`Evidence::push`] come to.
    pub fn rest(&mut self, count: u64) {
        // Nearly every stretch of successes follows a single failure, or others that did.
        let since = FLAKE.partition_point(|after| after.tracks > self.tracks);
        if FLAKE.get(since) == Some(self) {
            let behind = since.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
            if let Some(after) = FLAKE.get(behind).or(FLAKE.last()) {
                *self = *after;
            }
            return;
        }
        let ratios = self.scale.ratios(false);
        let mut left = count;
        while left > 0 {
            let before = self.tracks;
            // To ask whether it rests costs as much as a success does.
            let at_once = left.min(AT_ONCE);
            (0..at_once).for_each(|_| self.multiply(ratios));
            if before == self.tracks {
                return;
            }
            left -= at_once;
        }
    }

    fn multiply(&mut self, ratios: [f64; 4]) {
        for (track, ratio) in self.tracks.iter_mut().zip(ratios) {
            *track = (ratio * (*track + 1.0)).min(CEILING);
        }
    }

    /// Takes in a success. False when that changed nothing, as will all that follow.
    fn settles(&mut self) -> bool {
        let before = *self;
        self.push(false);
        before != *self
    }
}

/// What a single failure leaves where all was at rest, after each number of successes until it is forgotten. It falls.
static FLAKE: LazyLock<Vec<Evidence>> = LazyLock::new(|| {
    let mut evidence = Evidence::new(Scale::FAILURES);
    let mut after: Vec<Evidence> = Vec::new();
    // Rest is not one number to the last bit: it is what failures and successes come back to.
    for _ in 0..MOST_ROUNDS {
        evidence.push(true);
        let round = std::mem::replace(&mut after, vec![evidence]);
        while evidence.settles() {
            after.push(evidence);
        }
        if round == after {
            break;
        }
    }
    after
});

#[cfg(test)]
mod tests {
    use super::*;

    fn executions_until(level: f64, failed: impl Fn(usize) -> bool) -> Option<usize> {
        let mut evidence = Evidence::new(Scale::FAILURES);
        (0..10_000).find(|&number| evidence.push(failed(number)) >= level)
    }

    #[test]
    fn a_total_failure_is_suspected_at_the_second_and_certain_at_the_third_result() {
        assert_eq!(executions_until(SUSPECT, |number| number >= 50), Some(51));
        assert_eq!(executions_until(OPEN, |number| number >= 50), Some(52));
    }

    #[test]
    fn one_replica_in_three_is_found() {
        let found = executions_until(OPEN, |number| number >= 60 && number % 3 == 0);
        assert!(found.is_some_and(|number| number < 90), "{found:?}");
    }

    #[test]
    fn one_failure_in_two_hundred_is_noise() {
        assert_eq!(executions_until(SUSPECT, |number| number % 200 == 199), None);
    }

    #[test]
    fn successes_at_once_are_successes_one_by_one() {
        let mut at_once = Evidence::new(Scale::FAILURES);
        let mut one_by_one = at_once;
        for (failures, successes) in [(1, 20), (2, 3), (40, 5_000), (1, 1_000), (1, 999), (1, 380), (1, 2_000)] {
            for _ in 0..failures {
                at_once.push(true);
                one_by_one.push(true);
            }
            at_once.rest(successes);
            (0..successes).for_each(|_| {
                one_by_one.push(false);
            });
            assert_eq!(at_once, one_by_one);
        }
    }

    #[test]
    fn rest_comes_back_to_the_same_after_every_single_failure() {
        let mut evidence = FLAKE.last().copied().unwrap();
        evidence.push(true);
        assert_eq!(Some(&evidence), FLAKE.first());
        assert!(FLAKE.is_sorted_by(|earlier, later| earlier.tracks > later.tracks));
    }

    #[test]
    fn successes_without_end_come_to_rest() {
        let mut evidence = Evidence::new(Scale::FAILURES);
        for number in 0..3_000 {
            evidence.push(number < 500);
        }
        let rested = evidence;
        evidence.push(false);
        assert_eq!(evidence, rested);
    }
}
