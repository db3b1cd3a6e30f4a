//! Watches Secrets and ConfigMaps: made, written, deleted, made again.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use storage::record::{Change, ChangeKind, Known, Operation};
use storage::sqlite::writer::derived_id;

use crate::changes::kubernetes::consumers::Consumers;
use crate::changes::kubernetes::managed::{Verdict, Written, compare};
use crate::changes::kubernetes::observe::{Key, Moment, Observe};

/// How far the clocks of cluster and prober may differ before the cluster's times are not used.
const CLOCKS: SignedDuration = SignedDuration::from_secs(5);

/// Times of the cluster are in whole seconds.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Writes of metadata alone are told once in this time for each object; some controllers write every few minutes.
const SELDOM: SignedDuration = SignedDuration::from_hours(1);

/// Deleted objects that are remembered, to recognise one that is made again.
const GONE: usize = 1024;

/// Earlier contents of an object that are remembered, to recognise one that comes back.
const BEFORE: usize = 16;

/// Key -> keyed hash of its value.
pub(super) type Hashes = BTreeMap<String, [u8; 8]>;

/// What is read of an object.
pub(super) struct Reading {
    pub(super) meta: ObjectMeta,
    /// Where values are read.
    pub(super) hashes: Option<Hashes>,
    /// Sentences about values that are too short, each with its key.
    pub(super) short: Vec<(String, String)>,
}

/// Which kind of object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    ConfigMap,
}

/// Watches objects of one kind, of which `read` takes what is kept.
pub(super) struct Contents<O> {
    kind: Kind,
    consumers: Consumers,
    read: Box<dyn Fn(O) -> Reading + Send>,
    known: BTreeMap<Key, Kept>,
    gone: VecDeque<Key>,
}

/// What is known of one object.
struct Kept {
    uid: Option<String>,
    version: Option<String>,
    written: Written,
    hashes: Option<Hashes>,
    /// Contents that were in force before, each with the change that ended it.
    before: VecDeque<(Hashes, String)>,
    /// When a write of metadata alone was last told.
    told: Option<Timestamp>,
    short: Vec<(String, String)>,
}

impl<O> Contents<O> {
    /// Nothing is known yet.
    pub(super) fn new(kind: Kind, consumers: Consumers, read: impl Fn(O) -> Reading + Send + 'static) -> Self {
        Self { kind, consumers, read: Box::new(read), known: BTreeMap::new(), gone: VecDeque::new() }
    }

    fn take(&self, object: O) -> Option<(Key, Option<Timestamp>, Kept)> {
        let Reading { meta, hashes, short } = (self.read)(object);
        let written = Written::read(&meta);
        let created = meta.creation_timestamp.map(|time| time.0);
        // Releases of Helm and leases of controllers are their own bookkeeping.
        let leads = "control-plane.alpha.kubernetes.io/leader";
        let lease = meta.annotations.is_some_and(|annotations| annotations.contains_key(leads));
        let key = Key { namespace: meta.namespace.unwrap_or_default(), name: meta.name? };
        if lease || key.name.starts_with("sh.helm.release.") {
            return None;
        }
        let (uid, version) = (meta.uid, meta.resource_version);
        Some((key, created, Kept { uid, version, written, hashes, before: VecDeque::new(), told: None, short }))
    }

    fn change(&self, key: &Key, operation: Operation) -> Change {
        let object = self.object(key);
        let kind = match self.kind {
            Kind::Secret => ChangeKind::Secret,
            Kind::ConfigMap => ChangeKind::Configmap,
        };
        Change {
            kind,
            mounts: self.consumers.of(&object),
            object,
            operation: Some(operation),
            source: super::SOURCE.into(),
            ..Change::default()
        }
    }

    fn object(&self, key: &Key) -> String {
        let kind = match self.kind {
            Kind::Secret => "Secret",
            Kind::ConfigMap => "ConfigMap",
        };
        format!("{kind}/{}/{}", key.namespace, key.name)
    }

