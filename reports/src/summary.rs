//! How long detection, mitigation and recovery took, told without a mean.
//!
//! Durations of incidents are few and skewed: their mean says nothing (Davidovič, Incident Metrics in SRE, 2021). So there
//! is a median and a 90 % rank with the interval of the median where there are enough of them, and the list where not.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use schemars::JsonSchema;
use serde::Serialize;

use crate::incident::Incident;
use crate::settings::ratio;

/// The durations of all incidents of a report, in seconds from the middle of the start.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    /// To the detection.
    pub detect_s: Spread,
    /// To the change that ended it.
    pub mitigate_s: Spread,
    /// To the middle of the end.
    pub recover_s: Spread,
}

/// Durations of one sort.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Spread {
    /// How many are known.
    pub count: usize,
    /// Incidents without one: still open, or nothing is known to have ended them. Their durations would be longer.
    pub open: usize,
    /// Half are at most this; null below ten.
    pub median: Option<f64>,
    /// Nine in ten are at most this; null below ten.
    pub p90: Option<f64>,
    /// 95 % bootstrap interval of the median; null below ten.
    pub median95: Option<[f64; 2]>,
    /// All of them, the shortest first; empty from ten on.
    pub values: Vec<f64>,
}

/// Fewer durations than this are listed.
const ENOUGH: usize = 10;
/// Samples that are drawn for the interval.
const DRAWS: usize = 2_000;
/// The same samples are drawn in every run.
const SEED: u64 = 1;

impl Summary {
    /// Sums up incidents.
    #[must_use]
    pub fn of(incidents: &[Incident]) -> Summary {
        let spread = |duration: fn(&Incident) -> Option<f64>| Spread::of(incidents.iter().map(duration));
        Summary {
            detect_s: spread(|incident| incident.durations_s.detect),
            mitigate_s: spread(|incident| incident.durations_s.mitigate),
            recover_s: spread(|incident| incident.durations_s.recover),
        }
    }
}

impl Spread {
    fn of(durations: impl Iterator<Item = Option<f64>>) -> Spread {
        let all: Vec<Option<f64>> = durations.collect();
        let mut known: Vec<f64> = all.iter().copied().flatten().collect();
        known.sort_by(f64::total_cmp);
        let (count, open) = (known.len(), all.len() - known.len());
        if count < ENOUGH {
            return Spread { count, open, median: None, p90: None, median95: None, values: known };
        }
        let (median, p90) = (rank(&known, 50), rank(&known, 90));
        Spread { count, open, median, p90, median95: interval(&known), values: Vec::new() }
    }
}

/// Nearest rank of values in order.
fn rank(sorted: &[f64], percent: usize) -> Option<f64> {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied().map(ratio)
}

/// From the 2.5 % to the 97.5 % rank of the medians of samples drawn with replacement, the same in every run.
fn interval(sorted: &[f64]) -> Option<[f64; 2]> {
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let mut medians: Vec<f64> = Vec::with_capacity(DRAWS);
    let mut sample = Vec::with_capacity(sorted.len());
    for _ in 0..DRAWS {
        sample.clear();
        for _ in sorted {
            sample.extend(sorted.get(dice.random_range(0..sorted.len())));
        }
        sample.sort_by(f64::total_cmp);
        medians.extend(rank(&sample, 50));
    }
    medians.sort_by(f64::total_cmp);
    let at = |permille: usize| medians.get((medians.len() * permille).div_ceil(1000).saturating_sub(1)).copied();
    Some([at(25)?, at(975)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_listed_and_the_open_ones_counted() {
        let spread = Spread::of([Some(30.0), None, Some(10.0)].into_iter());
        assert_eq!((spread.count, spread.open, spread.median), (2, 1, None));
        assert_eq!(spread.values, [10.0, 30.0]);
    }

    #[test]
    fn many_have_a_median_within_its_interval_whatever_their_order() {
        let values = (1..=40).map(|value| Some(f64::from(value * value)));
        let spread = Spread::of(values.clone());
        assert_eq!((spread.median, spread.p90), (Some(400.0), Some(1296.0)));
        let [low, high] = spread.median95.unwrap();
        assert!(low <= 400.0 && 400.0 <= high && low > 100.0 && high < 900.0, "{low} to {high}");
        assert_eq!(spread, Spread::of(values.rev()));
        assert!(spread.values.is_empty());
    }
}
