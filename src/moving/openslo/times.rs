//! Durations of OpenSLO: a whole number and one of the letters m, h, d, w, M, Q, Y.

use std::time::Duration;

use reports::settings::CalendarUnit;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A duration as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shorthand {
    pub(super) count: u64,
    pub(super) unit: char,
}

impl Shorthand {
    /// Reads a duration.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().next_back().filter(|unit| "mhdwMQY".contains(*unit))?;
        let count = text.strip_suffix(unit)?.parse().ok().filter(|count| *count > 0)?;
        Some(Self { count, unit })
    }

    /// Its length, of months, quarters and years 30, 90 and 365 days.
    pub(super) fn length(self) -> Option<Duration> {
        let unit = match self.unit {
            'm' => MINUTE,
            'h' => HOUR,
            'd' => DAY,
            'w' => 7 * DAY,
            'M' => 30 * DAY,
            'Q' => 90 * DAY,
            _ => 365 * DAY,
        };
        self.count.checked_mul(unit).map(Duration::from_secs)
    }

    /// Whether its length depends on the calendar.
    pub(super) fn is_vague(self) -> bool {
        "MQY".contains(self.unit)
    }

    /// The calendar period of this length, where there is one.
    pub(super) fn period(self) -> Option<CalendarUnit> {
        match (self.count, self.unit) {
            (1, 'd') => Some(CalendarUnit::Day),
            (1, 'w') | (7, 'd') => Some(CalendarUnit::Week),
            (1, 'M') => Some(CalendarUnit::Month),
            (1, 'Q') | (3, 'M') => Some(CalendarUnit::Quarter),
            (1, 'Y') | (12, 'M') | (4, 'Q') => Some(CalendarUnit::Year),
            _ => None,
        }
    }
}

/// Writes a duration; whether it is exact, for what is shorter than a minute is rounded up.
pub(super) fn shorthand(length: Duration) -> (String, bool) {
    let exact = length.subsec_nanos() == 0 && length.as_secs().is_multiple_of(MINUTE) && !length.is_zero();
    let seconds = length.as_secs().div_ceil(MINUTE).max(1) * MINUTE;
    let written = [(DAY, 'd'), (HOUR, 'h')].into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
    let (unit, letter) = written.unwrap_or((MINUTE, 'm'));
    (format!("{}{letter}", seconds / unit), exact)
}

/// Writes a calendar period.
pub(super) fn of_period(unit: CalendarUnit) -> &'static str {
    match unit {
        CalendarUnit::Day => "1d",
        CalendarUnit::Week => "1w",
        CalendarUnit::Month => "1M",
        CalendarUnit::Quarter => "1Q",
        CalendarUnit::Year => "1Y",
    }
}

/// The word of our configuration for a calendar period.
pub(super) fn word(unit: CalendarUnit) -> &'static str {
    match unit {
        CalendarUnit::Day => "day",
        CalendarUnit::Week => "week",
        CalendarUnit::Month => "month",
        CalendarUnit::Quarter => "quarter",
        CalendarUnit::Year => "year",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_the_specification_writes_them() {
        for (text, seconds) in [("12h", 12 * HOUR), ("4w", 28 * DAY), ("1M", 30 * DAY), ("1Q", 90 * DAY), ("5m", 300)] {
            assert_eq!(
                Shorthand::parse(text).and_then(Shorthand::length),
                Some(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for wrong in ["", "d", "0d", "-1d", "1", "1.5h", "1 d", "1D", "99999999999999999999d"] {
            assert_eq!(Shorthand::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_written_in_the_longest_unit_that_fits() {
        for (seconds, written, exact) in [(28 * DAY, "28d", true), (90 * MINUTE, "90m", true), (90, "2m", false)] {
            assert_eq!(shorthand(Duration::from_secs(seconds)), (written.to_owned(), exact));
        }
    }
}