    /// What there is to say of values that are too short, once for each value.
    fn notes(&self, key: &Key, kept: &Kept, now: Timestamp) -> Vec<Change> {
        let note = |(name, why): &(String, String)| {
            let object = self.object(key);
            let hash = kept.hashes.as_ref().and_then(|hashes| hashes.get(name)).map(|hash| u64::from_be_bytes(*hash));
            Change {
                id: format!("short-{object}-{name}-{:016x}", hash.unwrap_or_default()),
                time: Some(now),
                kind: ChangeKind::Note,
                object,
                keys: vec![name.clone()],
                summary: why.clone(),
                ..Change::default()
            }
        };
        kept.short.iter().map(note).collect()
    }
}

impl<O> Observe for Contents<O> {
    type Object = O;

    fn baseline(&mut self, object: O, now: Timestamp) -> Vec<Change> {
        let Some((key, _, kept)) = self.take(object) else { return Vec::new() };
        let notes = self.notes(&key, &kept, now);
        self.known.insert(key, kept);
        notes
    }

    fn applied(&mut self, object: O, at: Moment) -> Vec<Change> {
        let Some((key, created, mut kept)) = self.take(object) else { return Vec::new() };
        let old = self.known.remove(&key);
        if old.as_ref().is_some_and(|old| old.uid == kept.uid && old.version == kept.version) {
            self.known.extend(old.map(|old| (key, old)));
            return Vec::new();
        }
        let update = old.as_ref().is_some_and(|old| old.uid == kept.uid);
        let operation = match (&old, self.gone.iter().position(|gone| *gone == key)) {
            (Some(_), _) if update => Operation::Updated,
            (Some(_), _) => Operation::Recreated,
            (None, Some(place)) => {
                self.gone.remove(place);
                Operation::Recreated
            }
            (None, None) => Operation::Created,
        };
        let mut change = self.change(&key, operation);
        let Verdict { mut data_changed, mut keys, actor, at: mut wrote } = match &old {
            Some(old) if update => compare(&old.written, &kept.written),
            _ => Verdict {
                // What is made again may hold what it held.
                data_changed: if operation == Operation::Created { Known::Yes } else { Known::Unknown },
                keys: kept.written.keys().into_iter().cloned().collect(),
                actor: kept.written.actor(),
                at: created,
            },
        };
        if let (Some(was), Some(is)) = (old.as_ref().and_then(|old| old.hashes.as_ref()), &kept.hashes) {
            let names = was.keys().chain(is.keys());
            let mut differing: Vec<String> = names.filter(|name| was.get(*name) != is.get(*name)).cloned().collect();
            differing.sort_unstable();
            differing.dedup();
            data_changed = if differing.is_empty() { Known::No } else { Known::Yes };
            keys = differing;
        }
        if let Some(old) = old.as_ref().filter(|_| data_changed == Known::No) {
            kept.told = old.told;
            if kept.told.is_some_and(|told| at.seen.duration_since(told) < SELDOM) {
                kept.before = old.before.clone();
                self.known.insert(key, kept);
                return Vec::new();
            }
            kept.told = Some(at.seen);
        }
        if operation == Operation::Recreated && !at.live && wrote.is_none() {
            wrote = created;
        }
        (change.time_lo, change.time_hi) = interval(wrote, at);
        (change.data_changed, change.keys, change.actor) = (Some(data_changed), keys, actor);
        change.summary = summary(operation, data_changed, &change.keys);
        if let Some(old) = old {
            kept.before = old.before;
            if let (Some(was), Some(is), Known::Yes) = (old.hashes, &kept.hashes, data_changed) {
                let undone = kept.before.iter().rev().find(|(hashes, _)| hashes == is);
                change.reverts = undone.map(|(_, id)| id.clone());
                change.id = derived_id(&change);
                kept.before.push_back((was, change.id.clone()));
                if kept.before.len() > BEFORE {
                    kept.before.pop_front();
                }
            }
        }
        let notes = self.notes(&key, &kept, at.seen);
        self.known.insert(key, kept);
        std::iter::once(change).chain(notes).collect()
    }

