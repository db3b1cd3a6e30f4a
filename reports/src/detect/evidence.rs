//! Tells a failing probe from background noise while it is read, result by result.
//!
//! Four Shiryaev-Roberts e-processes, one for each failing share of `SHARES`, against the null that a probe fails at
//! most once in a hundred executions. Under that null the mean of the four crosses `A` at most once in `A` executions
//! on average, whatever the dependence between them (Shin, Ramdas, Rinaldo: E-detectors).

/// Evidence from which a probe is suspected to fail: a false one every day at a result each 30 s, at most.
pub const SUSPECT: f64 = 2_880.0;
/// Evidence from which a probe fails beyond doubt: a false one every 30 days at a result each 30 s, at most.
pub const OPEN: f64 = 86_400.0;

/// Highest share of failures that is background noise.
const NULL: f64 = 0.01;
/// Failing shares that are looked for: one replica in ten, in three, two in three, all.
const SHARES: [f64; 4] = [0.1, 0.33, 0.67, 0.99];
/// Where the evidence stops growing, so that a year of failures stays a number.
const CEILING: f64 = 1e12;

/// What one series has shown so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Evidence {
    tracks: [f64; 4],
}

impl Evidence {
    /// Takes in one execution and says how much evidence there is that the probe fails.
    pub fn push(&mut self, failed: bool) -> f64 {
        for (track, share) in self.tracks.iter_mut().zip(SHARES) {
            let ratio = if failed { share / NULL } else { (1.0 - share) / (1.0 - NULL) };
            *track = (ratio * (*track + 1.0)).min(CEILING);
        }
        self.tracks.iter().sum::<f64>() / self.tracks.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executions_until(level: f64, failed: impl Fn(usize) -> bool) -> Option<usize> {
        let mut evidence = Evidence::default();
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
    fn successes_without_end_come_to_rest() {
        let mut evidence = Evidence::default();
        for number in 0..3_000 {
            evidence.push(number < 500);
        }
        let rested = evidence;
        evidence.push(false);
        assert_eq!(evidence, rested);
    }
}
