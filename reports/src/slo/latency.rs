//! How long successes took.

use schemars::JsonSchema;
use serde::Serialize;

/// Nearest ranks of a set of durations in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Latency {
    /// Half are at most this.
    pub p50: Option<u64>,
    /// Nine in ten are at most this.
    pub p90: Option<u64>,
    /// 95 in 100 are at most this.
    pub p95: Option<u64>,
    /// 99 in 100 are at most this.
    pub p99: Option<u64>,
    /// How many there are.
    pub count: u64,
}

impl Latency {
    /// Nearest ranks of durations that are in order.
    #[must_use]
    pub fn of_sorted(took_us: &[u64]) -> Latency {
        let rank = |percent: usize| took_us.get((took_us.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Latency { p50: rank(50), p90: rank(90), p95: rank(95), p99: rank(99), count: took_us.len() as u64 }
    }
}
