//! The axis of time: where its marks stand, what they say, and the buckets that a window is counted in.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use storage::window::Window;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Lengths that people count time in, in milliseconds.
const STEPS: [i64; 25] = [
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    91 * DAY,
    364 * DAY,
    3640 * DAY,
];

/// The moments of a window, in milliseconds, along a chart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    from: i64,
    until: i64,
}

/// The shortest length that people count in, not below `least` and with which a window has at most so many parts.
pub(super) fn step(window: Window, parts: i64, least: i64) -> i64 {
    let length = window.length().as_millis().max(1);
    let fits = |step: &i64| *step >= least && length / i128::from(*step) < i128::from(parts);
    STEPS.into_iter().find(fits).unwrap_or_else(|| {
        let wide = length / i128::from(parts.max(1)) + 1;
        i64::try_from(wide).unwrap_or(i64::MAX).max(least)
    })
}

impl Axis {
    pub(super) fn new(window: Window) -> Axis {
        let from = window.from.as_millisecond();
        Axis { from, until: window.until.as_millisecond().max(from.saturating_add(1)) }
    }

    fn marks(self, most: usize) -> (i64, Vec<i64>) {
        let most = i64::try_from(most).unwrap_or(1).max(1);
        let moment = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let step = step(Window { from: moment(self.from), until: moment(self.until) }, most, 1_000);
        let first = self.from.div_euclid(step).saturating_add(1).saturating_mul(step);
        let marks = (0..=most).map(|number| first.saturating_add(number.saturating_mul(step)));
        (step, marks.take_while(|at| *at < self.until).collect())
    }

    /// What the mark at a moment says, where so many marks fit.
    pub(super) fn label(self, at: i64, most: usize) -> String {
        let (step, _) = self.marks(most);
        let Ok(moment) = Timestamp::from_millisecond(at) else { return String::new() };
        let zoned = moment.to_zoned(TimeZone::UTC);
        let form = match () {
            () if step >= 364 * DAY => "%Y",
            () if at.rem_euclid(DAY) == 0 && self.until - self.from > 300 * DAY => "%b %-d, %Y",
            () if at.rem_euclid(DAY) == 0 => "%b %-d",
            () if step < MINUTE => "%H:%M:%S",
            () => "%H:%M",
        };
        zoned.strftime(form).to_string()
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = i64;

    fn map(&self, value: &i64, (left, right): (i32, i32)) -> i32 {
        let share = (*value as f64 - self.from as f64) / (self.until as f64 - self.from as f64);
        left + (share.clamp(-1.0, 2.0) * f64::from(right - left)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<i64> {
        self.marks(hint.max_num_points()).1
    }

    fn range(&self) -> Range<i64> {
        self.from..self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, until: &str) -> Window {
        Window { from: from.parse().unwrap(), until: until.parse().unwrap() }
    }

    #[test]
    fn marks_stand_where_clocks_and_calendars_have_them() {
        let axis = Axis::new(window("2026-11-01T22:10:00Z", "2026-11-02T04:10:00Z"));
        let said: Vec<String> = axis.key_points(8).into_iter().map(|at| axis.label(at, 8)).collect();
        assert_eq!(said, ["23:00", "Nov 2", "01:00", "02:00", "03:00", "04:00"]);
    }

    #[test]
    fn no_window_is_too_long_or_too_short_for_its_marks() {
        for window in [
            Window { from: Timestamp::MIN, until: Timestamp::MAX },
            window("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
            window("2026-11-01T00:00:00Z", "2026-11-01T00:00:00.000000001Z"),
        ] {
            let axis = Axis::new(window);
            assert!(axis.key_points(8).len() <= 9);
            assert!(step(window, 100, 1_000) >= 1_000);
        }
    }
}
