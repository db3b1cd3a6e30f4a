//! One rollout, from the new template to the last new pod: what is told of it, and when it is told again.

use jiff::{SignedDuration, Timestamp};
use storage::record::{Change, ChangeKind, Operation};

use crate::changes::kubernetes::observe::Moment;
use crate::changes::kubernetes::workload::{Standing, Workload, Written};

/// Points of a progress at most; where there are more, every second one goes.
const POINTS: usize = 100;

/// A rollout is told again at most this often, but for its standing: readiness that flaps must not fill the store.
const TELLINGS: u32 = 300;

/// A share that moved by less is not told again.
const STEP: f64 = 0.01;

/// The clocks of the cluster and of this program agree within this much, or the cluster's times are not used.
const CLOCKS: SignedDuration = SignedDuration::from_secs(5);

/// Longest summary, in characters.
const SUMMARY_LIMIT: usize = 300;

/// What is said of a rollout that the controller gave up waiting for.
const STUCK: &str = "stuck: ProgressDeadlineExceeded";

/// A rollout under way.
#[derive(Debug, Clone)]
pub(super) struct Rollout {
    change: Change,
    /// What is rolled out, in words.
    what: String,
    /// How it stands, where that is worth a word.
    state: Option<String>,
    /// Conditions that were updated earlier are of another rollout.
    began: Timestamp,
    told: u32,
    told_share: f64,
}

impl Rollout {
    /// A rollout that begins, of whose moment the change tells already.
    pub(super) fn begin(change: Change, what: String, began: Timestamp) -> Self {
        Self { change, what, state: None, began, told: 0, told_share: 0.0 }
    }

    /// Whether nothing was told of it yet.
    pub(super) fn is_new(&self) -> bool {
        self.told == 0
    }

    /// Whether the controller gave up waiting for it.
    pub(super) fn is_stuck(&self) -> bool {
        self.state.as_deref() == Some(STUCK)
    }

    /// The change as it is to be told now.
    pub(super) fn tell(&mut self) -> Change {
        self.told += 1;
        self.told_share = self.change.progress.last().map_or(0.0, |(_, share)| *share);
        let mut summary = self.what.clone();
        if let Some(state) = &self.state {
            summary = format!("{summary}; {state}");
        }
        Change { summary: summary.chars().take(SUMMARY_LIMIT).collect(), ..self.change.clone() }
    }

    /// Takes in how many of the new pods are ready. True where it is worth telling.
    pub(super) fn reaches(&mut self, share: f64, seen: Timestamp) -> bool {
        let progress = &mut self.change.progress;
        let last = progress.last().copied();
        if last.map_or(share == 0.0, |(_, before)| before == share) {
            return false;
        }
        match progress.last_mut().filter(|(at, _)| *at >= seen) {
            // Two sources of the same number may be read in the other order.
            Some(point) => point.1 = share,
            None => progress.push((seen, share)),
        }
        if progress.len() > POINTS {
            let mut even = false;
            progress.retain(|_| {
                even = !even;
                even
            });
        }
        self.told < TELLINGS && (share - self.told_share).abs() >= STEP
    }

    /// Takes in how the controller sees it. True where that is worth telling.
    pub(super) fn stands(&mut self, workload: &Workload) -> bool {
        let state = match (&workload.held, &workload.standing) {
            (Some(why), _) => Some(why.clone()),
            (None, Standing::Stuck(at)) if at.is_none_or(|at| at >= self.began) => Some(STUCK.to_owned()),
            _ => None,
        };
        let revision = workload.revision.clone().or(self.change.revision.take());
        let changed = self.state != state;
        self.change.revision = revision;
        self.state = state;
        changed
    }

    /// It ends: every new pod is available, or something else came, which is told as its state.
    pub(super) fn end(&mut self, until: Timestamp, state: Option<&str>) -> Change {
        self.state = state.map(str::to_owned);
        if state.is_none() {
            self.reaches(1.0, until);
        }
        self.change.until = Some(self.change.lo().map_or(until, |from| until.max(from)));
        self.tell()
    }
}

/// A change to a workload as it begins, at its moment.
pub(super) fn change(kind: ChangeKind, operation: Operation, object: &str, id: String) -> Change {
    Change { id, kind, object: object.to_owned(), operation: Some(operation), ..Change::default() }
}

/// Says when a change happened and who did it: as it was written by the cluster's clock, if the clocks agree and it can
/// be so, else when it was seen, or that it was between two looks. Older clusters do not renew the time of an entry whose
/// manager writes the same field again: then the newest entry is of another write, and nobody is named.
/// Answers the moment since which conditions of the cluster belong to what was written.
pub(super) fn place(change: &mut Change, written: &Written, at: Moment) -> Timestamp {
    let earliest = if at.live { Some(at.seen) } else { at.since };
    let by_cluster = written.at.filter(|written| {
        earliest.is_some_and(|earliest| *written >= earlier(earliest, CLOCKS)) && *written <= later(at.seen, CLOCKS)
    });
    match (by_cluster, at.live) {
        (Some(written), true) => change.time = Some(written.min(at.seen)),
        (None, true) => change.time = Some(at.seen),
        // The cluster writes whole seconds.
        (Some(written), false) => {
            change.time_lo = Some(written.min(at.seen));
            change.time_hi = Some(later(written, SignedDuration::from_secs(1)).min(at.seen));
        }
        (None, false) => {
            change.time_lo = at.since;
            change.time_hi = Some(at.seen);
        }
    }
    change.actor = written.by.clone().filter(|_| by_cluster.is_some());
    by_cluster.unwrap_or_else(|| earlier(earliest.unwrap_or(Timestamp::MIN), CLOCKS))
}

/// Earlier by so much, or the earliest moment there is.
pub(super) fn earlier(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Later by so much, or the latest moment there is.
pub(super) fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
