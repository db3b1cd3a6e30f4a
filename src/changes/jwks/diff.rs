//! What changed from one key set to the next.

use std::collections::BTreeSet;

use storage::record::{Change, ChangeKind, Known, Operation};

use crate::changes::jwks::keys::{Key, Keys, cut};

/// Most changes of one kind that are told one by one; of more, one change tells them all.
const MOST: usize = 16;

/// What changed, as changes without their time and object.
pub(super) fn changes(old: &Keys, new: &Keys) -> Vec<Change> {
    let gone: Vec<&Key> = old.0.iter().filter(|key| !has(new, key)).collect();
    let came: Vec<&Key> = new.0.iter().filter(|key| !has(old, key)).collect();
    let ids = |keys: &[&Key]| -> BTreeSet<String> { keys.iter().filter_map(|key| key.id.clone()).collect() };
    let (ids_gone, ids_came) = (ids(&gone), ids(&came));
    let in_both = |key: &Key| key.id.as_ref().is_some_and(|id| ids_gone.contains(id) && ids_came.contains(id));
    // A key under an id that another key has left is the replacement of that one.
    let replaced: Vec<&Key> = came.iter().copied().filter(|key| in_both(key)).collect();
    let added: Vec<&Key> = came.into_iter().filter(|key| !in_both(key)).collect();
    let removed: Vec<&Key> = gone.into_iter().filter(|key| !in_both(key)).collect();
    let replace = (ChangeKind::JwksReplace, Operation::Updated, "replaced by another under the same id");
    let add = (ChangeKind::JwksAdd, Operation::Created, "added");
    let remove = (ChangeKind::JwksRemove, Operation::Deleted, "removed");
    [(replace, replaced), (add, added), (remove, removed)]
        .into_iter()
        .flat_map(|(kind, keys)| told(kind, &keys))
        .collect()
}

/// Whether a set has this key under this id; what is said of its algorithm does not matter.
fn has(keys: &Keys, key: &Key) -> bool {
    let beginning = Key { algorithm: String::new(), ..key.clone() };
    let next = keys.0.range(beginning..).next();
    next.is_some_and(|found| found.id == key.id && found.print == key.print)
}

fn told((kind, operation, how): (ChangeKind, Operation, &str), keys: &[&Key]) -> Vec<Change> {
    let change = |keys: &[&Key], summary: String| Change {
        kind,
        operation: Some(operation),
        data_changed: Some(Known::Yes),
        keys: keys.iter().filter_map(|key| key.id.as_deref()).map(cut).collect(),
        summary,
        ..Change::default()
    };
    if keys.len() <= MOST {
        return keys.iter().map(|key| change(&[key], format!("key {} {how}", key.words()))).collect();
    }
    let first = keys.get(..MOST).unwrap_or_default();
    vec![change(
        first,
        format!(
            "{} keys {how}, the first is {}",
            keys.len(),
            first.first().map_or_else(String::new, |key| key.words())
        ),
    )]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A set of keys, each `ID=CONTENT`, or `=CONTENT` without an id.
    fn set(keys: &[&str]) -> Keys {
        let one = |text: &&str| {
            let (id, content) = text.split_once('=').unwrap();
            let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": content, "alg": "EdDSA"});
            if !id.is_empty() {
                key["kid"] = id.into();
            }
            key
        };
        let keys: Vec<_> = keys.iter().map(one).collect();
        Keys::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    fn told(old: &[&str], new: &[&str]) -> Vec<String> {
        changes(&set(old), &set(new)).iter().map(|change| format!("{} {}", change.kind, change.summary)).collect()
    }

    #[test]
    fn each_change_of_a_set_is_told_by_its_kind() {
        let cases: [(&[&str], &[&str], &[&str]); 9] = [
            (&["a=1"], &["a=1"], &[]),
            (&["a=1"], &["a=1", "b=2"], &["jwks_add key `b` (EdDSA) added"]),
            (&["a=1", "b=2"], &["b=2"], &["jwks_remove key `a` (EdDSA) removed"]),
            (&["a=1"], &["a=2"], &["jwks_replace key `a` (EdDSA) replaced by another under the same id"]),
            (&["a=1"], &[], &["jwks_remove key `a` (EdDSA) removed"]),
            (&["a=1"], &["b=1"], &["jwks_add key `b` (EdDSA) added", "jwks_remove key `a` (EdDSA) removed"]),
            (&["a=1", "a=2"], &["a=2"], &["jwks_remove key `a` (EdDSA) removed"]),
            (&["a=1"], &["a=1", "a=2"], &["jwks_add key `a` (EdDSA) added"]),
            (
                &["=1"],
                &["=2"],
                &["jwks_add key without an id (EdDSA) added", "jwks_remove key without an id (EdDSA) removed"],
            ),
        ];
        for (old, new, expected) in cases {
            assert_eq!(told(old, new), expected, "{old:?} to {new:?}");
        }
    }

    #[test]
    fn ten_thousand_new_keys_are_one_change() {
        let keys: Vec<String> = (0..10_000).map(|number| format!("key-{number}={number}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let changes = changes(&set(&[]), &set(&keys));
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].keys.len(), changes[0].kind), (MOST, ChangeKind::JwksAdd));
        assert!(changes[0].summary.starts_with("10000 keys added"), "{}", changes[0].summary);
    }

    #[test]
    fn another_word_for_the_algorithm_is_no_change() {
        let set = |alg: &str| {
            let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "1", "kid": "a", "alg": alg});
            Keys::read(json!({ "keys": [key] }).to_string().as_bytes()).unwrap()
        };
        assert_eq!(changes(&set("EdDSA"), &set("Ed25519")), []);
    }

    proptest! {
        #[test]
        fn a_set_does_not_differ_from_itself_and_back_is_the_opposite(
            old in prop::collection::btree_set("[abc]?=[12]", 0..6),
            new in prop::collection::btree_set("[abc]?=[12]", 0..6),
        ) {
            let (old, new): (Vec<&str>, Vec<&str>) =
                (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
            prop_assert!(told(&old, &old).is_empty());
            let count = |changes: Vec<Change>, kind| changes.iter().filter(|change| change.kind == kind).count();
            let (there, back) = (|| changes(&set(&old), &set(&new)), || changes(&set(&new), &set(&old)));
            prop_assert_eq!(count(there(), ChangeKind::JwksAdd), count(back(), ChangeKind::JwksRemove));
            prop_assert_eq!(there().is_empty(), set(&old) == set(&new));
        }
    }
}
