//! Checks how logs are watched.

use std::collections::HashSet;
use std::time::Duration;

use crate::changes::logs::named::Named;
use crate::changes::logs::{Settings, compile};
use crate::config::check;
use crate::config::mistake::Mistake;
use crate::config::secrets::is_name;
use crate::config::spot::Spot;

/// Lengths that a window may have.
const WINDOWS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// Most lines that are quoted for a pattern and window.
const MOST_SAMPLES: u8 = 5;

/// Most files, most workloads and most patterns.
const MOST: usize = 64;

/// Says what is wrong with the settings, whose place is `spot`; `placed` says whether there are namespaces in which a
/// workload is looked for.
pub(super) fn check(settings: &Settings, placed: bool, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    if settings.files.is_empty() && settings.workloads.is_empty() {
        mistakes.push(spot.mistake("name the logs: `files` or `workloads`"));
    }
    let counts = [
        ("files", settings.files.len()),
        ("workloads", settings.workloads.len()),
        ("patterns", settings.patterns.len()),
    ];
    for (key, count) in counts {
        if count > MOST {
            mistakes.push(spot.key(key).mistake(format!("{count} are too many: at most {MOST}")));
        }
    }
    for (index, _) in settings.files.iter().enumerate().filter(|(_, file)| file.as_os_str().is_empty()) {
        mistakes.push(spot.key("files").element(index).mistake("give the path of a file"));
    }
    for (workload, spot) in settings.workloads.iter().zip(spot.key("workloads").elements()) {
        mistakes.extend(misnamed(workload, placed).map(|message| spot.mistake(message)));
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

/// What is wrong with the name of a workload.
fn misnamed(workload: &str, placed: bool) -> Option<&'static str> {
    match workload.parse() {
        Err(message) => Some(message),
        Ok(Named { namespace, name, .. }) if !is_name(&name) || !namespace.as_deref().is_none_or(is_name) => {
            Some("a name in a cluster has small letters, digits, `-` and `.` only")
        }
        Ok(Named { namespace: None, .. }) if !placed => {
            Some("say where it is: `KIND/NAMESPACE/NAME`, or give a target its `kubernetes: {namespace: ..}`")
        }
        Ok(_) => None,
    }
}
