//! Tells from the metadata of an object whether its content changed, which keys, when and by whom.
//!
//! A write that changes nothing makes no new version. So where the version moved and the rest of the metadata did not,
//! the content changed, whether or not the managed fields say so: API servers before 1.22 move no time for a new value.
//! Where the metadata changed as well, the managed fields say whose fields moved.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use serde_json::Value;
use storage::record::Known;
use xxhash_rust::xxh3::xxh3_128;

use crate::changes::kubernetes::client::bounded;

/// Most keys that are kept of one writer, and longest name of a key or a manager, in characters.
const KEYS: usize = 64;
const LONGEST: usize = 253;

/// Where `kubectl apply` keeps what it was given, the content of a Secret included.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Where an object keeps its content.
const CONTENT: [&str; 3] = ["f:data", "f:binaryData", "f:stringData"];

/// Who wrote what of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Written {
    writes: Vec<Write>,
    /// Digest of labels, annotations, owners and finalizers.
    metadata: u128,
    /// Digest of the content that `kubectl apply` was given.
    applied: Option<u128>,
}

/// What one manager wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Write {
    manager: String,
    operation: String,
    /// In whole seconds.
    at: Option<Timestamp>,
    keys: BTreeSet<String>,
    /// It also wrote labels, annotations or the like.
    metadata: bool,
}

/// What two states of an object tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) data_changed: Known,
    pub(super) keys: Vec<String>,
    pub(super) actor: Option<String>,
    /// When it was written by the cluster's clock, in whole seconds.
    pub(super) at: Option<Timestamp>,
}

impl Written {
    /// What the metadata of an object tells.
    pub(super) fn read(meta: &ObjectMeta) -> Self {
        let annotations = meta.annotations.iter().flatten();
        let others: Vec<_> = annotations.clone().filter(|(name, _)| *name != APPLIED).collect();
        let kept = (&meta.labels, others, &meta.finalizers, &meta.owner_references, &meta.deletion_timestamp);
        let metadata = xxh3_128(format!("{kept:?}").as_bytes());
        let applied = annotations.clone().find(|(name, _)| *name == APPLIED).and_then(|(_, given)| content(given));
        Self { writes: meta.managed_fields.iter().flatten().map(Write::read).collect(), metadata, applied }
    }

    /// Keys that anybody owns.
    pub(super) fn keys(&self) -> BTreeSet<&String> {
        self.writes.iter().flat_map(|write| &write.keys).collect()
    }

    /// Who owns what, whenever it was written.
    fn owners(&self) -> BTreeSet<(&str, &str, &BTreeSet<String>, bool)> {
        self.writes
            .iter()
            .map(|write| (write.manager.as_str(), write.operation.as_str(), &write.keys, write.metadata))
            .collect()
    }

    /// Who wrote last.
    pub(super) fn actor(&self) -> Option<String> {
        newest(self.writes.iter()).map(|write| write.manager.clone())
    }
}

/// A digest of the content that `kubectl apply` was given. It is compared and never told.
fn content(given: &str) -> Option<u128> {
    let given: Value = serde_json::from_str(given).ok()?;
    let content = ["data", "binaryData", "stringData"].map(|field| given.get(field));
    Some(xxh3_128(format!("{content:?}").as_bytes()))
}

impl Write {
    fn read(entry: &ManagedFieldsEntry) -> Self {
        let fields = entry.fields_v1.as_ref().and_then(|fields| fields.0.as_object());
        let content = CONTENT.iter().filter_map(|name| fields?.get(*name)?.as_object());
        let keys = content.flat_map(|keys| keys.keys()).filter_map(|key| key.strip_prefix("f:"));
        let owns = |name: &str| fields.is_some_and(|fields| fields.contains_key(name));
        Self {
            manager: bounded(entry.manager.as_deref().unwrap_or_default(), LONGEST),
            operation: bounded(entry.operation.as_deref().unwrap_or_default(), LONGEST),
            at: entry.time.as_ref().map(|time| time.0),
            keys: keys.take(KEYS).map(|key| bounded(key, LONGEST)).collect(),
            metadata: owns("f:metadata") || owns("f:immutable"),
        }
    }
}

