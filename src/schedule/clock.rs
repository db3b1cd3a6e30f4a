//! Tells when the wall clock was set, by the clock that only ever goes on.

use std::fmt;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// What the clocks may differ by between two looks. Less is left to the daemons that keep the time: they slew it.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// A look at both clocks. A process may be held up between two readings, so the steady clock is read on both sides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    before: Instant,
    /// What the wall clock said.
    pub(crate) wall: Timestamp,
    after: Instant,
}

/// The wall clock was set. The machine was suspended, if forward: the steady clock does not count that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// The earliest moment that was left out or came twice.
    pub(crate) from: Timestamp,
    /// The first moment after the last one that was, later than `from`.
    pub(crate) until: Timestamp,
    /// How far the clock was set; below zero: back.
    by: SignedDuration,
}

impl Look {
    /// Reads the clocks.
    pub(crate) fn now() -> Self {
        Self { before: Instant::now(), wall: Timestamp::now(), after: Instant::now() }
    }

    /// The step that the wall clock made between an earlier look and this one.
    pub(crate) fn step_since(&self, earlier: &Look) -> Option<Step> {
        let passed = self.wall.duration_since(earlier.wall);
        let (least, most) = (signed(self.before - earlier.after), signed(self.after - earlier.before));
        if passed > most.saturating_add(TOLERANCE) {
            return Some(Step { from: earlier.wall, until: self.wall, by: passed.saturating_sub(most) });
        }
        if passed < least.saturating_sub(TOLERANCE) {
            // The step lies anywhere between the looks, so the stretch that may have come twice is longer by that.
            let from = self.wall.checked_sub(most).unwrap_or(Timestamp::MIN);
            let until = earlier.wall.checked_add(most).unwrap_or(Timestamp::MAX);
            return Some(Step { from, until, by: passed.saturating_sub(least) });
        }
        None
    }
}

impl Step {
    /// Whether moments that have been come again.
    pub(crate) fn is_back(&self) -> bool {
        self.by.is_negative()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.by.abs().as_secs_f64();
        if self.is_back() {
            write!(f, "the clock was set back by {seconds:.0} s: results of this stretch overlap")
        } else {
            write!(f, "the clock was set forward by {seconds:.0} s")
        }
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millisecond).unwrap()
    }

    /// Looks that are so many milliseconds apart by the steady and by the wall clock.
    fn step(steady: u64, wall: i64) -> Option<Step> {
        let start = Instant::now();
        let later = start + Duration::from_millis(steady);
        let earlier = Look { before: start, wall: at(0), after: start };
        Look { before: later, wall: at(wall), after: later }.step_since(&earlier)
    }

    #[test]
    fn clocks_that_go_together_or_nearly_so_make_no_step() {
        for (steady, wall) in [(0, 0), (1000, 1000), (1000, 3000), (1000, -1000), (86_400_000, 86_400_000)] {
            assert_eq!(step(steady, wall), None, "{steady} {wall}");
        }
    }

    #[test]
    fn a_clock_that_is_set_forward_leaves_out_what_lies_between() {
        let step = step(1000, 3_601_000).unwrap();
        assert_eq!((step.from, step.until, step.is_back()), (at(0), at(3_601_000), false));
        assert_eq!(step.to_string(), "the clock was set forward by 3600 s");
    }

    #[test]
    fn a_clock_that_is_set_back_repeats_what_lies_between() {
        let step = step(1000, -599_000).unwrap();
        assert_eq!((step.from, step.until, step.is_back()), (at(-600_000), at(1000), true));
        assert_eq!(step.to_string(), "the clock was set back by 600 s: results of this stretch overlap");
    }

    #[test]
    fn a_process_that_is_held_up_in_the_middle_of_a_look_makes_no_step() {
        let start = Instant::now();
        let long = Duration::from_secs(60);
        let plain = Look { before: start, wall: at(0), after: start };
        for wall in [0, 30_000, 60_000] {
            let held_up = Look { before: start, wall: at(wall), after: start + long };
            assert_eq!(held_up.step_since(&plain), None, "{wall}");
            let next = Look { before: start + long, wall: at(60_000), after: start + long };
            assert_eq!(next.step_since(&held_up), None, "{wall}");
        }
    }

    #[test]
    fn a_process_that_stands_still_makes_no_step() {
        assert_eq!(step(3_600_000, 3_600_000), None);
    }

    proptest! {
        #[test]
        fn a_step_has_an_end_after_its_beginning_and_is_told_exactly_beyond_the_tolerance(
            steady in 0..10_000_000_u64,
            wall in -10_000_000_i64..10_000_000,
        ) {
            let off = wall - steady as i64;
            let step = step(steady, wall);
            prop_assert_eq!(step.is_some(), off.abs() > 2000);
            if let Some(step) = step {
                prop_assert!(step.from < step.until);
                prop_assert_eq!(step.is_back(), off < 0);
            }
        }
    }
}
