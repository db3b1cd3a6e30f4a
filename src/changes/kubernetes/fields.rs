//! What the metadata of an object tell of its data: whether it changed, who wrote it and when, without a look at it.
//!
//! A write that changes nothing makes no new version. So where the version moved and the rest of the metadata did not,
//! the data changed. Where the metadata changed as well, `managedFields` say whose fields moved.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use serde::Serialize;
use serde_json::Value;
use storage::record::Known;
use xxhash_rust::xxh3::xxh3_128;

/// Managers of one object that are looked at; nobody needs more.
const MOST: usize = 64;

/// Keys of data that are named.
const MOST_KEYS: usize = 64;

/// Longest name of a manager or a key that is kept, in characters.
const LONGEST: usize = 253;

/// Where `kubectl apply` keeps what it was given, the data of a Secret included.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The metadata of an object, as far as they tell of its data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// Every manager's part, by manager, operation and subresource.
    parts: BTreeMap<(String, String, String), Part>,
    /// A hash of what else the metadata hold that can change.
    rest: u128,
    /// A hash of the data that `kubectl apply` was given.
    applied: Option<u128>,
}

/// What one manager wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// When it last wrote something else than before, to the second.
    time: Option<Timestamp>,
    /// Keys of the data that it owns.
    data: BTreeSet<String>,
    /// Whether it owns something else that can change, such as labels.
    other: bool,
}

/// What became of the data between two states of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// Whether the data changed.
    pub(super) data_changed: Known,
    /// Keys that came or went; else those that the newest write owns.
    pub(super) keys: Vec<String>,
    /// Who wrote.
    pub(super) actor: Option<String>,
    /// When, to the second, by the clock of the cluster.
    pub(super) time: Option<Timestamp>,
}

impl Fields {
    /// What the metadata of an object say.
    pub(super) fn of(metadata: &ObjectMeta) -> Self {
        let entries = metadata.managed_fields.iter().flatten().take(MOST);
        let annotations = metadata.annotations.iter().flatten();
        let others: Vec<_> = annotations.clone().filter(|(name, _)| *name != APPLIED).collect();
        let ObjectMeta { labels, finalizers, owner_references, deletion_timestamp, .. } = metadata;
        let rest = (labels, others, finalizers, owner_references, deletion_timestamp);
        let applied = annotations.clone().find(|(name, _)| *name == APPLIED).and_then(|(_, given)| given_data(given));
        Self { parts: entries.map(|entry| (name(entry), Part::of(entry))).collect(), rest: hash(&rest), applied }
    }

    /// What is new against an earlier state of another version.
    pub(super) fn since(&self, old: &Self) -> Written {
        let moved = |part: &(&(String, String, String), &Part)| old.parts.get(part.0) != Some(part.1);
        let writer = newest(self.parts.iter().filter(moved).filter(|(_, part)| !part.data.is_empty()));
        let anybody = newest(self.parts.iter().filter(moved));
        let (before, now) = (old.keys(), self.keys());
        let differ: Vec<String> = before.symmetric_difference(&now).take(MOST_KEYS).cloned().collect();
        let only_data = self.rest == old.rest;
        let given = self.applied.zip(old.applied).map(|(now, before)| now != before);
        let data_changed = match (&writer, &anybody) {
            // A key that goes leaves with its manager's part.
            _ if !differ.is_empty() || given == Some(true) => Known::Yes,
            // Somebody wrote what is neither data nor metadata, such as `immutable`.
            (None, Some(_)) if only_data => Known::No,
            _ if only_data => Known::Yes,
            _ if self.parts.is_empty() => Known::Unknown,
            (Some((_, part)), _) if part.other => Known::Unknown,
            (Some(_), _) => Known::Yes,
            (None, Some(_)) => Known::No,
            // Two writes within a second look alike.
            (None, None) => Known::Unknown,
        };
        let by = match data_changed {
            Known::No => anybody,
            Known::Yes | Known::Unknown => writer.or(anybody),
        };
        let last = newest(self.parts.iter().filter(|(_, part)| !part.data.is_empty()));
        let owned = by.as_ref().or(last.as_ref()).map(|(_, part)| part.data.iter().cloned().collect());
        Written {
            data_changed,
            keys: if differ.is_empty() { owned.unwrap_or_default() } else { differ },
            time: by.as_ref().and_then(|(_, part)| part.time),
            actor: by.map(|(manager, _)| manager).filter(|manager| !manager.is_empty()),
        }
    }

