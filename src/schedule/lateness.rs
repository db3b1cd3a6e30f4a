//! How late runs start: what the schedule says of its own accuracy.

use std::fmt;
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds.
const BOUNDS: [u64; 16] = [
    250,
    500,
    1_000,
    1_500,
    2_000,
    3_000,
    4_000,
    5_000,
    7_500,
    10_000,
    20_000,
    50_000,
    100_000,
    500_000,
    1_000_000,
    u64::MAX,
];

/// A histogram of actual minus planned start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lateness {
    counts: [u64; BOUNDS.len()],
    started: u64,
    longest: Duration,
    /// Sum of what was late.
    pub(crate) sum: Duration,
    /// Slots that were recorded as skipped.
    pub(crate) skipped: u64,
    /// Stretches of a target in which every slot was lost.
    pub(crate) lost: u64,
    /// Sum of their lengths.
    pub(crate) lost_for: Duration,
}

impl Lateness {
    /// Counts a start.
    pub(crate) fn started(&mut self, late: Duration) {
        let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.started += 1;
        self.longest = self.longest.max(late);
        self.sum = self.sum.saturating_add(late);
    }

    /// Counts a stretch in which a target lost every slot.
    pub(crate) fn lost(&mut self, stretch: Duration) {
        self.lost += 1;
        self.lost_for = self.lost_for.saturating_add(stretch);
    }

    /// Upper bound of each bucket in seconds, and how many starts are in it; the last has no bound.
    pub(crate) fn buckets(&self) -> Vec<(f64, u64)> {
        let seconds = |bound: u64| if bound == u64::MAX { f64::INFINITY } else { bound as f64 / 1e6 };
        BOUNDS.into_iter().map(seconds).zip(self.counts).collect()
    }

    /// Upper bound of the bucket that holds the given share of the starts.
    fn quantile(&self, share: f64) -> Duration {
        let rank = (self.started as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bound, count) in BOUNDS.iter().zip(self.counts) {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(*bound).min(self.longest);
            }
        }
        self.longest
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { started, longest, skipped, .. } = self;
        let (half, most) = (self.quantile(0.5), self.quantile(0.99));
        write!(
            f,
            "{started} runs started, {skipped} slots skipped, late p50 ≤ {half:.1?}, p99 ≤ {most:.1?}, max {longest:.1?}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_bounds_and_never_above_the_longest() {
        let mut lateness = Lateness::default();
        for micros in 1..=100u64 {
            lateness.started(Duration::from_micros(micros * 100));
        }
        assert_eq!(lateness.quantile(0.5), Duration::from_micros(5_000));
        assert_eq!(lateness.quantile(0.99), Duration::from_micros(10_000));
        lateness.started(Duration::from_secs(5));
        assert_eq!(lateness.quantile(1.0), Duration::from_secs(5));
    }
}
