//! What of the API keys is compared between two looks, and what its differences mean.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, Unit};
use storage::record::{Change, ChangeKind, Known, Operation};

use crate::changes::postgres::tell::{SINGLY, Span, Teller, Telling, at};

/// The end of a key that is not the prober's is told so long ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The API keys at one look.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// By id.
    pub(super) rows: BTreeMap<Box<str>, Key>,
    /// Whether these are all; else they are the prober's own.
    pub(super) all: bool,
    /// Whether the table says when a key was last used.
    pub(super) tells_use: bool,
}

/// What is kept of a key. Moments are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// A digest of owner, name and hash.
    pub(super) content: u64,
    pub(super) created: Option<i64>,
    pub(super) revoked: Option<i64>,
    pub(super) expires: Option<i64>,
    /// When it was last used: told beside what happens to it, and no change itself.
    pub(super) used: Option<i64>,
    /// Whether it is the prober's.
    pub(super) own: Known,
}

/// The ends of keys that were told, by the id of the key.
#[derive(Debug, Default)]
pub(super) struct Ends(BTreeMap<Box<str>, i64>);

/// What happened to the keys between two looks. Before the first look, what the rows themselves date is known.
pub(super) fn compare(old: Option<&Keys>, new: &Keys, secret: bool, span: Span, teller: &Teller) -> Vec<Change> {
    let mut telling = Telling::new(teller, span);
    let none = Keys::default();
    let before = old.unwrap_or(&none);
    // Where one of the looks saw the prober's own rows only, the others cannot be compared.
    let partial = old.is_some_and(|old| old.all != new.all);
    let comparable = |key: &Key| !partial || key.own == Known::Yes;
    let mut tell = |id: &str, key: &Key, operation, moment: Option<i64>, summary: &str| {
        telling.add(key.own, |teller, span| {
            let object = format!("ApiKey/{}/{}", teller.schema, teller.shown(id, secret));
            let whose = if key.own == Known::Yes { "the prober's own API key" } else { "API key" };
            let used = if new.tells_use && operation != Operation::Created { last_used(key) } else { String::new() };
            teller.change(object, operation, key.own, span, moment.and_then(at), format!("{whose} {summary}{used}"))
        });
    };
    let recent = |moment: Option<i64>| moment.and_then(at).is_some_and(|moment| span.holds(moment));
    for (id, key) in new.rows.iter().filter(|(_, key)| comparable(key)) {
        match before.rows.get(id) {
            Some(was) if was == key => (),
            Some(was) if was.created != key.created => tell(id, key, Operation::Recreated, key.created, "made again"),
            Some(was) => match (was.revoked, key.revoked) {
                (None, Some(_)) => tell(id, key, Operation::Updated, key.revoked, "revoked"),
                (Some(_), None) => tell(id, key, Operation::Updated, None, "no longer revoked"),
                _ if was.content != key.content => tell(id, key, Operation::Updated, None, "altered"),
                _ if was.expires != key.expires => tell(id, key, Operation::Updated, None, "given another end"),
                // Revoked at another moment, or the prober's or not: nothing that a request would meet.
                _ => (),
            },
            None => {
                if old.is_some() || recent(key.created) {
                    tell(id, key, Operation::Created, key.created, "made");
                }
                if recent(key.revoked) {
                    tell(id, key, Operation::Updated, key.revoked, "revoked");
                }
            }
        }
    }
    for (id, key) in before.rows.iter().filter(|(id, key)| comparable(key) && !new.rows.contains_key(*id)) {
        tell(id, key, Operation::Deleted, None, "deleted");
    }
    telling.finish(&format!("ApiKey/{}", teller.schema))
}

/// When a key was last used, to the second: who still uses a revoked key is hit by that.
fn last_used(key: &Key) -> String {
    let moment = key.used.and_then(at).and_then(|used| used.round(Unit::Second).ok());
    moment.map_or_else(|| ", never used".into(), |used| format!(", last used {used}"))
}

