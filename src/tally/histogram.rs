//! A histogram of durations, from a millisecond to a minute.

use std::time::Duration;

/// Upper bounds of the buckets in seconds, but for the last, which has none.
pub(crate) const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];

/// How many durations were how long.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Histogram {
    counts: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

impl Histogram {
    /// Counts a duration.
    pub(crate) fn add(&mut self, took: Duration) {
        let bucket = BOUNDS.partition_point(|bound| *bound < took.as_secs_f64());
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(took);
    }

    /// Sum of the durations in seconds.
    pub(crate) fn sum(&self) -> f64 {
        self.sum.as_secs_f64()
    }

    /// Each bucket with its upper bound; the last has none.
    pub(crate) fn buckets(&self) -> Vec<(f64, u64)> {
        BOUNDS.into_iter().chain([f64::INFINITY]).zip(self.counts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let mut histogram = Histogram::default();
        for millis in [1, 2, 10, 120_000] {
            histogram.add(Duration::from_millis(millis));
        }
        let filled: Vec<f64> =
            histogram.buckets().into_iter().filter(|(_, count)| *count == 1).map(|(bound, _)| bound).collect();
        assert_eq!(filled, [0.001, 0.0025, 0.01, f64::INFINITY]);
        assert_eq!(histogram.sum(), 120.013);
    }
}