/// What happened between two states of one object.
///
/// The time of an entry moves when its manager changes a value that it owns, adds a field or removes one. Whoever
/// changes a value takes the field from all others, so what an untouched entry still owns did not change.
pub(super) fn compare(old: &Written, new: &Written) -> Verdict {
    let moved: Vec<&Write> = new.writes.iter().filter(|write| !old.writes.contains(write)).collect();
    // An entry that only lost a field to somebody else keeps its time, and is not who wrote.
    let wrote = |write: &Write| {
        let same = |old: &&Write| old.manager == write.manager && old.operation == write.operation;
        !old.writes.iter().filter(same).any(|old| old.at == write.at)
    };
    let last = newest(moved.iter().copied().filter(|write| wrote(write)));
    let verdict = |data_changed, keys: BTreeSet<&String>, write: Option<&Write>| Verdict {
        data_changed,
        keys: keys.into_iter().cloned().collect(),
        actor: write.map(|write| write.manager.clone()).filter(|manager| !manager.is_empty()),
        at: write.and_then(|write| write.at),
    };
    // Nothing else can have made the new version.
    let only_content = old.metadata == new.metadata && old.owners() == new.owners();
    let given = old.applied.zip(new.applied).is_some_and(|(old, new)| old != new);
    if only_content || given {
        let (was, is) = (old.keys(), new.keys());
        let differing: BTreeSet<&String> = was.symmetric_difference(&is).copied().collect();
        let writer = last.or(newest(new.writes.iter().filter(|write| !write.keys.is_empty())));
        let owned = || writer.into_iter().flat_map(|write| &write.keys).collect();
        return verdict(Known::Yes, if differing.is_empty() { owned() } else { differing }, last);
    }
    // Entries that were taken away, or a second write in the same second, tell nothing.
    if old.writes.is_empty() || new.writes.is_empty() {
        return verdict(Known::Unknown, BTreeSet::new(), last);
    }
    let (was, is) = (old.keys(), new.keys());
    let differing: BTreeSet<&String> = was.symmetric_difference(&is).copied().collect();
    if !differing.is_empty() {
        return verdict(Known::Yes, differing, last);
    }
    if moved.is_empty() {
        return verdict(Known::Unknown, BTreeSet::new(), None);
    }
    let untouched: BTreeSet<&String> =
        new.writes.iter().filter(|write| old.writes.contains(write)).flat_map(|write| &write.keys).collect();
    let touched = |write: &&&Write| write.keys.iter().any(|key| !untouched.contains(key));
    match newest(moved.iter().filter(touched).copied()) {
        None => verdict(Known::No, BTreeSet::new(), last),
        Some(write) => {
            let keys = write.keys.iter().filter(|key| !untouched.contains(key)).collect();
            // It may have written its labels or annotations alone.
            let certain = !write.metadata || old.metadata == new.metadata;
            verdict(if certain { Known::Yes } else { Known::Unknown }, keys, Some(write))
        }
    }
}

