//! Tells a probe that goes down and up again and again from one of which a part of the executions fails.

/// What the executions of a failing stretch show.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Flaps {
    failed: u64,
    good: u64,
    runs: u64,
    run: u64,
    newest: bool,
    down: bool,
    falls: u32,
}

/// Executions in a row that make a probe down or up.
const SOLID: u64 = 3;
/// Times that a probe has to go down.
const OFTEN: u32 = 3;
/// How far below the mean the number of runs must lie, in standard deviations.
const FAR: f64 = 3.0;

impl Flaps {
    pub(super) fn push(&mut self, failed: bool) {
        let first = self.failed + self.good == 0;
        if first || failed != self.newest {
            self.runs += 1;
            self.run = 0;
            self.newest = failed;
        }
        self.run += 1;
        *(if failed { &mut self.failed } else { &mut self.good }) += 1;
        if self.run >= SOLID && failed != self.down {
            self.down = failed;
            self.falls += u32::from(failed);
        }
    }

    /// Whether it went down often, and stayed down and up for longer than chance would have it (the runs test of Wald
    /// and Wolfowitz): with one bad replica of several, good and bad executions follow each other as chance has it.
    pub(super) fn flapping(&self) -> bool {
        let (bad, good) = (self.failed as f64, self.good as f64);
        let all = bad + good;
        let mean = 2.0 * bad * good / all + 1.0;
        let deviation = ((mean - 1.0) * (mean - 2.0) / (all - 1.0)).sqrt();
        self.falls >= OFTEN && (self.runs as f64) < mean - FAR * deviation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flapping(failed: impl Iterator<Item = bool>) -> bool {
        let mut flaps = Flaps::default();
        failed.for_each(|failed| flaps.push(failed));
        flaps.flapping()
    }

    #[test]
    fn down_and_up_again_and_again_is_flapping() {
        assert!(flapping((0..60).map(|number| number / 6 % 2 == 0)));
    }

    #[test]
    fn one_replica_of_several_is_not() {
        assert!(!flapping((0..600).map(|number| number % 3 == 0)));
        assert!(!flapping((0..600_u64).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 63 == 0)));
    }

    #[test]
    fn one_long_failure_is_not() {
        assert!(!flapping((0..60).map(|_| true)));
        assert!(!flapping(std::iter::empty()));
    }
}
