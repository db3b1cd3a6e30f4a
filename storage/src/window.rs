//! A half-open stretch of time.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// From `from` on, up to but not including `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Window {
    /// First moment inside.
    pub from: Timestamp,
    /// First moment outside.
    pub until: Timestamp,
}

/// A window must begin before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a window must begin before it ends, but {from} is not before {until}")]
pub struct EmptyWindow {
    from: Timestamp,
    until: Timestamp,
}

impl Window {
    /// The stretch from `from` up to `until`.
    ///
    /// # Errors
    ///
    /// When `from` is not before `until`.
    pub fn new(from: Timestamp, until: Timestamp) -> Result<Self, EmptyWindow> {
        if from < until { Ok(Self { from, until }) } else { Err(EmptyWindow { from, until }) }
    }

    /// Whether `at` lies inside.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// Whether the two have a moment in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.cut(other).is_some()
    }

    /// What the two have in common.
    #[must_use]
    pub fn cut(self, other: Self) -> Option<Self> {
        Self::new(self.from.max(other.from), self.until.min(other.until)).ok()
    }

    /// How long it lasts.
    #[must_use]
    pub fn length(self) -> SignedDuration {
        self.until.duration_since(self.from)
    }
}

/// The moment so many milliseconds since 1970; none where no timestamp can name it.
pub(crate) fn at_millisecond(milliseconds: i64) -> Option<Timestamp> {
    // `from_millisecond` knows only the beginning of the last second that there is.
    let nanosecond = i32::try_from(milliseconds.rem_euclid(1000) * 1_000_000).ok()?;
    Timestamp::new(milliseconds.div_euclid(1000), nanosecond).ok()
}

/// The last whole millisecond that is not after `at`, since 1970.
pub(crate) fn milliseconds_down(at: Timestamp) -> i64 {
    whole(at.as_nanosecond().div_euclid(1_000_000))
}

/// The first whole millisecond that is not before `at`, since 1970.
pub(crate) fn milliseconds_up(at: Timestamp) -> i64 {
    whole((at.as_nanosecond() + 999_999).div_euclid(1_000_000))
}

fn whole(milliseconds: i128) -> i64 {
    i64::try_from(milliseconds).unwrap_or_else(|_| unreachable!("the years that a timestamp can name fit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: i64, until: i64) -> Window {
        Window::new(second(from), second(until)).unwrap()
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_first_moment_is_inside_and_the_last_is_not() {
        let window = window(10, 20);
        assert!(window.contains(second(10)) && window.contains(second(19)));
        assert!(!window.contains(second(9)) && !window.contains(second(20)));
        assert_eq!(window.length(), SignedDuration::from_secs(10));
    }

    #[test]
    fn windows_that_only_touch_have_nothing_in_common() {
        assert_eq!(window(10, 20).cut(window(20, 30)), None);
        assert!(!window(20, 30).overlaps(window(10, 20)));
        assert_eq!(window(10, 20).cut(window(15, 30)), Some(window(15, 20)));
        assert_eq!(window(10, 40).cut(window(15, 30)), Some(window(15, 30)));
    }

    #[test]
    fn every_whole_millisecond_of_a_timestamp_is_a_moment() {
        for time in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            let milliseconds = milliseconds_down(time);
            assert_eq!(at_millisecond(milliseconds).map(milliseconds_down), Some(milliseconds));
        }
        assert_eq!(at_millisecond(milliseconds_down(Timestamp::MIN) - 1), None);
        assert_eq!(at_millisecond(milliseconds_down(Timestamp::MAX) + 1), None);
        assert_eq!(at_millisecond(-1), Some("1969-12-31T23:59:59.999Z".parse().unwrap()));
    }

    #[test]
    fn a_window_that_ends_before_it_begins_is_refused() {
        assert!(Window::new(second(20), second(20)).is_err());
        assert!(Window::new(second(21), second(20)).unwrap_err().to_string().contains("1970-01-01T00:00:21Z"));
    }
}
