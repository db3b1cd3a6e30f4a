//! Days and hours of the store: UTC, counted from 1970.

/// Milliseconds of an hour.
pub(super) const HOUR_MS: i64 = 3_600_000;

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// The day that holds a moment.
pub(super) fn of(time_ms: i64) -> i64 {
    time_ms.div_euclid(DAY_MS)
}

/// First millisecond of a day; of one that no timestamp can name, the end of time.
pub(super) fn start(day: i64) -> i64 {
    day.saturating_mul(DAY_MS)
}