    fn deleted(&mut self, key: &Key, at: Moment) -> Vec<Change> {
        if self.known.remove(key).is_none() {
            return Vec::new();
        }
        if self.gone.len() >= GONE {
            self.gone.pop_front();
        }
        self.gone.push_back(key.clone());
        let (time_lo, time_hi) = interval(None, at);
        let summary = "deleted".to_owned();
        vec![Change {
            time_lo,
            time_hi,
            summary,
            data_changed: Some(Known::Yes),
            ..self.change(key, Operation::Deleted)
        }]
    }

    fn known(&self) -> Vec<Key> {
        self.known.keys().cloned().collect()
    }
}

/// When it happened: within the second that the cluster gives, as far as our own clock allows it.
fn interval(wrote: Option<Timestamp>, at: Moment) -> (Option<Timestamp>, Option<Timestamp>) {
    let (since, seen) = (at.since.map(|since| since.min(at.seen)), at.seen);
    let near = |time: &Timestamp| since.is_none_or(|since| since - CLOCKS <= *time) && *time <= seen + CLOCKS;
    let Some(time) = wrote.filter(near) else { return (since, Some(seen)) };
    let (lo, hi) = (since.map_or(time, |since| since.max(time)), (time + SECOND).min(seen));
    // The clocks differ: what the cluster says is the better guess.
    if lo <= hi { (Some(lo), Some(hi)) } else { (Some(time), Some(time + SECOND)) }
}

fn summary(operation: Operation, data_changed: Known, keys: &[String]) -> String {
    let of = match keys {
        [] => String::new(),
        [key] => format!(", key {key}"),
        keys => format!(", keys {}", keys.join(", ")),
    };
    match (operation, data_changed) {
        (Operation::Created, _) => format!("created{of}"),
        (Operation::Recreated, _) => format!("deleted and made again{of}"),
        (Operation::Deleted, _) => "deleted".into(),
        (Operation::Updated, Known::Yes) => format!("content changed{of}"),
        (Operation::Updated, Known::No) => "written, content unchanged".into(),
        (Operation::Updated, Known::Unknown) => format!("written, perhaps its content{of}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds of the beginning and the end, from what the cluster says and what was seen.
    fn interval_of(wrote: Option<i64>, since: Option<i64>, seen: i64) -> (Option<i64>, Option<i64>) {
        let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap();
        let moment = Moment { since: since.map(at), seen: at(seen), live: true };
        let (lo, hi) = interval(wrote.map(at), moment);
        (lo.map(Timestamp::as_millisecond), hi.map(Timestamp::as_millisecond))
    }

    #[test]
    fn the_second_of_the_cluster_is_narrowed_by_our_own_clock() {
        assert_eq!(interval_of(Some(20_000), Some(10_000), 30_000), (Some(20_000), Some(21_000)));
        assert_eq!(interval_of(Some(20_000), Some(20_300), 20_400), (Some(20_300), Some(20_400)));
    }

    #[test]
    fn clocks_that_differ_a_little_are_borne_and_those_that_differ_more_are_not_believed() {
        assert_eq!(interval_of(Some(34_000), Some(20_000), 30_000), (Some(34_000), Some(35_000)));
        assert_eq!(interval_of(Some(90_000), Some(20_000), 30_000), (Some(20_000), Some(30_000)));
        assert_eq!(interval_of(Some(1_000), Some(20_000), 30_000), (Some(20_000), Some(30_000)));
        assert_eq!(interval_of(None, Some(40_000), 30_000), (Some(30_000), Some(30_000)));
        assert_eq!(interval_of(None, None, 30_000), (None, Some(30_000)));
    }
}