    /// Who wrote last, and when.
    pub(super) fn last(&self) -> (Option<String>, Option<Timestamp>) {
        newest(self.parts.iter()).map_or((None, None), |(manager, part)| (Some(manager), part.time))
    }

    /// The keys of the data that anybody owns.
    pub(super) fn keys(&self) -> BTreeSet<String> {
        self.parts.values().flat_map(|part| part.data.iter().cloned()).collect()
    }
}

/// The part that was written last, and its manager.
fn newest<'a>(parts: impl Iterator<Item = (&'a (String, String, String), &'a Part)>) -> Option<(String, &'a Part)> {
    parts.max_by_key(|(_, part)| part.time).map(|((manager, ..), part)| (manager.clone(), part))
}

impl Part {
    fn of(entry: &ManagedFieldsEntry) -> Self {
        let fields = entry.fields_v1.as_ref().and_then(|fields| fields.0.as_object());
        let mut part = Part { time: entry.time.as_ref().map(|time| time.0), data: BTreeSet::new(), other: false };
        for (field, below) in fields.into_iter().flatten() {
            match field.as_str() {
                "f:data" | "f:stringData" | "f:binaryData" => part.data.extend(keys(below)),
                // What a Secret is for never changes.
                "f:type" => {}
                _ => part.other = true,
            }
        }
        part
    }
}

/// The names below a field, as in `{"f:password": {}}`.
fn keys(below: &Value) -> impl Iterator<Item = String> {
    let names = below.as_object().into_iter().flatten().filter_map(|(name, _)| name.strip_prefix("f:"));
    names.take(MOST_KEYS).map(bounded)
}

/// A hash of the data in what `kubectl apply` was given.
fn given_data(given: &str) -> Option<u128> {
    let given: Value = serde_json::from_str(given).ok()?;
    Some(hash(&["data", "stringData", "binaryData"].map(|field| given.get(field))))
}

/// Only kept in memory, and never told: it need not resist anybody who guesses.
fn hash(value: &impl Serialize) -> u128 {
    xxh3_128(&serde_json::to_vec(value).unwrap_or_default())
}

fn name(entry: &ManagedFieldsEntry) -> (String, String, String) {
    let text = |text: &Option<String>| bounded(text.as_deref().unwrap_or_default());
    (text(&entry.manager), text(&entry.operation), text(&entry.subresource))
}

