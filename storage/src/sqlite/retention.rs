//! How long what is stored stays.

use std::time::Duration;

/// How long what is stored stays. What is absent has no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Age at which results are dropped.
    pub results: Option<Duration>,
    /// Age at which the sums of results are dropped.
    pub rollups: Option<Duration>,
    /// Size of the file, in bytes, from which on the oldest results are dropped.
    pub max_size: Option<u64>,
    /// Age from which on durations keep ten significant bits.
    pub round_after: Option<Duration>,
}

/// What a piece of retention did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// Results that were dropped.
    pub results: u64,
    /// Results whose durations were rounded.
    pub rounded: u64,
    /// Days of series whose sums were dropped.
    pub rollups: u64,
    /// Whether a further piece is due now.
    pub more: bool,
}
