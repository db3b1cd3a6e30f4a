//! What each source of changes says of itself: whether it sees, since when, and what it saw last.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Feeds that are told apart; further ones of a source are told together, for what is told is bounded.
const MOST: usize = 500;
/// What stands for the feeds beyond.
const OTHERS: &str = "others";

/// The state of every feed, by its source and what it looks at.
#[derive(Debug, Default)]
pub(crate) struct Feeds(Mutex<BTreeMap<(&'static str, String), Feed>>);

/// One feed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Feed {
    /// Whether the last look succeeded; false before the first.
    pub(crate) sees: bool,
    /// When a look succeeded last.
    pub(crate) seen: Option<Timestamp>,
    /// When a change was seen last.
    pub(crate) changed: Option<Timestamp>,
    /// Changes that were seen.
    pub(crate) changes: u64,
}

impl Feeds {
    /// Notes that there is a feed.
    pub(crate) fn begins(&self, source: &'static str, what: &str) {
        self.note(source, what, |_| ());
    }

    /// Notes a look that succeeded.
    pub(crate) fn sees(&self, source: &'static str, what: &str, now: Timestamp) {
        self.note(source, what, |feed| (feed.sees, feed.seen) = (true, feed.seen.max(Some(now))));
    }

    /// Notes a look that failed.
    pub(crate) fn blind(&self, source: &'static str, what: &str) {
        self.note(source, what, |feed| feed.sees = false);
    }

    /// Notes a change.
    pub(crate) fn change(&self, source: &'static str, what: &str, now: Timestamp) {
        self.note(source, what, |feed| (feed.changes, feed.changed) = (feed.changes + 1, Some(now)));
    }

    /// Every feed as it is now.
    pub(crate) fn all(&self) -> Vec<((&'static str, String), Feed)> {
        let feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.iter().map(|(name, feed)| (name.clone(), *feed)).collect()
    }

    fn note(&self, source: &'static str, what: &str, change: impl FnOnce(&mut Feed)) {
        let mut feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut name = (source, what.to_owned());
        if feeds.len() >= MOST && !feeds.contains_key(&name) {
            name.1 = OTHERS.to_owned();
        }
        change(feeds.entry(name).or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_sees_from_its_first_look_until_one_fails() {
        let feeds = Feeds::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        feeds.begins("jwks", "a");
        assert_eq!(feeds.all(), [(("jwks", "a".into()), Feed::default())]);
        feeds.sees("jwks", "a", at(1));
        feeds.change("jwks", "a", at(2));
        let feed = Feed { sees: true, seen: Some(at(1)), changed: Some(at(2)), changes: 1 };
        assert_eq!(feeds.all(), [(("jwks", "a".into()), feed)]);
        feeds.blind("jwks", "a");
        assert_eq!(feeds.all(), [(("jwks", "a".into()), Feed { sees: false, ..feed })]);
    }

    #[test]
    fn feeds_beyond_the_bound_are_told_together() {
        let feeds = Feeds::default();
        for number in 0..MOST + 10 {
            feeds.begins("logs", &number.to_string());
        }
        assert_eq!(feeds.all().len(), MOST + 1);
    }
}
