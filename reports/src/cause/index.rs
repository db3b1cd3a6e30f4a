//! The recorded changes, found by time, by workload and by target without looking at all of them.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashMap;
use storage::record::{Change, ChangeKind, Known};
use storage::window::Window;

use super::class::Seen;
use crate::episode::Episode;
use crate::input::shift;
use crate::interval::Interval;

/// The changes of an input, by what a search asks for. Every list is sorted by the earliest moment.
#[derive(Debug, Clone, Default)]
pub struct Index<'a> {
    all: Vec<&'a Change>,
    /// What renews itself or its consumers, by the workloads that mount it.
    dormant_by_workload: HashMap<&'a str, Vec<&'a Change>>,
    dormant_by_object: HashMap<&'a str, Vec<&'a Change>>,
    /// Of those that do not tell who mounts them.
    dormant_by_target: HashMap<&'a str, Vec<&'a Change>>,
    /// What replaces every process of a workload.
    replacing: HashMap<&'a str, Vec<&'a Change>>,
    by_object: HashMap<&'a str, Vec<&'a Change>>,
    /// Announced work.
    pub maintenances: Vec<&'a Change>,
    /// When the failing stretches of each target began.
    onsets: HashMap<&'a str, Vec<Timestamp>>,
}

/// Longest time between the two ends of a change's interval that a search by time allows for.
const WIDEST: SignedDuration = SignedDuration::from_hours(24);

/// Most changes that one trigger is taken to have put in force, the newest.
pub const MOST_WAITING: usize = 64;
/// Most changes, the newest, among which they are looked for.
const MOST_LOOKED_AT: usize = 1_024;

impl<'a> Index<'a> {
    /// Indexes changes that are sorted by their earliest moment, and the onsets of all failing stretches.
    #[must_use]
    pub fn new(changes: &'a [Change], episodes: &'a [Episode]) -> Index<'a> {
        let mut index = Index { all: changes.iter().collect(), ..Index::default() };
        for episode in episodes {
            index.onsets.entry(&episode.target).or_default().push(episode.start.hi);
        }
        index.onsets.values_mut().for_each(|onsets| onsets.sort_unstable());
        for change in changes {
            index.by_object.entry(&change.object).or_default().push(change);
            if change.kind == ChangeKind::Maintenance {
                index.maintenances.push(change);
            }
            if may_lie_dormant(change) {
                index.dormant_by_object.entry(&change.object).or_default().push(change);
                for mount in &change.mounts {
                    index.dormant_by_workload.entry(&mount.workload).or_default().push(change);
                }
                if change.mounts.is_empty() {
                    for target in &change.targets {
                        index.dormant_by_target.entry(target).or_default().push(change);
                    }
                }
            }
            if replaces_all(change) {
                index.replacing.entry(workload(change)).or_default().push(change);
            }
        }
        index
    }

    /// The changes that may have happened between two moments, and some before.
    pub fn between(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = &'a Change> + '_ {
        let from = shift(from, -WIDEST);
        let first = self.all.partition_point(|change| change.lo().is_none_or(|lo| lo < from));
        self.all.iter().skip(first).copied().take_while(move |change| change.lo().is_some_and(|lo| lo <= until))
    }

    /// What a trigger may have put in force: of each object that its workload mounts, that its new template names, or
    /// that is linked to the same targets and does not say who mounts it, the newest change before the trigger's end:
    /// what was written before that was never read. A write of which it is not known whether the content is new does
    /// not take the place of one that is known to be. At most [`MOST_WAITING`] changes.
    #[must_use]
    pub fn waiting_for(&self, trigger: &'a Change) -> Vec<&'a Change> {
        let Some(until) = trigger.until.max(trigger.hi()) else { return Vec::new() };
        let mounted = self.dormant_by_workload.get(workload(trigger));
        let named = trigger.secret_refs.iter().filter_map(|object| self.dormant_by_object.get(object.as_str()));
        let linked = trigger.targets.iter().filter_map(|target| self.dormant_by_target.get(target.as_str()));
        let mut newest: FxHashMap<(ChangeKind, &str, Option<Known>), &Change> = FxHashMap::default();
        for changes in mounted.into_iter().chain(named).chain(linked) {
            let before = changes.partition_point(|change| change.lo().is_none_or(|lo| lo < until));
            for change in changes.iter().take(before).rev().take(MOST_LOOKED_AT) {
                let found = newest.entry((change.kind, &change.object, change.data_changed)).or_insert(change);
                if (found.lo(), &found.id) < (change.lo(), &change.id) {
                    *found = change;
                }
            }
        }
        let mut newest: Vec<&Change> = newest.into_values().collect();
        newest.sort_by(|a, b| (b.lo(), &b.id).cmp(&(a.lo(), &a.id)));
        newest.truncate(MOST_WAITING);
        newest
    }

    /// Whether every process of a trigger's workload was replaced between two moments by something else.
    #[must_use]
    pub fn replaced_between(&self, trigger: &Change, from: Timestamp, until: Timestamp) -> bool {
        self.replacing.get(workload(trigger)).is_some_and(|replacing| {
            let first = replacing.partition_point(|change| change.lo().is_none_or(|lo| lo <= from));
            let begun = replacing.iter().skip(first).take_while(|change| change.lo().is_some_and(|lo| lo < until));
            begun.filter(|change| change.id != trigger.id).any(|change| change.hi().is_some_and(|hi| hi < until))
        })
    }

    /// Whether any of some targets began to fail within a window.
    #[must_use]
    pub fn any_onset(&self, targets: &BTreeMap<&str, Seen>, window: Window) -> bool {
        targets.keys().filter_map(|target| self.onsets.get(target)).any(|onsets| {
            let first = onsets.partition_point(|onset| *onset < window.from);
            onsets.get(first).is_some_and(|onset| *onset < window.until)
        })
    }

    /// The changes of one kind to one object.
    pub fn of_object(&self, kind: ChangeKind, object: &str) -> impl DoubleEndedIterator<Item = &'a Change> + '_ {
        let of_all_kinds = self.by_object.get(object).map(Vec::as_slice).unwrap_or_default();
        of_all_kinds.iter().copied().filter(move |change| change.kind == kind)
    }
}

/// What a change acts on or restarts.
#[must_use]
pub fn workload(change: &Change) -> &str {
    change.workload.as_deref().unwrap_or(&change.object)
}

/// When a change happened, as far as is known.
#[must_use]
pub fn interval(change: &Change) -> Option<Interval> {
    let (lo, hi) = change.lo().zip(change.hi())?;
    Some(Interval { lo, hi: hi.max(lo) })
}

fn may_lie_dormant(change: &Change) -> bool {
    matches!(change.kind, ChangeKind::Secret | ChangeKind::Configmap | ChangeKind::Certificate)
        && change.data_changed != Some(Known::No)
}

fn replaces_all(change: &Change) -> bool {
    matches!(change.kind, ChangeKind::Rollout | ChangeKind::Deploy)
}
