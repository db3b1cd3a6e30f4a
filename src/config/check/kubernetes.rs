//! Checks how a cluster is watched.

use crate::changes::kubernetes::{Mode, Settings};
use crate::config::mistake::Mistake;
use crate::config::spot::Spot;

/// Checks `kubernetes`; `linked` says whether a target names its namespace.
pub(super) fn check(settings: &Settings, linked: bool, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    let mut say = |spot: Spot<'_>, message: &str| mistakes.push(spot.mistake(message));
    if settings.namespaces.is_empty() && !linked {
        say(spot.clone(), "say which `namespaces` are watched, or give a target its `kubernetes: {namespace: ..}`");
    }
    for (key, names) in [("namespaces", &settings.namespaces), ("secrets", &settings.secrets)] {
        for (index, name) in names.iter().enumerate() {
            let all = key == "namespaces" && name == "*" && names.len() == 1;
            if !all && !is_name(name) {
                say(spot.key(key).element(index), "a name has letters, digits, `-` and `.` only");
            }
        }
    }
    if settings.mode != Mode::KeyedHash && !settings.minimum_lengths.is_empty() {
        say(spot.key("minimum_lengths"), "the length of a value is known with `mode: keyed_hash` only");
    }
    for (minimum, spot) in settings.minimum_lengths.iter().zip(spot.key("minimum_lengths").elements()) {
        if !minimum.secret.split_once('/').is_some_and(|(namespace, name)| is_name(namespace) && is_name(name)) {
            say(spot.key("secret"), "a Secret is `NAMESPACE/NAME`");
        }
    }
}

/// Whether the API server would take it as a name (RFC 1123).
fn is_name(name: &str) -> bool {
    (1..=253).contains(&name.len()) && name.bytes().all(|one| one.is_ascii_alphanumeric() || b"-.".contains(&one))
}
