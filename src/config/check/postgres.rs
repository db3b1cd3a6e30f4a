//! Checks how a database is watched.

use std::time::Duration;

use crate::changes::postgres::Settings;
use crate::config::mistake::Mistake;
use crate::config::secrets;
use crate::config::spot::Spot;

/// Shortest interval between two looks: each of them opens a connection and reads whole tables.
const SHORTEST: Duration = Duration::from_secs(1);

/// Longest name that PostgreSQL keeps, in bytes.
const LONGEST: usize = 63;

/// Says what is wrong with the settings, whose place is `spot`.
pub(super) fn check(settings: &Settings, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    mistakes.extend(secrets::local(&settings.url).err().map(|message| spot.key("url").mistake(message)));
    if settings.every.is_some_and(|every| every < SHORTEST) {
        mistakes.push(spot.key("every").mistake("the shortest interval is 1s"));
    }
    if settings.watch.is_empty() {
        mistakes.push(spot.key("watch").mistake("name what is watched: api_keys, roles"));
    }
    for (section, key, name, may_be_empty) in settings.identifiers() {
        let spot = if key.is_empty() { spot.key(section) } else { spot.key(section).key(key) };
        if name.is_empty() && !may_be_empty {
            mistakes.push(spot.mistake("a name is not empty"));
        }
        if name.len() > LONGEST {
            mistakes.push(spot.mistake(format!("a name of PostgreSQL has at most {LONGEST} bytes")));
        }
        if name.contains(char::is_control) {
            mistakes.push(spot.mistake("a name has no control characters"));
        }
    }
    for (key, own) in [("own_api_keys", &settings.own_api_keys), ("own_users", &settings.own_users)] {
        for (index, _) in own.iter().enumerate().filter(|(_, own)| own.trim().is_empty()) {
            mistakes.push(spot.key(key).element(index).mistake("a name is not empty"));
        }
    }
}
