//! Which episodes belong together.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use storage::record::ChangeKind;

use super::Incident;
use crate::cause::Verdict;
use crate::cause::class::Class;
use crate::episode::Episode;
use crate::input::{Input, after, shift};
use crate::interval::Interval;
use crate::settings::Settings;

/// What targets have in common, apart from what their failures show.
pub(super) struct Shared<'a> {
    settings: &'a Settings,
    /// Targets that one change concerns.
    changed_together: BTreeSet<Vec<&'a str>>,
}

/// Intervals within which two onsets are one.
const TOGETHER: i64 = 2;
/// Intervals within which a failure of the same kind of one target belongs to the one before it.
const FOLLOWS: i64 = 10;
/// How much of a wide onset counts, in intervals, when failures of another kind are held against it.
const CLIPPED: i64 = 4;
/// Probability from which two incidents with different causes are kept apart, and with the same are joined.
pub(super) const SURE: f64 = 0.8;

/// Puts the episodes of each target together that began together.
pub(super) fn by_onset(mut episodes: Vec<Episode>) -> Vec<Vec<Episode>> {
    episodes.sort_by(|a, b| (a.start.lo, a.path(), &a.agent).cmp(&(b.start.lo, b.path(), &b.agent)));
    let mut groups: Vec<Vec<Episode>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for episode in episodes {
        let reach = |other: &Episode| after(other.start.hi, other.every_ms.max(episode.every_ms) * FOLLOWS);
        open.retain(|number| {
            groups.get(*number).is_some_and(|group| group.iter().any(|a| reach(a) >= episode.start.lo))
        });
        let joins =
            |number: &usize| groups.get(*number).is_some_and(|group| group.iter().any(|other| belong(other, &episode)));
        let joined: Vec<usize> = open.iter().copied().filter(joins).collect();
        let mut merged: Vec<Episode> = Vec::new();
        for number in &joined {
            merged.extend(groups.get_mut(*number).map(std::mem::take).unwrap_or_default());
        }
        merged.push(episode);
        open.retain(|number| !joined.contains(number));
        open.push(groups.len());
        groups.push(merged);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// Whether two episodes of one target are of one incident.
fn belong(a: &Episode, b: &Episode) -> bool {
    if a.target != b.target {
        return false;
    }
    let every_ms = a.every_ms.max(b.every_ms);
    if kin(a, b) {
        let (earlier, later) = if a.start.hi <= b.start.hi { (a, b) } else { (b, a) };
        let follows =
            later.start.lo <= after(earlier.start.hi, every_ms * FOLLOWS) && later.start.lo <= earlier.until();
        return follows || near(a.start, b.start, every_ms * TOGETHER);
    }
    let clip = |start: Interval| Interval { lo: start.lo.max(after(start.hi, -every_ms * CLIPPED)), hi: start.hi };
    near(clip(a.start), clip(b.start), every_ms * TOGETHER)
}

/// Whether two episodes fail in the same way. What refuses a token names it in many ways, and so do broken servers.
pub(super) fn kin(a: &Episode, b: &Episode) -> bool {
    let family = |episode: &Episode| match Class::of(episode.reason) {
        Class::Signature | Class::Kid | Class::TokenTime | Class::Claims | Class::Token => Class::Token,
        Class::Error | Class::Timeout | Class::Tls | Class::Dns => Class::Error,
        class => class,
    };
    family(a) == family(b)
}

fn near(a: Interval, b: Interval, by_ms: i64) -> bool {
    a.lo <= after(b.hi, by_ms) && b.lo <= after(a.hi, by_ms)
}

impl<'a> Shared<'a> {
    pub(super) fn new(input: &'a Input, settings: &'a Settings) -> Shared<'a> {
        let several = input.changes.iter().filter(|change| {
            change.targets.len() > 1 && !matches!(change.kind, ChangeKind::Note | ChangeKind::Maintenance)
        });
        let changed_together =
            several.map(|change| change.targets.iter().map(String::as_str).collect()).collect::<BTreeSet<_>>();
        Shared { settings, changed_together }
    }

    /// Whether two incidents are one: by their cause, or because they began together and share something, and nothing
    /// says that each has a cause of its own.
    pub(super) fn are_one(&self, a: &Incident, b: &Incident) -> bool {
        let (cause_a, cause_b) = (sure_cause(a), sure_cause(b));
        if cause_a.is_some() && cause_a == cause_b {
            return a.window().overlaps(b.window());
        }
        let every_ms = a.episodes.iter().chain(&b.episodes).map(|episode| episode.every_ms).max().unwrap_or(0);
        let apart = a.targets().is_disjoint(&b.targets());
        apart
            && !(cause_a.is_some() && cause_b.is_some())
            && near(a.start, b.start, every_ms * TOGETHER)
            && self.share(a, b)
    }

    fn share(&self, a: &Incident, b: &Incident) -> bool {
        let same_class = a.episodes.iter().any(|one| {
            b.episodes.iter().any(|other| one.kind == other.kind && Class::of(one.reason) == Class::of(other.reason))
        });
        let namespace = |target: &str| self.settings.links.get(target).map(|link| link.namespace.as_str());
        same_class
            || a.targets().iter().any(|one| {
                b.targets().iter().any(|other| {
                    let together = |targets: &Vec<&str>| targets.contains(one) && targets.contains(other);
                    namespace(one).is_some() && namespace(one) == namespace(other)
                        || self.changed_together.iter().any(together)
                })
            })
    }
}

/// The cause that is hardly in doubt: ids of the changes and of what put them in force.
fn sure_cause(incident: &Incident) -> Option<(&[String], Option<&str>)> {
    let cause = incident.causes.first().filter(|cause| cause.probability >= SURE)?;
    (incident.verdict == Verdict::Change).then_some((cause.changes.as_slice(), cause.trigger.as_deref()))
}

/// First moment at which an incident can no longer be one with others that begin later.
pub(super) fn joinable_until(incident: &Incident) -> Timestamp {
    incident.end.map_or(Timestamp::MAX, |end| shift(end.hi, SignedDuration::from_mins(10)))
}
