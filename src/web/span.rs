//! The stretch of time that a request asks for.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use storage::window::Window;

use crate::web::desk::Unanswered;

/// Longest stretch counted back from now: ten years.
const LONGEST_S: i64 = 3660 * 86_400;
/// The shortest stretch.
const LEAST: SignedDuration = SignedDuration::from_millis(1);

/// A stretch of time as it was asked for: the same words mean another stretch later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// So many seconds up to now.
    Last(i64),
    /// From a moment to now.
    Since(Timestamp),
    /// From a moment to another one, which is later.
    Fixed(Timestamp, Timestamp),
}

impl Span {
    /// A length counted back from now, as it is written: `6h`.
    pub(super) fn last(text: &str) -> Option<Self> {
        length(text).map(Self::Last)
    }

    /// The stretch that it is at a moment.
    pub(super) fn window(self, now: Timestamp) -> Window {
        let (from, until) = match self {
            Span::Last(seconds) => (now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN), now),
            // What begins in the future is as short as it can be.
            Span::Since(from) => (from, now.max(from.checked_add(LEAST).unwrap_or(Timestamp::MAX))),
            Span::Fixed(from, until) => (from, until),
        };
        Window { from, until }
    }

    /// Whether it may hold more after a moment than until then.
    pub(super) fn moves(self, at: Timestamp) -> bool {
        match self {
            Span::Last(_) | Span::Since(_) => true,
            Span::Fixed(_, until) => until > at,
        }
    }
}

/// The stretch that was asked for; none where nothing was said.
///
/// # Errors
/// What is wrong with what was said.
pub(super) fn span(
    from: Option<&str>,
    until: Option<&str>,
    last: Option<&str>,
    now: Timestamp,
) -> Result<Option<Span>, Unanswered> {
    match (from, until, last) {
        (None, None, None) => Ok(None),
        (None, None, Some(last)) => Span::last(last)
            .map(Some)
            .ok_or_else(|| Unanswered::Wrong("`last` is a number and s, m, h, d or w, at most ten years: 6h".into())),
        (Some(from), None, None) => {
            let from = moment("from", from)?;
            checked(from, now).map(|_| Some(Span::Since(from)))
        }
        (Some(from), Some(until), None) => {
            let window = checked(moment("from", from)?, moment("until", until)?)?;
            Ok(Some(Span::Fixed(window.from, window.until)))
        }
        (None, Some(_), _) => Err(Unanswered::Wrong("`until` needs a `from`".into())),
        (Some(_), _, Some(_)) => Err(Unanswered::Wrong("give either `last`, or `from` and `until`".into())),
    }
}

fn checked(from: Timestamp, until: Timestamp) -> Result<Window, Unanswered> {
    Window::new(from, until).map_err(|error| Unanswered::Wrong(error.to_string()))
}

/// A moment, or the beginning of a day in UTC.
fn moment(name: &str, text: &str) -> Result<Timestamp, Unanswered> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    text.parse().ok().or_else(day).ok_or_else(|| {
        Unanswered::Wrong(format!("`{name}` is a moment as 2026-11-01T00:00:00Z, or a day as 2026-11-01"))
    })
}

/// Seconds of a length as `30s`, `5m`, `6h`, `7d` or `2w`.
fn length(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit_s = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    let digits = (1..=9).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = number.parse::<i64>().ok().filter(|_| digits)?.checked_mul(unit_s)?;
    (1..=LONGEST_S).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: Option<&str>, until: Option<&str>, last: Option<&str>) -> Result<Option<String>, String> {
        let now = "2026-11-02T00:00:00Z".parse().unwrap();
        let span = span(from, until, last, now).map_err(|error| error.to_string())?;
        Ok(span.map(|span| span.window(now)).map(|window| format!("{}..{}", window.from, window.until)))
    }

    #[test]
    fn a_stretch_is_counted_back_or_has_two_ends() {
        assert_eq!(asked(None, None, None), Ok(None));
        assert_eq!(asked(None, None, Some("6h")).unwrap().unwrap(), "2026-11-01T18:00:00Z..2026-11-02T00:00:00Z");
        assert_eq!(
            asked(Some("2026-11-01"), None, None).unwrap().unwrap(),
            "2026-11-01T00:00:00Z..2026-11-02T00:00:00Z"
        );
        let both = asked(Some("2026-10-01T00:00:00Z"), Some("2026-10-02"), None);
        assert_eq!(both.unwrap().unwrap(), "2026-10-01T00:00:00Z..2026-10-02T00:00:00Z");
    }

    #[test]
    fn what_is_no_stretch_is_refused() {
        for last in ["", "h", "0h", "-1h", "1y", "99999999999d", "4000d", "1 h", "１h"] {
            assert!(asked(None, None, Some(last)).is_err(), "{last}");
        }
        assert!(asked(Some("2026-11-01"), Some("2026-11-01"), None).is_err());
        assert!(asked(None, Some("2026-11-01"), None).is_err());
        assert!(asked(Some("2026-11-01"), None, Some("1h")).is_err());
        assert!(asked(Some("yesterday"), None, None).is_err());
    }
}
