//! Secrets and ConfigMaps: created, written, deleted, made anew; by their metadata, or by keyed hashes of their data.

use std::collections::{HashMap, VecDeque};
use std::marker::PhantomData;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::PartialObjectMeta;
use storage::record::{Change, ChangeKind, Known, Operation};
use storage::sqlite::writer::derived_id;

use crate::changes::kubernetes::consumers::Consumers;
use crate::changes::kubernetes::fields::{Fields, Written};
use crate::changes::kubernetes::hash::{Hasher, Hashes};
use crate::changes::kubernetes::observe::{Key, Moment, Observe};

/// Deleted objects whose identity is remembered, to tell one that is made anew.
const GONE: usize = 1024;

/// Earlier states of the data of an object that are remembered, to tell one that comes back.
const EARLIER: usize = 16;

/// The clocks of the cluster and of this machine may differ by this much before the cluster's is not believed.
const CLOCKS: SignedDuration = SignedDuration::from_secs(5);

/// A change of metadata alone is told once in this while for each object; some controllers make one every few seconds.
const SELDOM: SignedDuration = SignedDuration::from_hours(1);

/// The name of a Secret in which Helm keeps a release begins so; it is no secret of a workload.
const HELM: &str = "sh.helm.release.";

/// An object as far as it is looked at.
pub(super) struct Content {
    pub(super) metadata: ObjectMeta,
    /// Keyed hashes of its data, where it may be read.
    pub(super) hashes: Option<Hashes>,
}

/// What is known of the Secrets, or of the ConfigMaps.
pub(super) struct Contents {
    kind: ChangeKind,
    /// `Secret` or `ConfigMap`.
    name: &'static str,
    consumers: Consumers,
    /// Shortest value that a key of an object may have, in bytes.
    minimum: HashMap<(Key, String), usize>,
    objects: HashMap<Key, State>,
    gone: VecDeque<(Key, String)>,
}

/// The last state of an object.
struct State {
    uid: String,
    version: String,
    fields: Fields,
    hashes: Option<Hashes>,
    /// Earlier data, each with the change that ended it.
    earlier: VecDeque<(Hashes, String)>,
    /// When a change of its metadata alone was last told.
    told: Option<Timestamp>,
}

impl Contents {
    /// Of Secrets, whose values have at least so many bytes.
    pub(super) fn secrets(consumers: &Consumers, minimum: HashMap<(Key, String), usize>) -> Self {
        Self::of(ChangeKind::Secret, "Secret", consumers, minimum)
    }

    /// Of ConfigMaps.
    pub(super) fn config_maps(consumers: &Consumers) -> Self {
        Self::of(ChangeKind::Configmap, "ConfigMap", consumers, HashMap::new())
    }

    fn of(kind: ChangeKind, name: &'static str, consumers: &Consumers, minimum: HashMap<(Key, String), usize>) -> Self {
        let consumers = consumers.clone();
        Self { kind, name, consumers, minimum, objects: HashMap::new(), gone: VecDeque::new() }
    }

    fn change(&self, key: &Key, at: Moment, written: Option<Timestamp>) -> Change {
        let object = format!("{}/{}/{}", self.name, key.namespace, key.name);
        let mounts = self.consumers.of(&object);
        placed(Change { kind: self.kind, object, mounts, ..Change::default() }, at, written)
    }

    /// A value that is shorter than it has to be.
    fn short(&self, key: &Key, hashes: Option<&Hashes>, at: Moment) -> Vec<Change> {
        let lengths = hashes.into_iter().flat_map(Hashes::lengths);
        let short = lengths.filter_map(|(name, bytes)| {
            let least = *self.minimum.get(&(key.clone(), name.to_owned()))?;
            (bytes < least).then(|| Change {
                kind: ChangeKind::Note,
                keys: vec![name.to_owned()],
                summary: format!("the value of key {name} has {bytes} bytes, it has to have {least}"),
                ..self.change(key, at, None)
            })
        });
        short.collect()
    }