impl Ends {
    /// The ends that are ahead, each told once; one that does not come after all is told as a note in its place.
    pub(super) fn tell(&mut self, keys: &Keys, secret: bool, span: Span, teller: &Teller) -> Vec<Change> {
        let object = |id: &str| format!("ApiKey/{}/{}", teller.schema, teller.shown(id, secret));
        let ahead = span.until.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        let mut ends: Vec<(Timestamp, &Box<str>, &Key)> = keys
            .rows
            .iter()
            .filter(|(_, key)| key.revoked.is_none())
            .filter_map(|(id, key)| Some((key.expires.and_then(at)?, id, key)))
            .filter(|(end, _, key)| span.since <= *end && (*end <= ahead || key.own == Known::Yes))
            .collect();
        ends.sort_by_key(|(end, _, key)| (key.own != Known::Yes, *end));
        let own = ends.iter().filter(|(_, _, key)| key.own == Known::Yes).count();
        ends.truncate(own + SINGLY);

        let mut changes = Vec::new();
        self.0.retain(|id, told| {
            // One that has come stays as it was told, and is forgotten once no look asks for it again.
            let Some(end) = at(*told).filter(|end| *end >= span.since) else { return false };
            let key = keys.rows.get(id).filter(|key| key.revoked.is_none());
            if key.is_some_and(|key| key.expires == Some(*told)) {
                return true;
            }
            if end <= span.until {
                return false;
            }
            let object = object(id);
            changes.push(Change {
                id: teller.id(&object, "expiry", end),
                time: Some(span.until),
                kind: ChangeKind::Note,
                object,
                targets: teller.targets.clone(),
                summary: format!("API key was to end at {end}, and does not: it was altered, revoked or deleted"),
                ..Change::default()
            });
            false
        });
        for (end, id, key) in ends {
            if self.0.insert(id.clone(), end.as_microsecond()).is_some() {
                continue;
            }
            let object = object(id);
            let whose = if key.own == Known::Yes { "the prober's own API key" } else { "API key" };
            changes.push(Change {
                id: teller.id(&object, "expiry", end),
                time: Some(end),
                kind: ChangeKind::Expiry,
                object,
                targets: teller.targets.clone(),
                touches_probe: Some(key.own),
                summary: format!("{whose} ends"),
                ..Change::default()
            });
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::postgres::tell::fixtures::{short, span, teller};

    fn key(own: Known) -> Key {
        Key { content: 1, created: Some(1_000_000), revoked: None, expires: None, used: None, own }
    }

    fn keys(all: bool, rows: &[(&str, Key)]) -> Keys {
        Keys { rows: rows.iter().map(|(id, key)| ((*id).into(), key.clone())).collect(), all, tells_use: true }
    }

    fn revoked(second: i64) -> Key {
        Key { revoked: Some(second * 1_000_000), ..key(Known::No) }
    }

    #[test]
    fn each_difference_of_a_key_is_told_as_what_it_means() {
        let plain = key(Known::No);
        let cases = [
            (None, Some(plain.clone()), "created"),
            (Some(plain.clone()), None, "deleted"),
            (Some(plain.clone()), Some(revoked(150)), "updated at 150"),
            (Some(plain.clone()), Some(revoked(50)), "updated"),
            (Some(revoked(50)), Some(plain.clone()), "updated"),
            (Some(plain.clone()), Some(Key { content: 2, ..plain.clone() }), "updated"),
            (Some(plain.clone()), Some(Key { expires: Some(1), ..plain.clone() }), "updated"),
            (Some(plain.clone()), Some(Key { created: Some(150_000_000), ..plain.clone() }), "recreated at 150"),
        ];
        for (was, is, expected) in cases {
            let look = |key: Option<Key>| keys(true, &key.map(|key| ("7", key)).into_iter().collect::<Vec<_>>());
            let told = compare(Some(&look(was.clone())), &look(is.clone()), false, span(100, 200), &teller());
            assert_eq!(short(&told), [format!("ApiKey/public/7 api_key {expected}")], "{was:?} → {is:?}");
        }
        let same = keys(true, &[("7", plain)]);
        assert_eq!(compare(Some(&same), &same, false, span(100, 200), &teller()), []);
    }

    #[test]
    fn that_a_key_is_used_is_no_change_and_stands_beside_one() {
        let used = Key { used: Some(90_000_000), ..key(Known::Yes) };
        let look = |key: &Key| keys(true, &[("7", key.clone())]);
        let told = |was: &Key, is: &Key| compare(Some(&look(was)), &look(is), false, span(100, 200), &teller());
        assert_eq!(told(&key(Known::Yes), &used), []);
        let revoked = Key { revoked: Some(150_000_000), ..used.clone() };
        assert_eq!(
            told(&used, &revoked)[0].summary,
            "the prober's own API key revoked, last used 1970-01-01T00:01:30Z"
        );
        let unused = Key { used: None, ..revoked };
        assert_eq!(told(&key(Known::Yes), &unused)[0].summary, "the prober's own API key revoked, never used");
    }

    #[test]
    fn what_was_dated_while_nobody_looked_is_told_at_the_first_look() {
        let first = keys(true, &[("1", revoked(150)), ("2", revoked(50)), ("3", key(Known::No))]);
        let told = compare(None, &first, false, span(100, 200), &teller());
        assert_eq!(short(&told), ["ApiKey/public/1 api_key updated at 150"]);
        let again = compare(None, &first, false, span(100, 300), &teller());
        assert_eq!(told[0].id, again[0].id, "told twice, it is the same change");
    }

    #[test]
    fn a_table_that_grew_too_large_looks_like_no_deletion() {
        let (all, own) = ([("1", key(Known::Yes)), ("2", key(Known::No))], [("1", key(Known::Yes))]);
        assert_eq!(compare(Some(&keys(true, &all)), &keys(false, &own), false, span(100, 200), &teller()), []);
        assert_eq!(compare(Some(&keys(false, &own)), &keys(true, &all), false, span(100, 200), &teller()), []);
        let told = compare(Some(&keys(true, &all)), &keys(false, &[]), false, span(100, 200), &teller());
        assert_eq!(short(&told), ["ApiKey/public/1 api_key deleted"]);
    }

    #[test]
    fn an_end_is_told_once_and_taken_back_when_it_does_not_come() {
        let ending = |second: i64| Key { expires: Some(second * 1_000_000), ..key(Known::No) };
        let (mut ends, teller) = (Ends::default(), teller());
        let first = ends.tell(&keys(true, &[("1", ending(500)), ("2", ending(50))]), false, span(100, 200), &teller);
        assert_eq!(short(&first), ["ApiKey/public/1 expiry  at 500"]);
        assert_eq!(ends.tell(&keys(true, &[("1", ending(500))]), false, span(200, 300), &teller), []);
        let moved = ends.tell(&keys(true, &[("1", ending(900))]), false, span(300, 400), &teller);
        assert_eq!(short(&moved), ["ApiKey/public/1 note  at 400", "ApiKey/public/1 expiry  at 900"]);
        assert_eq!(moved[0].id, first[0].id);
        assert_eq!(ends.tell(&keys(true, &[("1", ending(900))]), false, span(400, 1000), &teller), [], "it came");
    }

    #[test]
    fn an_end_far_ahead_is_told_of_the_prober_s_own_key_alone() {
        let years = Some(200_000_000 * 1_000_000);
        let all = keys(
            true,
            &[("1", Key { expires: years, ..key(Known::Yes) }), ("2", Key { expires: years, ..key(Known::No) })],
        );
        let told = Ends::default().tell(&all, false, span(100, 200), &teller());
        assert_eq!(short(&told), ["ApiKey/public/1 expiry  at 200000000"]);
    }
}
