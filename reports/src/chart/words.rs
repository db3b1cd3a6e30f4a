//! Names and numbers, as short as a chart needs them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use storage::record::Change;
use storage::window::Window;

/// A name of at most so many characters, on one line. What could turn the text around, or hide, is left out.
pub(super) fn short(name: &str, most: usize) -> String {
    let seen = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut characters = name.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(seen);
    let mut out: String = characters.by_ref().take(most).collect();
    if characters.next().is_some() {
        out.pop();
        out.push('…');
    }
    out
}

/// A name of at most so many characters whose end is kept, and whose middle is left out.
pub(super) fn middle_out(name: &str, most: usize) -> String {
    let whole = short(name, usize::MAX);
    let count = whole.chars().count();
    if count <= most {
        return whole;
    }
    let end = most / 2;
    let first: String = whole.chars().take(most.saturating_sub(end + 1)).collect();
    let last: String = whole.chars().skip(count - end).collect();
    format!("{first}…{last}")
}

/// A name that fits into names of files and of elements of a page.
pub(super) fn file_name(name: &str) -> String {
    let mut out = String::new();
    for character in name.chars().take(400) {
        match character {
            c if c.is_ascii_alphanumeric() => out.push(c.to_ascii_lowercase()),
            _ if out.ends_with('-') || out.is_empty() => {}
            _ => out.push('-'),
        }
        if out.len() >= 40 {
            break;
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// What a change is, in a few words: its kind, and the last part of its object's name.
pub(super) fn change(change: &Change) -> String {
    let object = change.object.rsplit('/').find(|part| !part.trim().is_empty()).unwrap_or_default();
    let word = change.kind.as_str().replace('_', " ");
    short(&format!("{word} {object}"), 34)
}

/// A window, told to the minute.
pub(super) fn window(window: Window) -> String {
    format!("{} to {} UTC", moment(window.from), moment(window.until))
}

/// A moment, to the minute.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A share as a percentage for an axis.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let text = format!("{percent:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text.strip_prefix('-') {
        Some("0") => "0 %".to_owned(),
        Some(text) => format!("−{text} %"),
        None => format!("{text} %"),
    }
}

/// Microseconds in the unit that suits them.
pub(super) fn duration(us: f64) -> String {
    let (value, unit) = match us {
        0.0 => return "0".to_owned(),
        us if us < 1_000.0 => (us, "µs"),
        us if us < 1_000_000.0 => (us / 1_000.0, "ms"),
        us => (us / 1_000_000.0, "s"),
    };
    let text = if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// A length of time in its largest whole unit.
pub(super) fn length(ms: i64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")];
    let unit = units.into_iter().find(|(unit, _)| ms % unit == 0 && ms >= *unit);
    unit.map_or_else(|| format!("{ms} ms"), |(unit, word)| format!("{} {word}", ms / unit))
}

/// A number with its thing, in the plural where there are several.
pub(super) fn several(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_cannot_turn_a_text_around() {
        assert_eq!(short("orchestrator", 20), "orchestrator");
        assert_eq!(short(&"x".repeat(100_000), 5), "xxxx…");
        assert_eq!(short("a\u{202e}b\u{1b}[2J\nc", 20), "ab[2J c");
        assert_eq!(middle_out("orchestrator/jwt-tampered", 13), "orches…mpered");
        assert_eq!(middle_out("short", 13), "short");
        assert_eq!(file_name("../../etc/<b>Löhne"), "etc-b-l-hne");
        assert_eq!(file_name("\u{202e}"), "");
    }

    #[test]
    fn numbers_are_told_in_the_unit_that_suits_them() {
        assert_eq!([percent(1.0), percent(0.999), percent(0.25)], ["100 %", "99.9 %", "25 %"]);
        assert_eq!([duration(450.0), duration(4_200.0), duration(2e6)], ["450 µs", "4.2 ms", "2 s"]);
        assert_eq!([length(300_000), length(86_400_000), length(90_000)], ["5 min", "1 d", "90 s"]);
    }
}
