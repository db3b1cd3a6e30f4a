//! The wall-clock grid: a target's slots are fixed by its name and interval alone.

use std::time::Duration;

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

/// Planned starts fall on multiples of this, so that one wake-up serves several targets.
const QUANTUM: i64 = 20;

/// The slots of one target: every interval, shifted by a phase that is the same on each replica and after each restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    every: i64,
    phase: i64,
}

impl Grid {
    /// The grid of a target. An interval below one quantum is one quantum.
    pub(crate) fn new(name: &str, every: Duration) -> Self {
        let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(QUANTUM);
        let phase = (xxh3_64(name.as_bytes()) % every.unsigned_abs()).cast_signed();
        Self { every, phase: phase - phase % QUANTUM }
    }

    /// The first slot after a moment.
    pub(crate) fn after(self, moment: Timestamp) -> Timestamp {
        let passed = (moment.as_millisecond() - self.phase).div_euclid(self.every);
        let next = passed.saturating_add(1).saturating_mul(self.every).saturating_add(self.phase);
        Timestamp::from_millisecond(next).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000_000;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).expect("in range")
    }

    #[test]
    fn slots_are_one_interval_apart_wherever_one_begins_to_look() {
        for every in [20, 1000, 30_000, 86_400_000] {
            let grid = Grid::new("orchestrator", Duration::from_millis(every));
            let first = grid.after(at(START));
            for look in [0, 1, 19, every as i64 - 1] {
                let found = grid.after(at(first.as_millisecond() + look));
                assert_eq!(found.as_millisecond(), first.as_millisecond() + every as i64);
            }
        }
    }

    #[test]
    fn the_phase_is_the_same_after_a_restart_and_differs_between_targets() {
        let every = Duration::from_secs(60);
        let phase = |name| Grid::new(name, every).after(at(START));
        assert_eq!(phase("a"), phase("a"));
        assert_ne!(phase("a"), phase("b"));
    }

    #[test]
    fn a_thousand_targets_spread_over_the_interval() {
        let every = Duration::from_secs(10);
        let mut seconds = [0u32; 10];
        for index in 0..1000 {
            let slot = Grid::new(&format!("target-{index}"), every).after(at(START));
            seconds[(slot.as_millisecond() - START).rem_euclid(10_000) as usize / 1000] += 1;
        }
        assert!(seconds.iter().all(|count| (60..=140).contains(count)), "{seconds:?}");
    }
}