    fn created(&mut self, key: Key, content: Content, at: Moment) -> Vec<Change> {
        let state = State::of(content);
        let again = self.gone.iter().any(|(gone, uid)| *gone == key && *uid != state.uid);
        self.gone.retain(|(gone, _)| *gone != key);
        let (actor, time) = state.fields.last();
        let change = Change {
            operation: Some(if again { Operation::Recreated } else { Operation::Created }),
            // What stood there before it was deleted is not known any more.
            data_changed: Some(if again { Known::Unknown } else { Known::Yes }),
            keys: state.keys(),
            actor,
            summary: if again { "deleted and made anew".into() } else { "created".into() },
            ..self.change(&key, at, time)
        };
        let mut changes = vec![change];
        changes.extend(self.short(&key, state.hashes.as_ref(), at));
        self.objects.insert(key, state);
        changes
    }

    fn updated(&mut self, key: Key, mut old: State, content: Content, at: Moment) -> Vec<Change> {
        let mut new = State::of(content);
        let Written { mut data_changed, mut keys, actor, time } = new.fields.since(&old.fields);
        if let (Some(before), Some(now)) = (&old.hashes, &new.hashes) {
            let differ = now.differ(before);
            data_changed = if differ.is_empty() { Known::No } else { Known::Yes };
            if !differ.is_empty() {
                keys = differ;
            }
        }
        (new.earlier, new.told) = (std::mem::take(&mut old.earlier), old.told);
        if data_changed == Known::No {
            let seldom = new.told.is_none_or(|told| at.seen.duration_since(told) >= SELDOM);
            if seldom {
                new.told = Some(at.seen);
            }
            self.objects.insert(key.clone(), new);
            let summary = "metadata changed, the data did not".to_owned();
            let data_changed = Some(data_changed);
            let operation = Some(Operation::Updated);
            let change = Change { operation, data_changed, keys, actor, summary, ..self.change(&key, at, time) };
            return if seldom { vec![change] } else { Vec::new() };
        }
        let reverts = new.hashes.as_ref().and_then(|now| {
            new.earlier.iter().rev().find(|(hashes, _)| hashes == now).map(|(_, change)| change.clone())
        });
        let mut change = Change {
            operation: Some(Operation::Updated),
            data_changed: Some(data_changed),
            summary: worded(data_changed, &keys),
            keys,
            actor,
            reverts,
            ..self.change(&key, at, time)
        };
        change.id = derived_id(&change);
        if let Some(before) = old.hashes {
            new.earlier.push_back((before, change.id.clone()));
            if new.earlier.len() > EARLIER {
                new.earlier.pop_front();
            }
        }
        let mut changes = vec![change];
        changes.extend(self.short(&key, new.hashes.as_ref(), at));
        self.objects.insert(key, new);
        changes
    }
}

impl Contents {
    fn baseline(&mut self, object: Content, now: Timestamp) -> Vec<Change> {
        let Some(key) = named(&object.metadata) else { return Vec::new() };
        let state = State::of(object);
        let at = Moment { since: None, seen: now, live: true };
        let short = self.short(&key, state.hashes.as_ref(), at);
        self.objects.insert(key, state);
        short
    }

    fn applied(&mut self, object: Content, at: Moment) -> Vec<Change> {
        let Some(key) = named(&object.metadata) else { return Vec::new() };
        match self.objects.remove(&key) {
            Some(state) if Some(&state.version) == object.metadata.resource_version.as_ref() => {
                self.objects.insert(key, state);
                Vec::new()
            }
            Some(state) if Some(&state.uid) == object.metadata.uid.as_ref() => self.updated(key, state, object, at),
            Some(state) => {
                // Deleted and made anew while nobody looked.
                self.gone.push_back((key.clone(), state.uid));
                self.created(key, object, at)
            }
            None => self.created(key, object, at),
        }
    }

    fn deleted(&mut self, key: &Key, at: Moment) -> Vec<Change> {
        let Some(state) = self.objects.remove(key) else { return Vec::new() };
        if self.gone.len() >= GONE {
            self.gone.pop_front();
        }
        let keys = state.keys();
        self.gone.push_back((key.clone(), state.uid));
        vec![Change {
            operation: Some(Operation::Deleted),
            data_changed: Some(Known::Yes),
            keys,
            summary: "deleted".into(),
            ..self.change(key, at, None)
        }]
    }