fn newest<'w>(writes: impl Iterator<Item = &'w Write>) -> Option<&'w Write> {
    writes.max_by_key(|write| write.at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(meta: Value) -> Written {
        Written::read(&serde_json::from_value(meta).unwrap())
    }

    fn entry(manager: &str, second: u32, fields: Value) -> Value {
        json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "time": format!("2026-03-04T12:00:{second:02}Z"), "fieldsV1": fields})
    }

    fn told(old: Value, new: Value) -> (Known, Vec<String>, Option<String>, Option<i64>) {
        let Verdict { data_changed, keys, actor, at } = compare(&written(old), &written(new));
        let begin: Timestamp = "2026-03-04T12:00:00Z".parse().unwrap();
        (data_changed, keys, actor, at.map(|at| at.as_second() - begin.as_second()))
    }

    fn secret(second: u32) -> Value {
        entry("kubectl-create", second, json!({"f:data": {".": {}, "f:hs256": {}}, "f:type": {}}))
    }

    #[test]
    fn a_value_that_is_written_again_is_a_change_of_its_key_at_its_second() {
        let told = told(json!({"managedFields": [secret(1)]}), json!({"managedFields": [secret(9)]}));
        assert_eq!(told, (Known::Yes, vec!["hs256".into()], Some("kubectl-create".into()), Some(9)));
    }

    #[test]
    fn an_annotation_of_another_manager_is_no_change_of_the_content() {
        let label = entry("argocd", 9, json!({"f:metadata": {"f:annotations": {"f:a": {}}}}));
        let told = told(
            json!({"managedFields": [secret(1)]}),
            json!({"annotations": {"a": "b"}, "managedFields": [secret(1), label]}),
        );
        assert_eq!(told, (Known::No, vec![], Some("argocd".into()), Some(9)));
    }

    #[test]
    fn a_manager_of_both_leaves_it_open_when_the_metadata_changed_too() {
        let both = |second| {
            entry("external-secrets", second, json!({"f:data": {"f:k": {}}, "f:metadata": {"f:annotations": {}}}))
        };
        let open = told(
            json!({"annotations": {"a": "1"}, "managedFields": [both(1)]}),
            json!({"annotations": {"a": "2"}, "managedFields": [both(9)]}),
        );
        assert_eq!(open, (Known::Unknown, vec!["k".into()], Some("external-secrets".into()), Some(9)));
        let sure = told(
            json!({"annotations": {"a": "1"}, "managedFields": [both(1)]}),
            json!({"annotations": {"a": "1"}, "managedFields": [both(9)]}),
        );
        assert_eq!(sure.0, Known::Yes);
    }

    #[test]
    fn a_key_that_comes_or_goes_is_a_change_whoever_did_it() {
        let two = entry("kubectl-create", 1, json!({"f:data": {"f:hs256": {}, "f:old": {}}}));
        let one = entry("kubectl-create", 1, json!({"f:data": {"f:hs256": {}}}));
        let patch = entry("kubectl-patch", 7, json!({"f:data": {"f:new": {}}}));
        let gone = told(json!({"managedFields": [two]}), json!({"managedFields": [one.clone()]}));
        assert_eq!(gone, (Known::Yes, vec!["old".into()], None, None));
        let come = told(json!({"managedFields": [one.clone()]}), json!({"managedFields": [one, patch]}));
        assert_eq!(come, (Known::Yes, vec!["new".into()], Some("kubectl-patch".into()), Some(7)));
    }

    #[test]
    fn a_manager_that_takes_over_an_equal_value_beside_its_owner_changes_nothing() {
        let also = entry("flux", 9, json!({"f:data": {"f:hs256": {}}}));
        let told = told(json!({"managedFields": [secret(1)]}), json!({"managedFields": [secret(1), also]}));
        assert_eq!(told.0, Known::No);
    }

    #[test]
    fn a_new_version_of_which_nothing_else_is_new_has_other_content() {
        assert_eq!(told(json!({}), json!({})).0, Known::Yes, "without managed fields");
        let once = json!({"managedFields": [secret(1)]});
        let same_time = told(once.clone(), once);
        assert_eq!(same_time, (Known::Yes, vec!["hs256".into()], None, None), "with a time that does not move");
        let odd = json!({"manager": "m", "fieldsV1": ["not", "a", "map"]});
        assert_eq!(told(json!({"managedFields": [odd.clone()]}), json!({"managedFields": [odd]})).0, Known::Yes);
    }

    #[test]
    fn without_managed_fields_nobody_can_tell_once_the_metadata_changed() {
        assert_eq!(told(json!({}), json!({"labels": {"a": "b"}})).0, Known::Unknown);
        assert_eq!(told(json!({"managedFields": [secret(1)]}), json!({})).0, Known::Unknown);
    }

    #[test]
    fn who_makes_a_secret_immutable_changes_nothing_of_it() {
        let sealed = entry("kubectl-edit", 9, json!({"f:immutable": {}}));
        let told = told(json!({"managedFields": [secret(1)]}), json!({"managedFields": [secret(1), sealed]}));
        assert_eq!(told.0, Known::No);
    }

    #[test]
    fn what_kubectl_apply_was_given_tells_whether_the_content_changed() {
        let of = |value: &str, team: &str| {
            let given = json!({"data": {"hs256": value}, "metadata": {"labels": {"team": team}}}).to_string();
            let apply = entry("kubectl-client-side-apply", 1, json!({"f:data": {"f:hs256": {}}, "f:metadata": {}}));
            json!({"labels": {"team": team}, "annotations": {APPLIED: given}, "managedFields": [apply]})
        };
        assert_eq!(told(of("b25l", "a"), of("dHdv", "a")).0, Known::Yes);
        assert_eq!(told(of("b25l", "a"), of("dHdv", "b")).0, Known::Yes);
        assert_eq!(told(of("b25l", "a"), of("b25l", "b")).0, Known::Unknown);
    }
}
