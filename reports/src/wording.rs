//! Reasons, times and durations as people read them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use storage::record::{Change, Gap, Reason};

use crate::interval::Interval;

/// What a reason means, as the end of "it failed because".
#[must_use]
pub fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::LoginRejected => "the login refuses the credential",
        Reason::AccountLocked => "the account is locked",
        Reason::TokenMissing => "the login answers without a token",
        Reason::TokenMalformed => "the token is not of the form it should have",
        Reason::SignatureInvalid => "the token's signature does not verify",
        Reason::KeyUnknown => "the key that signed the token is not known",
        Reason::TokenExpired => "the token is past its end",
        Reason::TokenNotYetValid => "the token is not valid yet",
        Reason::ClaimsInvalid => "a claim of the token is missing or wrong",
        Reason::TokenRejected => "the server refuses the token",
        Reason::ApiKeyRejected => "the server refuses the API key",
        Reason::PermissionDenied => "the permission is not there",
        Reason::UnexpectedlyAllowed => "what had to be refused was let in",
        Reason::RateLimited => "the server limits the rate of requests",
        Reason::ServerError => "the server answers with an error",
        Reason::UnexpectedStatus => "the server answers with an unexpected status",
        Reason::UnexpectedBody => "the server answers with an unexpected body",
        Reason::Dns => "the name does not resolve",
        Reason::Connect => "no connection comes about",
        Reason::Tls => "the TLS handshake fails",
        Reason::Timeout => "no answer comes in time",
        Reason::Slow => "the answer is slower than the limit",
        Reason::NoToken => "skipped: there was no token to use",
        Reason::Overlap => "skipped: the last run was still going",
        Reason::CredentialUnavailable => "the prober could not read its own credential",
        Reason::ProberClock => "the prober's own clock is wrong",
        Reason::ProberNetwork => "the prober has no network",
        Reason::ProberOverloaded => "the prober is too busy",
    }
}

/// The word of a reason, for tables.
#[must_use]
pub fn reason_word(reason: Option<Reason>) -> &'static str {
    reason.map_or("no reason given", Reason::as_str)
}

/// A share as a percentage with as many digits as tell it from 100 %.
#[must_use]
pub fn percent(share: Option<f64>) -> String {
    let Some(share) = share else { return "no data".to_owned() };
    let percent = share * 100.0;
    let distance = (100.0 - percent).abs();
    match distance {
        0.0 => "100%".to_owned(),
        d if d < 0.1 => format!("{:.3}%", if percent < 100.0 { percent.min(99.999) } else { percent }),
        d if d < 10.0 => format!("{percent:.2}%"),
        _ => format!("{percent:.1}%"),
    }
}

/// A number of seconds in the two largest units that fit: `1 h 5 min`, `41 s`, `0.3 s`.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "for ever".to_owned();
    }
    if seconds < 10.0 {
        let tenths = (seconds * 10.0).round() / 10.0;
        return format!("{tenths} s");
    }
    let whole = seconds.round() as u64;
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    let two = |a: u64, a_unit: &str, b: u64, b_unit: &str| {
        if b == 0 { format!("{a} {a_unit}") } else { format!("{a} {a_unit} {b} {b_unit}") }
    };
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => two(minutes, "min", rest, "s"),
        3600..86_400 => two(hours, "h", minutes, "min"),
        _ => two(days, "d", hours, "h"),
    }
}

/// From so many seconds to so many.
#[must_use]
pub fn seconds_range(lo: f64, hi: f64) -> String {
    let (from, until) = (seconds(lo), seconds(hi));
    if lo <= 0.0 {
        return format!("at most {until}");
    }
    match from == until {
        true => until,
        false if hi < 60.0 && lo >= 10.0 => format!("{}–{until}", lo.round()),
        false => format!("{from} to {until}"),
    }
}

/// A moment in UTC, to the second.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A time of day in UTC, to the second.
#[must_use]
pub fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string()
}

/// An interval with its uncertainty: `2026-11-01 12:03:48–12:04:18 (±15 s)`.
#[must_use]
pub fn interval(interval: Interval) -> String {
    let half = interval.width_s() / 2.0;
    if moment(interval.lo) == moment(interval.hi) {
        return moment(interval.lo);
    }
    let end = match moment(interval.lo).get(..10) == moment(interval.hi).get(..10) {
        true => clock(interval.hi),
        false => moment(interval.hi),
    };
    format!("{}–{end} (±{})", moment(interval.lo), seconds(half))
}

/// How long ago something was, or how long it lasted.
#[must_use]
pub fn duration(length: SignedDuration) -> String {
    seconds(length.as_secs_f64())
}

/// Words in a row: `a, b and c`.
#[must_use]
pub fn list<T: Into<String>>(words: impl IntoIterator<Item = T>) -> String {
    let mut words: Vec<String> = words.into_iter().map(Into::into).collect();
    match words.pop() {
        None => String::new(),
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} and {last}", words.join(", ")),
    }
}

/// A gap in one sentence.
#[must_use]
pub fn gap(gap: &Gap) -> String {
    let why = if gap.why.is_empty() { String::new() } else { format!(": {}", gap.why) };
    format!("{} was blind {} to {}{why}", gap.feed, moment(gap.from), clock(gap.until))
}

/// A change in one line: what was changed and how.
#[must_use]
pub fn change(change: &Change) -> String {
    let named = change.object.to_lowercase().starts_with(change.kind.as_str());
    let mut line = match (change.object.is_empty(), named) {
        (true, _) => change.kind.to_string(),
        (false, true) => change.object.clone(),
        (false, false) => format!("{} {}", change.kind, change.object),
    };
    if let Some(revision) = &change.revision {
        line.push_str(&format!(" revision {revision}"));
    }
    if !change.summary.is_empty() {
        line.push_str(&format!(": {}", change.summary));
    }
    line
}

/// Makes text from outside harmless on a terminal: control and direction characters are shown as escapes.
#[must_use]
pub fn harmless(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|c| if hidden(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_just_below_one_never_reads_as_one_hundred_percent() {
        assert_eq!(percent(Some(0.999_999_9)), "99.999%");
        assert_eq!(percent(Some(1.0)), "100%");
        assert_eq!(percent(Some(0.9987)), "99.87%");
        assert_eq!(percent(Some(-0.25)), "-25.0%");
        assert_eq!(percent(None), "no data");
    }

    #[test]
    fn an_interval_says_how_sure_it_is() {
        let at = |text: &str| text.parse().unwrap();
        let onset = Interval { lo: at("2026-11-01T12:03:48Z"), hi: at("2026-11-01T12:04:18Z") };
        assert_eq!(interval(onset), "2026-11-01 12:03:48–12:04:18 (±15 s)");
    }

    #[test]
    fn durations_take_two_units() {
        assert_eq!(seconds(0.34), "0.3 s");
        assert_eq!(seconds(65.0), "1 min 5 s");
        assert_eq!(seconds(90_000.0), "1 d 1 h");
        assert_eq!(seconds_range(41.0, 59.0), "41–59 s");
    }

    #[test]
    fn control_characters_from_outside_are_shown_and_not_obeyed() {
        assert_eq!(harmless("a\u{1b}[31mb\r\u{202e}"), "a\\u{1b}[31mb\\r\\u{202e}");
    }
}
