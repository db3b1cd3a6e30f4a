//! Checks a key set that is watched.

use std::time::Duration;

use crate::changes::jwks::Settings;
use crate::config::check::web_address;
use crate::config::mistake::Mistake;
use crate::config::spot::Spot;

/// Shortest and longest interval between two looks.
const EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));

/// Checks one entry of `jwks`.
pub(super) fn check(settings: &Settings, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    let mut say = |spot: Spot<'_>, message: &str| mistakes.push(spot.mistake(message));
    match (&settings.url, &settings.issuer) {
        (None, None) if !spot.broken() => {
            say(spot.clone(), "say where the key set is: `url`, or `issuer` whose metadata names it");
        }
        (Some(_), Some(_)) => say(spot.key("issuer"), "`url` and `issuer` exclude each other: keep one of them"),
        (None, None) | (Some(_), None) | (None, Some(_)) => (),
    }
    for (key, address) in [("url", &settings.url), ("issuer", &settings.issuer)] {
        if let Some(Err(message)) = address.as_deref().map(web_address) {
            say(spot.key(key), &message);
        }
    }
    if !(EVERY.0..=EVERY.1).contains(&settings.every) {
        say(spot.key("every"), "look every second at most and every day at least");
    }
    if let Some(ca) = &settings.tls.ca
        && ca.as_os_str().is_empty()
    {
        say(spot.key("tls").key("ca"), "give the path of a PEM file");
    }
}
