//! Checks how logs are watched.

use std::collections::HashSet;
use std::time::Duration;

use crate::changes::logs::{Settings, compile};
use crate::config::check;
use crate::config::mistake::Mistake;
use crate::config::spot::Spot;

/// Lengths that a window may have.
const WINDOWS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// Most lines that are quoted for a pattern and window.
const MOST_SAMPLES: u8 = 5;

/// Most files and most patterns.
const MOST: usize = 64;

/// Says what is wrong with the settings, whose place is `spot`.
pub(super) fn check(settings: &Settings, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    if settings.files.is_empty() && settings.workloads.is_empty() {
        mistakes.push(spot.mistake("name the logs: `files` or `workloads`"));
    }
    for (key, count) in [("files", settings.files.len()), ("patterns", settings.patterns.len())] {
        if count > MOST {
            mistakes.push(spot.key(key).mistake(format!("{count} are too many: at most {MOST}")));
        }
    }
    for (index, _) in settings.files.iter().enumerate().filter(|(_, file)| file.as_os_str().is_empty()) {
        mistakes.push(spot.key("files").element(index).mistake("give the path of a file"));
    }
    let mut names = HashSet::new();
    for (pattern, spot) in settings.patterns.iter().zip(spot.key("patterns").elements()) {
        mistakes.extend(check::name(&pattern.name).err().map(|message| spot.key("name").mistake(message)));
        if !names.insert(pattern.name.as_str()) {
            mistakes.push(spot.key("name").mistake(format!("`{}` is already a pattern", pattern.name)));
        }
        let message = match compile(std::iter::once(pattern.regex.as_str())) {
            Err(regex::Error::CompiledTooBig(_)) => Some("the regular expression is too large"),
            Err(_) => Some("this is no regular expression in the syntax of Rust's `regex`"),
            Ok(set) if set.is_match(b"") => Some("the regular expression matches every line"),
            Ok(_) => None,
        };
        mistakes.extend(message.map(|message| spot.key("regex").mistake(message)));
    }
    if mistakes.is_empty() && compile(settings.patterns.iter().map(|pattern| pattern.regex.as_str())).is_err() {
        mistakes.push(spot.key("patterns").mistake("the regular expressions are too large together"));
    }
    if settings.window.is_some_and(|window| !WINDOWS.contains(&window)) {
        mistakes.push(spot.key("window").mistake("a window has 1s to 1h"));
    }
    if settings.samples > MOST_SAMPLES {
        mistakes.push(spot.key("samples").mistake(format!("at most {MOST_SAMPLES} lines are quoted")));
    }
}