    fn known(&self) -> Vec<Key> {
        self.objects.keys().cloned().collect()
    }
}

/// Observes objects by their metadata alone.
pub(super) struct ByMetadata<K> {
    contents: Contents,
    kind: PhantomData<fn(K)>,
}

impl<K> ByMetadata<K> {
    pub(super) fn new(contents: Contents) -> Self {
        Self { contents, kind: PhantomData }
    }
}

impl<K> Observe for ByMetadata<K> {
    type Object = PartialObjectMeta<K>;

    fn baseline(&mut self, object: Self::Object, now: Timestamp) -> Vec<Change> {
        self.contents.baseline(metadata(object), now)
    }

    fn applied(&mut self, object: Self::Object, at: Moment) -> Vec<Change> {
        self.contents.applied(metadata(object), at)
    }

    fn deleted(&mut self, key: &Key, at: Moment) -> Vec<Change> {
        self.contents.deleted(key, at)
    }

    fn known(&self) -> Vec<Key> {
        self.contents.known()
    }
}

/// Observes Secrets by keyed hashes of their values.
pub(super) struct ByHash {
    contents: Contents,
    hasher: Hasher,
}

impl ByHash {
    pub(super) fn new(contents: Contents, hasher: Hasher) -> Self {
        Self { contents, hasher }
    }
}

impl Observe for ByHash {
    type Object = Secret;

    fn baseline(&mut self, object: Secret, now: Timestamp) -> Vec<Change> {
        self.contents.baseline(self.hasher.read(object), now)
    }

    fn applied(&mut self, object: Secret, at: Moment) -> Vec<Change> {
        self.contents.applied(self.hasher.read(object), at)
    }

    fn deleted(&mut self, key: &Key, at: Moment) -> Vec<Change> {
        self.contents.deleted(key, at)
    }

    fn known(&self) -> Vec<Key> {
        self.contents.known()
    }
}

fn metadata<K>(object: PartialObjectMeta<K>) -> Content {
    Content { metadata: object.metadata, hashes: None }
}

impl State {
    fn of(Content { metadata, hashes }: Content) -> Self {
        let fields = Fields::of(&metadata);
        let (uid, version) = (metadata.uid.unwrap_or_default(), metadata.resource_version.unwrap_or_default());
        Self { uid, version, fields, hashes, earlier: VecDeque::new(), told: None }
    }

    fn keys(&self) -> Vec<String> {
        match &self.hashes {
            Some(hashes) => hashes.lengths().map(|(key, _)| key.to_owned()).collect(),
            None => self.fields.keys().into_iter().collect(),
        }
    }
}

/// The key of an object that is looked at.
fn named(metadata: &ObjectMeta) -> Option<Key> {
    let name = metadata.name.clone().filter(|name| !name.starts_with(HELM))?;
    Some(Key { namespace: metadata.namespace.clone().unwrap_or_default(), name })
}

/// Gives a change its moment: the cluster's, where its clock can be believed, else what was seen.
pub(super) fn placed(change: Change, at: Moment, written: Option<Timestamp>) -> Change {
    let Moment { since, seen, live } = at;
    let early = since.map_or(Timestamp::MIN, |since| since.checked_sub(CLOCKS).unwrap_or(since));
    let late = seen.checked_add(CLOCKS).unwrap_or(seen);
    match (written.filter(|time| early <= *time && *time <= late), since) {
        (Some(time), _) => Change { time: Some(time.min(seen)), ..change },
        (None, Some(since)) if !live => Change { time_lo: Some(since.min(seen)), time_hi: Some(seen), ..change },
        (None, _) => Change { time: Some(seen), ..change },
    }
}

fn worded(data_changed: Known, keys: &[String]) -> String {
    let certainly = match data_changed {
        Known::Yes => "changed",
        Known::No | Known::Unknown => "may have changed",
    };
    match keys {
        [] => format!("the data {certainly}"),
        [key] => format!("key {key} {certainly}"),
        keys => format!("keys {} {certainly}", keys.join(", ")),
    }
}
