//! When a target is due.

use std::time::Duration;

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::date;
use jiff::tz::TimeZone;

/// When a target is due.
#[derive(Debug, Clone)]
pub(crate) enum Schedule {
    /// At every multiple of the interval, shifted by the target's own phase.
    Every(Duration),
    /// At the times of a cron expression in a time zone.
    Cron {
        /// The expression: five fields, or six with seconds first.
        expression: Box<Cron>,
        /// The zone in which its fields are read.
        timezone: TimeZone,
    },
}

impl Schedule {
    /// The longest stretch between two runs; of a cron expression, among its next firings from a fixed day on.
    pub(crate) fn interval(&self) -> Duration {
        /// Firings that are looked at: a fortnight of hours, or as many days.
        const FIRINGS: usize = 24 * 14;
        let (expression, timezone) = match self {
            Schedule::Every(interval) => return *interval,
            Schedule::Cron { expression, timezone } => (expression, timezone),
        };
        let Ok(start) = date(2026, 1, 1).to_zoned(timezone.clone()) else { return Duration::ZERO };
        let times: Vec<i64> =
            expression.iter_after(start).take(FIRINGS).map(|firing| firing.timestamp().as_second()).collect();
        let longest = times.iter().zip(times.iter().skip(1)).map(|(one, next)| next - one).max().unwrap_or(0);
        Duration::from_secs(u64::try_from(longest).unwrap_or(0))
    }
}

/// Reads a cron expression.
///
/// # Errors
/// What is wrong with it.
pub(super) fn cron(text: &str) -> Result<Cron, String> {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let expression = parser.parse(text).map_err(|error| {
        let why = match error {
            CronError::ComponentError(why) | CronError::IllegalCharacters(why) => {
                format!(" ({})", why.trim_end_matches('.'))
            }
            CronError::EmptyPattern
            | CronError::InvalidPattern(_)
            | CronError::InvalidDate
            | CronError::InvalidTime
            | CronError::TimeSearchLimitExceeded => String::new(),
        };
        format!("`{text}` is no cron expression{why}: write five fields, as in `*/5 * * * *`")
    })?;
    let comes =
        date(2026, 1, 1).to_zoned(TimeZone::UTC).is_ok_and(|start| expression.iter_after(start).next().is_some());
    if comes { Ok(expression) } else { Err(format!("`{text}` never comes: no date fits its fields")) }
}

/// Reads the name of a time zone.
///
/// # Errors
/// That it is not known.
pub(super) fn timezone(name: Option<&str>) -> Result<TimeZone, String> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    TimeZone::get(name)
        .map_err(|_| format!("unknown time zone `{name}`: use an IANA name such as `Europe/Paris`, or `UTC`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_cron_expression_is_its_longest_pause() {
        for (text, seconds) in [
            ("*/5 * * * *", 300),
            ("*/10 * * * * *", 10),
            ("0 8 * * MON", 7 * 86_400),
            ("0 9-17 * * MON-FRI", 64 * 3600),
        ] {
            let schedule = Schedule::Cron { expression: Box::new(cron(text).unwrap()), timezone: TimeZone::UTC };
            assert_eq!(schedule.interval().as_secs(), seconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        assert!(cron("* * *").unwrap_err().contains("five fields"));
        assert!(cron("0 0 30 2 *").unwrap_err().contains("never"));
        assert!(timezone(Some("Europe/Pariss")).is_err());
        assert!(timezone(None).is_ok());
    }
}
