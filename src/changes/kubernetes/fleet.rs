//! What is known of all workloads and their ReplicaSets, shared between the observers of each kind.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use storage::record::{Change, ChangeKind, Operation};

use crate::changes::kubernetes::consumers::Consumers;
use crate::changes::kubernetes::known::{Known, Past, held_back, rollout_id, scale};
use crate::changes::kubernetes::observe::{Key, Moment};
use crate::changes::kubernetes::replica_set::Set;
use crate::changes::kubernetes::rollout::{Rollout, change, earlier, place};
use crate::changes::kubernetes::workload::{Standing, Workload, Written};

/// Deleted workloads that are remembered, to recognise one that is made again.
const GONE: usize = 256;

/// Pods of an old template still end this long after the last new one is available.
const ENDING: SignedDuration = SignedDuration::from_mins(2);

/// All workloads, shared.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    fleet: Arc<Mutex<Fleet>>,
}

impl Shared {
    /// A fleet that tells consumers which of their objects are used.
    pub(crate) fn new(consumers: Consumers) -> Self {
        Self { fleet: Arc::new(Mutex::new(Fleet { consumers, ..Fleet::default() })) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Fleet> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All workloads.
#[derive(Default)]
pub(super) struct Fleet {
    consumers: Consumers,
    /// `Deployment/NAMESPACE/NAME` -> what is known of it.
    known: BTreeMap<String, Known>,
    /// Names and earlier templates of workloads that were deleted, the newest last.
    gone: VecDeque<(String, VecDeque<Past>)>,
    sets: BTreeMap<Key, Set>,
}

impl Fleet {
    /// A workload as it is when the watch begins. A rollout that is under way then is told.
    pub(super) fn begin(&mut self, workload: Workload, now: Timestamp) -> Vec<Change> {
        self.consumers.set(&workload.object, workload.uses.clone());
        let mut changes = Vec::new();
        let mut known = Known::new(workload);
        let workload = &known.latest;
        if workload.under_way && workload.held.is_none() {
            let set = self.set_of(workload);
            let mut change = change(ChangeKind::Rollout, Operation::Updated, &workload.object, rollout_id(workload));
            // The ReplicaSet may be an old one that is rolled back to, so its beginning is a bound only.
            let lo = set.and_then(|set| set.created);
            let hi = workload.template_by.at.or(lo).unwrap_or(now).min(now);
            change.time_lo = lo.map(|lo| earlier(lo, SignedDuration::from_secs(1)).min(hi));
            change.time_hi = Some(hi);
            change.actor = workload.template_by.by.clone();
            let share = self.share(workload);
            let what = format!("{}, under way when authprobe began to watch", workload.template.images());
            let began = workload.template_by.at.unwrap_or(Timestamp::MIN);
            let mut rollout = Rollout::begin(change, what, began);
            rollout.stands(workload);
            rollout.reaches(share, now);
            changes.push(rollout.tell());
            known.rollout = Some(rollout);
        }
        self.known.insert(known.latest.object.clone(), known);
        changes
    }

    /// A workload was created or changed, or comes again.
    pub(super) fn apply(&mut self, workload: Workload, at: Moment) -> Vec<Change> {
        self.consumers.set(&workload.object, workload.uses.clone());
        let mut changes = Vec::new();
        match self.known.remove(&workload.object) {
            Some(known) if known.latest.uid == workload.uid => self.advance(known, workload, at, &mut changes),
            Some(mut replaced) => {
                changes.extend(replaced.finish(at.seen, Some("deleted")));
                self.create(workload, Operation::Recreated, replaced.leave(), at, &mut changes);
            }
            None => match self.gone.iter().rposition(|(object, _)| *object == workload.object) {
                Some(place) => {
                    let past = self.gone.remove(place).map(|(_, past)| past).unwrap_or_default();
                    self.create(workload, Operation::Recreated, past, at, &mut changes);
                }
                None => self.create(workload, Operation::Created, VecDeque::new(), at, &mut changes),
            },
        }
        changes
    }

    /// A workload is gone.
    pub(super) fn delete(&mut self, object: &str, at: Moment) -> Vec<Change> {
        self.consumers.remove(object);
        let Some(mut known) = self.known.remove(object) else { return Vec::new() };
        let mut changes = known.finish(at.seen, Some("deleted"));
        let id = format!("deleted-{}", known.latest.uid);
        let mut deleted = change(ChangeKind::Rollout, Operation::Deleted, object, id);
        place(&mut deleted, &Written::default(), at);
        deleted.until = Some(at.seen);
        deleted.summary = "deleted".to_owned();
        changes.push(deleted);
        if self.gone.len() == GONE {
            self.gone.pop_front();
        }
        self.gone.push_back((object.to_owned(), known.leave()));
        changes
    }

    /// A ReplicaSet is there, with so many pods ready.
    pub(super) fn apply_set(&mut self, key: Key, set: Set, now: Timestamp) -> Vec<Change> {
        let owner = set.owner.clone();
        self.sets.insert(key, set);
        let Some(mut known) = self.known.remove(&owner) else { return Vec::new() };
        let share = self.share(&known.latest);
        let told = known.rollout.as_mut().and_then(|rollout| rollout.reaches(share, now).then(|| rollout.tell()));
        self.known.insert(owner, known);
        told.into_iter().collect()
    }

    /// A ReplicaSet is gone.
    pub(super) fn delete_set(&mut self, key: &Key) {
        self.sets.remove(key);
    }

    /// The workload that a ReplicaSet belongs to.
    pub(super) fn owner_of(&self, set: &Key) -> Option<&str> {
        self.sets.get(set).map(|set| set.owner.as_str())
    }

    /// Whether a pod of a workload goes for a reason that is told elsewhere: a rollout, fewer replicas, a deletion.
    /// `set` is its ReplicaSet, `first` when it was first seen to end, `left` how many pods there are without it: of its
    /// ReplicaSet, or of the workload where it has none.
    pub(super) fn explains(&self, workload: &str, set: Option<&Key>, first: Timestamp, left: usize) -> bool {
        let Some(known) = self.known.get(workload) else {
            return self.gone.iter().any(|(object, _)| object == workload);
        };
        let set = set.and_then(|set| self.sets.get(set));
        let just_ended =
            known.ended.is_some_and(|ended| first < ended.saturating_add(ENDING).unwrap_or(Timestamp::MAX));
        let old = set.map_or(just_ended, |set| set.digest != known.template.digest);
        // A rollout that is stuck moves no pods any more.
        let stuck = known.rollout.as_ref().is_some_and(Rollout::is_stuck);
        let rolling = !stuck && (known.rollout.is_some() || old);
        let whole = known.latest.replicas.filter(|_| !stuck || set.is_none());
        let wanted = set.map(|set| set.wanted).into_iter().chain(whole).min();
        let surplus = wanted.and_then(|wanted| usize::try_from(wanted).ok()).is_some_and(|wanted| left >= wanted);
        known.latest.deleting || rolling || surplus
    }

    /// A workload that was not there before.
    fn create(
        &mut self,
        workload: Workload,
        operation: Operation,
        past: VecDeque<Past>,
        at: Moment,
        changes: &mut Vec<Change>,
    ) {
        let written = Written { by: workload.template_by.by.clone(), at: workload.created };
        let mut known = Known { past, ..Known::new(workload) };
        let word = if operation == Operation::Created { "created" } else { "deleted and made again" };
        let what = format!("{word} with {}", known.template.images());
        let refs = known.template.secret_refs.iter().cloned().collect();
        known.start(operation, what, refs, None, &written, at);
        self.follow(&mut known, at, changes);
        self.known.insert(known.latest.object.clone(), known);
    }

    /// A workload that may have changed.
    fn advance(&mut self, mut known: Known, workload: Workload, at: Moment, changes: &mut Vec<Change>) {
        let before = std::mem::replace(&mut known.latest, workload);
        let workload = &known.latest;
        if before.replicas != workload.replicas {
            changes.extend(known.finish_scale(at.seen));
            known.scale = Some(scale(&before, &known.latest, at));
            changes.extend(known.scale.clone());
        }
        let workload = &known.latest;
        let changed = workload.template.digest != known.template.digest;
        let released = known.held.is_some() && workload.held.is_none();
        let lowered = workload.partition < before.partition && workload.under_way;
        if !changed {
            known.held = None;
        }
        if changed && workload.held.is_some() {
            if known.held != Some(workload.template.digest) {
                known.held = Some(workload.template.digest);
                changes.push(held_back(&known.template, workload, at));
            }
        } else if changed {
            self.roll(&mut known, released, at, changes);
        } else if lowered {
            changes.extend(known.finish_rollout(at.seen, Some("the partition was lowered")));
            let what = format!("partition lowered from {} to {}", before.partition, known.latest.partition);
            known.start(Operation::Updated, what, Vec::new(), None, &Written::default(), at);
        }
        self.follow(&mut known, at, changes);
        self.known.insert(known.latest.object.clone(), known);
    }

    /// Another template is rolled out from now on.
    fn roll(&self, known: &mut Known, released: bool, at: Moment, changes: &mut Vec<Change>) {
        changes.extend(known.finish_rollout(at.seen, Some("superseded")));
        let (old, new) = (&known.template, &known.latest.template);
        let restart = new.differs_by_restart_only(old);
        let past = known.past.iter().rev().find(|past| past.digest == new.digest && !restart);
        let reverts = past.map(|past| past.left_by.clone());
        let revision = past.map(|past| past.revision.clone()).or_else(|| {
            let set = self.set_of(&known.latest).filter(|_| !restart)?;
            let older =
                set.created.zip(known.latest.template_by.at).is_some_and(|(created, written)| created < written);
            older.then(|| set.revision_before(known.revision.as_deref()))
        });
        let mut what = new.difference(old);
        if let Some(revision) = revision {
            let to =
                revision.map_or_else(|| "an earlier template".to_owned(), |revision| format!("revision {revision}"));
            what = format!("rolled back to {to}: {what}");
        }
        if released {
            what = format!("resumed: {what}");
        }
        let refs = new.new_secret_refs(old);
        // What was held back was written long ago; it has its effect since it was let go.
        let written = if released { Written::default() } else { known.latest.template_by.clone() };
        known.held = None;
        known.start(Operation::Updated, what, refs, reverts, &written, at);
    }

    /// Takes in how far the rollout and the scaling of a workload are.
    fn follow(&self, known: &mut Known, at: Moment, changes: &mut Vec<Change>) {
        let share = self.share(&known.latest);
        let mut telling = None;
        if let Some(rollout) = &mut known.rollout {
            let first = rollout.is_new();
            let stands = rollout.stands(&known.latest);
            let reaches = rollout.reaches(share, at.seen);
            telling = (first || stands || reaches).then(|| rollout.tell());
        }
        if known.latest.revision.is_some() && known.latest.template.digest == known.template.digest {
            known.revision.clone_from(&known.latest.revision);
        }
        if let Standing::Done(since) = known.latest.standing
            && known.latest.held.is_none()
        {
            let since = since.filter(|since| !at.live && at.since.is_some_and(|earliest| *since >= earliest));
            let until = since.unwrap_or(at.seen).min(at.seen);
            let ended = known.finish_rollout(until, None);
            if ended.is_some() {
                telling = None;
            }
            changes.extend(ended);
            changes.extend(known.finish_scale(until));
        }
        changes.extend(telling);
    }

    /// The ReplicaSet of a workload's newest template.
    fn set_of(&self, workload: &Workload) -> Option<&Set> {
        // A Deployment names its ReplicaSets after itself.
        let Key { namespace, name } = &workload.key;
        let own = |key: &Key| key.namespace == *namespace && key.name.starts_with(name);
        let named = self.sets.range(&workload.key..).take_while(|(key, _)| own(key));
        let mut own = named.map(|(_, set)| set).filter(|set| set.owner == workload.object);
        own.find(|set| set.digest == workload.template.digest)
    }

    /// Share of new pods that are ready: by the ReplicaSet where it is seen, else by the workload's own status.
    fn share(&self, workload: &Workload) -> f64 {
        match (self.set_of(workload), workload.replicas) {
            (Some(_), Some(0)) => 1.0,
            (Some(set), Some(wanted)) => (f64::from(set.ready) / f64::from(wanted)).clamp(0.0, 1.0),
            _ => workload.share,
        }
    }
}