fn bounded(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The metadata of an object of which `rest` is something that can change.
    fn fields(entries: Value, rest: u32) -> Fields {
        let metadata = json!({ "managedFields": entries, "labels": { "rest": rest.to_string() } });
        Fields::of(&serde_json::from_value(metadata).unwrap())
    }

    fn entry(manager: &str, time: &str, owns: Value) -> Value {
        json!({ "manager": manager, "operation": "Update", "apiVersion": "v1", "time": time,
                "fieldsType": "FieldsV1", "fieldsV1": owns })
    }

    const FIRST: &str = "2026-11-01T00:00:00Z";
    const THEN: &str = "2026-11-01T00:03:07Z";

    #[test]
    fn a_newer_write_of_the_data_changed_it_whatever_else_changed() {
        let owns = json!({ "f:data": { ".": {}, "f:secret": {} }, "f:type": {} });
        let old = fields(json!([entry("kubectl-create", FIRST, owns.clone())]), 1);
        let new = fields(json!([entry("kubectl-create", THEN, owns)]), 2);
        let expected = Written {
            data_changed: Known::Yes,
            keys: vec!["secret".into()],
            actor: Some("kubectl-create".into()),
            time: Some(THEN.parse().unwrap()),
        };
        assert_eq!(new.since(&old), expected);
    }

    #[test]
    fn a_new_version_with_the_same_metadata_has_other_data_though_no_time_moved() {
        let once = fields(json!([entry("curl", FIRST, json!({ "f:data": { "f:secret": {} } }))]), 1);
        let expected = Written { data_changed: Known::Yes, keys: vec!["secret".into()], actor: None, time: None };
        assert_eq!(once.since(&once), expected);
        let bare = fields(json!([]), 1);
        assert_eq!(bare.since(&bare).data_changed, Known::Yes, "without managed fields as well");
    }

    #[test]
    fn a_write_of_labels_by_somebody_else_changed_no_data() {
        let data = entry("kubectl-create", FIRST, json!({ "f:data": { "f:secret": {} } }));
        let labels = json!({ "f:metadata": { "f:labels": { "f:team": {} } } });
        let old = fields(json!([data]), 1);
        let new = fields(json!([data, entry("kubectl-label", THEN, labels)]), 2);
        let Written { data_changed, actor, .. } = new.since(&old);
        assert_eq!((data_changed, actor.as_deref()), (Known::No, Some("kubectl-label")));
        let sealed = fields(json!([data, entry("kubectl-edit", THEN, json!({ "f:immutable": {} }))]), 1);
        assert_eq!(sealed.since(&old).data_changed, Known::No, "what makes it immutable changes nothing");
    }

    #[test]
    fn nobody_knows_what_changed_where_one_manager_owns_data_and_labels_or_nobody_is_named() {
        let owns = json!({ "f:data": { "f:secret": {} }, "f:metadata": { "f:annotations": { "f:hash": {} } } });
        let old = fields(json!([entry("external-secrets", FIRST, owns.clone())]), 1);
        let new = fields(json!([entry("external-secrets", THEN, owns)]), 2);
        assert_eq!(new.since(&old).data_changed, Known::Unknown);
        assert_eq!(fields(json!([]), 2).since(&fields(json!([]), 1)).data_changed, Known::Unknown);
    }

    #[test]
    fn a_key_that_comes_or_goes_changed_the_data_whoever_owns_what_else() {
        let owns = |keys: Value| json!({ "f:data": keys, "f:metadata": { "f:labels": {} } });
        let old = fields(json!([entry("helm", FIRST, owns(json!({ "f:old": {}, "f:both": {} })))]), 1);
        let new = fields(json!([entry("helm", THEN, owns(json!({ "f:new": {}, "f:both": {} })))]), 2);
        let Written { data_changed, keys, .. } = new.since(&old);
        assert_eq!((data_changed, keys), (Known::Yes, vec!["new".to_owned(), "old".to_owned()]));
    }

    #[test]
    fn what_kubectl_apply_was_given_tells_whether_the_data_changed() {
        let of = |value: &str, team: &str| {
            let given = json!({ "stringData": { "secret": value }, "metadata": { "labels": { "team": team } } });
            let metadata = json!({ "labels": { "team": team }, "annotations": { APPLIED: given.to_string() } });
            Fields::of(&serde_json::from_value(metadata).unwrap())
        };
        assert_eq!(of("other", "a").since(&of("one", "a")).data_changed, Known::Yes);
        assert_eq!(of("other", "b").since(&of("one", "a")).data_changed, Known::Yes);
        assert_eq!(of("one", "b").since(&of("one", "a")).data_changed, Known::Unknown);
    }

    #[test]
    fn odd_fields_are_nobodys() {
        let odd = json!([{ "fieldsV1": [1, 2] }, { "manager": "x", "fieldsV1": { "f:data": "no object" } }]);
        assert_eq!(fields(odd, 1).keys(), BTreeSet::new());
    }
}
