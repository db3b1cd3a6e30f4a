//! One workload: the templates it had, and what is under way of it.

use std::collections::VecDeque;

use jiff::Timestamp;
use storage::record::{Change, ChangeKind, Operation};

use crate::changes::kubernetes::observe::Moment;
use crate::changes::kubernetes::rollout::{Rollout, change, place};
use crate::changes::kubernetes::template::Template;
use crate::changes::kubernetes::workload::{Workload, Written};

/// Templates that a workload had before, to recognise a rollback.
const PAST: usize = 16;

/// What is known of one workload.
pub(super) struct Known {
    /// As it was seen last.
    pub(super) latest: Workload,
    /// The template that its pods have or get: not one that is held back.
    pub(super) template: Template,
    pub(super) revision: Option<String>,
    /// Earlier templates, the newest last.
    pub(super) past: VecDeque<Past>,
    /// Digest of a template that is held back, and was told so.
    pub(super) held: Option<u128>,
    pub(super) rollout: Option<Rollout>,
    /// When the last rollout ended.
    pub(super) ended: Option<Timestamp>,
    pub(super) scale: Option<Change>,
}

/// A template that was left.
pub(super) struct Past {
    pub(super) digest: u128,
    pub(super) revision: Option<String>,
    /// Id of the rollout that left it.
    pub(super) left_by: String,
}

impl Known {
    /// A workload that was not known.
    pub(super) fn new(workload: Workload) -> Self {
        Self {
            template: workload.template.clone(),
            revision: workload.revision.clone(),
            past: VecDeque::new(),
            held: None,
            rollout: None,
            ended: None,
            scale: None,
            latest: workload,
        }
    }

    /// A rollout of the latest template begins.
    pub(super) fn start(
        &mut self,
        operation: Operation,
        what: String,
        secret_refs: Vec<String>,
        reverts: Option<String>,
        written: &Written,
        at: Moment,
    ) {
        let workload = &self.latest;
        let mut change = change(ChangeKind::Rollout, operation, &workload.object, rollout_id(workload));
        let began = place(&mut change, written, at);
        change.secret_refs = secret_refs;
        change.reverts = reverts;
        let what = workload.remark.iter().fold(what, |what, remark| format!("{what} ({remark})"));
        if workload.template.digest != self.template.digest {
            let left = std::mem::replace(&mut self.template, workload.template.clone());
            self.leaves(left.digest, change.id.clone());
        }
        self.rollout = Some(Rollout::begin(change, what, began));
    }

    /// Remembers a template that is left.
    fn leaves(&mut self, digest: u128, by: String) {
        if self.past.len() == PAST {
            self.past.pop_front();
        }
        self.past.push_back(Past { digest, revision: self.revision.take(), left_by: by });
    }

    /// What is remembered when the workload is gone.
    pub(super) fn leave(mut self) -> VecDeque<Past> {
        let by = format!("deleted-{}", self.latest.uid);
        self.leaves(self.template.digest, by);
        self.past
    }

    /// Ends what is under way.
    pub(super) fn finish(&mut self, until: Timestamp, state: Option<&str>) -> Vec<Change> {
        self.finish_rollout(until, state).into_iter().chain(self.finish_scale(until)).collect()
    }

    /// Ends the rollout, if one is under way, and says so.
    pub(super) fn finish_rollout(&mut self, until: Timestamp, state: Option<&str>) -> Option<Change> {
        let mut rollout = self.rollout.take()?;
        self.ended = Some(until);
        Some(rollout.end(until, state))
    }

    /// Ends the scaling, if one is under way, and says so.
    pub(super) fn finish_scale(&mut self, until: Timestamp) -> Option<Change> {
        let mut scale = self.scale.take()?;
        scale.until = Some(scale.lo().map_or(until, |from| until.max(from)));
        Some(scale)
    }
}

/// The spec of one object never has the same generation twice.
pub(super) fn rollout_id(workload: &Workload) -> String {
    format!("rollout-{}-{}", workload.uid, workload.generation)
}

/// Another number of replicas is wanted.
pub(super) fn scale(before: &Workload, workload: &Workload, at: Moment) -> Change {
    let id = format!("scale-{}-{}", workload.uid, workload.generation);
    let mut change = change(ChangeKind::Scale, Operation::Updated, &workload.object, id);
    place(&mut change, &workload.replicas_by, at);
    let (from, to) = (before.replicas.unwrap_or(0), workload.replicas.unwrap_or(0));
    change.summary = format!("scaled from {from} to {to} replicas");
    change
}

/// A template that has no effect yet is a remark and no cause.
pub(super) fn held_back(template: &Template, workload: &Workload, at: Moment) -> Change {
    let id = format!("held-{}-{}", workload.uid, workload.generation);
    let mut change = change(ChangeKind::Note, Operation::Updated, &workload.object, id);
    place(&mut change, &workload.template_by, at);
    let why = workload.held.as_deref().unwrap_or_default();
    change.summary = format!("{why}, no effect yet: {}", workload.template.difference(template));
    change.secret_refs = workload.template.new_secret_refs(template);
    change
}
