//! Checks how a cluster is watched.

use crate::changes::kubernetes::{ALL, Mode, Settings};
use crate::config::mistake::Mistake;
use crate::config::secrets;
use crate::config::spot::Spot;

/// Checks `kubernetes`; `linked` says whether a target names its namespace.
pub(super) fn check(settings: &Settings, linked: bool, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    if settings.mode != Mode::Off && settings.namespaces.is_none() && !linked {
        let remedy = "say which `namespaces` are watched, or give a target its `kubernetes: {namespace: ..}`";
        mistakes.push(spot.mistake(remedy));
    }
    let namespaces = settings.namespaces.as_deref().unwrap_or_default();
    if namespaces.len() > 1 && namespaces.iter().any(|namespace| namespace == ALL) {
        mistakes.push(spot.key("namespaces").mistake("`*` is all namespaces and stands alone"));
    }
    for (names, key) in
        [(&settings.namespaces, "namespaces"), (&settings.secrets, "secrets"), (&settings.configmaps, "configmaps")]
    {
        let names = names.as_deref().unwrap_or_default();
        for (name, spot) in names.iter().zip(spot.key(key).elements()) {
            if !(secrets::is_name(name) || key == "namespaces" && name == ALL) {
                mistakes.push(spot.mistake("a name in a cluster has small letters, digits, `-` and `.` only"));
            }
        }
    }
    for (least, spot) in settings.minimum_length.iter().zip(spot.key("minimum_length").elements()) {
        if !secrets::is_object(&least.secret) {
            mistakes.push(spot.key("secret").mistake("a Secret is `NAMESPACE/NAME`"));
        }
    }
    if settings.mode != Mode::KeyedHash && !settings.minimum_length.is_empty() {
        mistakes.push(spot.key("minimum_length").mistake("lengths are known in the mode `keyed_hash` alone"));
    }
}
