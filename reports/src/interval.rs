//! A moment of which only the earliest and the latest possibility are known.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// Somewhere from `lo` to `hi`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Interval {
    /// Earliest.
    pub lo: Timestamp,
    /// Latest.
    pub hi: Timestamp,
}

impl Interval {
    /// A moment that is known exactly.
    #[must_use]
    pub fn at(moment: Timestamp) -> Interval {
        Interval { lo: moment, hi: moment }
    }

    /// The middle.
    #[must_use]
    pub fn middle(self) -> Timestamp {
        crate::input::shift(self.lo, self.hi.duration_since(self.lo) / 2)
    }

    /// Width in seconds.
    #[must_use]
    pub fn width_s(self) -> f64 {
        self.hi.duration_since(self.lo).as_secs_f64()
    }
}
