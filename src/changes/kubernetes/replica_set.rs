//! ReplicaSets: how many pods of one template of a Deployment are ready.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use storage::record::Change;

use crate::changes::kubernetes::fleet::Shared;
use crate::changes::kubernetes::observe::{Key, Moment, Observe};
use crate::changes::kubernetes::template::Template;
use crate::changes::kubernetes::workload::key;

/// The newest number that its Deployment gave it, and those it had before.
const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";

/// A ReplicaSet as far as rollouts need it.
pub(super) struct Set {
    /// `Deployment/NAMESPACE/NAME`.
    pub(super) owner: String,
    /// Of its template without what the Deployment adds.
    pub(super) digest: u128,
    /// How many pods of it are wanted: fewer and fewer while another template is rolled out.
    pub(super) wanted: i32,
    pub(super) ready: i32,
    pub(super) created: Option<Timestamp>,
    revision: Option<String>,
    /// Revisions that it had before, oldest first, separated by commas.
    history: Option<String>,
}

impl Set {
    /// The revision that it had while `current` was another's: it may have got a new one since.
    pub(super) fn revision_before(&self, current: Option<&str>) -> Option<String> {
        let number = |revision: &str| revision.parse::<u64>().ok();
        let (own, current) = (self.revision.as_deref().and_then(number), current.and_then(number));
        let renewed = own.zip(current).is_some_and(|(own, current)| own >= current);
        let before = self.history.as_deref().and_then(|history| history.rsplit(',').next()).map(str::to_owned);
        if renewed { before } else { self.revision.clone() }
    }
}

/// Watches the ReplicaSets of Deployments.
pub(crate) struct ReplicaSets {
    fleet: Shared,
    /// Those that this watch told of: another namespace is another watch.
    own: BTreeSet<Key>,
}

impl ReplicaSets {
    /// Nothing is known yet.
    pub(crate) fn new(fleet: Shared) -> Self {
        Self { fleet, own: BTreeSet::new() }
    }
}

impl Observe for ReplicaSets {
    type Object = ReplicaSet;

    fn baseline(&mut self, object: ReplicaSet, now: Timestamp) -> Vec<Change> {
        let Some((key, set)) = read(object) else { return Vec::new() };
        self.own.insert(key.clone());
        self.fleet.lock().apply_set(key, set, now)
    }

    fn applied(&mut self, object: ReplicaSet, at: Moment) -> Vec<Change> {
        self.baseline(object, at.seen)
    }

    fn deleted(&mut self, key: &Key, _at: Moment) -> Vec<Change> {
        self.own.remove(key);
        self.fleet.lock().delete_set(key);
        Vec::new()
    }

    fn known(&self) -> Vec<Key> {
        self.own.iter().cloned().collect()
    }
}

/// Nothing of one that no Deployment owns.
fn read(object: ReplicaSet) -> Option<(Key, Set)> {
    let key = key(&object.metadata)?;
    let owners = object.metadata.owner_references.unwrap_or_default();
    let owner = owners.into_iter().find(|owner| owner.controller == Some(true) && owner.kind == "Deployment")?;
    let mut annotations = object.metadata.annotations.unwrap_or_default();
    let spec = object.spec?;
    let set = Set {
        owner: format!("Deployment/{}/{}", key.namespace, owner.name),
        digest: Template::of(&key.namespace, &spec.template.unwrap_or_default()).digest,
        wanted: spec.replicas.unwrap_or(1),
        ready: object.status.and_then(|status| status.ready_replicas).unwrap_or(0),
        created: object.metadata.creation_timestamp.map(|time| time.0),
        revision: annotations.remove(REVISION),
        history: annotations.remove(HISTORY),
    };
    Some((key, set))
}
