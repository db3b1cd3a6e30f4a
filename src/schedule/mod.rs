//! When each target is due: one timer, planned starts on the wall clock, nothing lost in silence.

pub(crate) mod calendar;
pub(crate) mod clock;
pub(crate) mod grid;
pub(crate) mod lateness;
pub(crate) mod timer;
