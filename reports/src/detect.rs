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
#[derive(Debug, Clone, Default)]
pub struct Detector {
    tracks: [Track; 4],
}

#[derive(Debug, Clone, Copy, Default)]
struct Track {
    evidence: f64,
    sum: f64,
    onset: Option<usize>,
}

impl Detector {
    /// Takes in the execution with this number and says how much evidence there is that the probe fails.
    pub fn push(&mut self, number: usize, failed: bool) -> f64 {
        for (track, share) in self.tracks.iter_mut().zip(SHARES) {
            let ratio = if failed { share / NULL } else { (1.0 - share) / (1.0 - NULL) };
            track.evidence = (ratio * (track.evidence + 1.0)).min(CEILING);
            track.sum = (track.sum + ratio.ln()).max(0.0);
            if track.sum == 0.0 {
                track.onset = None;
            } else {
                track.onset = track.onset.or(Some(number));
            }
        }
        self.tracks.iter().map(|track| track.evidence).sum::<f64>() / self.tracks.len() as f64
    }

    /// Number of the execution with which the failures most likely began: always a failed one.
    #[must_use]
    pub fn onset(&self) -> Option<usize> {
        self.tracks.iter().max_by(|a, b| a.evidence.total_cmp(&b.evidence)).and_then(|track| track.onset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executions_until(level: f64, failed: impl Fn(usize) -> bool) -> Option<usize> {
        let mut detector = Detector::default();
        (0..10_000).find(|&number| detector.push(number, failed(number)) >= level)
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
    fn the_onset_is_the_first_failure_of_the_run_and_not_an_old_flake() {
        let mut detector = Detector::default();
        for number in 0..60 {
            detector.push(number, number == 10 || number >= 57);
        }
        assert_eq!(detector.onset(), Some(57));
    }
}
