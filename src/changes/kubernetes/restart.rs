//! How many restarts of one workload are told singly; what comes beyond that is counted.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use storage::record::{Change, ChangeKind, Operation};

/// Restarts of one workload that are told singly within [`WINDOW`].
const SINGLE: u32 = 20;

/// The stretch in which restarts are counted.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Workloads that are counted at once; those whose stretch ended are forgotten first.
const WORKLOADS: usize = 4096;

/// Counts restarts.
#[derive(Default)]
pub(super) struct Restarts {
    counts: BTreeMap<String, Count>,
}

struct Count {
    from: Timestamp,
    singly: u32,
    /// What was not told singly.
    rest: Option<Rest>,
}

struct Rest {
    first: Timestamp,
    last: Timestamp,
    count: u32,
    /// How many there were when it was told.
    told: u32,
}

impl Restarts {
    /// A restart of a workload, seen at some moment: itself as long as there are few, else their number. The number is
    /// told when it doubles, and when the next stretch begins.
    pub(super) fn tell(&mut self, restart: Change, seen: Timestamp) -> Vec<Change> {
        let workload = restart.workload.clone().unwrap_or_else(|| restart.object.clone());
        let mut told = Vec::new();
        if self.counts.get(&workload).is_some_and(|count| seen.duration_since(count.from) >= WINDOW) {
            told.extend(self.counts.remove(&workload).and_then(|count| count.last_word(&workload)));
        }
        if self.counts.len() >= WORKLOADS {
            self.counts.retain(|_, count| seen.duration_since(count.from) < WINDOW);
        }
        if self.counts.len() >= WORKLOADS && !self.counts.contains_key(&workload) {
            self.counts.pop_first();
        }
        let new = || Count { from: seen, singly: 0, rest: None };
        let count = self.counts.entry(workload.clone()).or_insert_with(new);
        if count.singly < SINGLE {
            count.singly += 1;
            told.push(restart);
            return told;
        }
        let rest = count.rest.get_or_insert(Rest { first: seen, last: seen, count: 0, told: 0 });
        rest.last = seen.max(rest.last);
        rest.count = rest.count.saturating_add(1);
        if rest.count.is_power_of_two() {
            told.push(rest.tell(&workload, count.from));
        }
        told
    }
}

impl Count {
    /// The exact number, where it is another than was told.
    fn last_word(mut self, workload: &str) -> Option<Change> {
        let from = self.from;
        self.rest.as_mut().filter(|rest| rest.count != rest.told).map(|rest| rest.tell(workload, from))
    }
}

impl Rest {
    fn tell(&mut self, workload: &str, from: Timestamp) -> Change {
        self.told = self.count;
        Change {
            id: format!("restarts-{workload}-{}", from.as_millisecond()),
            time: Some(self.first),
            until: Some(self.last),
            kind: ChangeKind::Restart,
            object: workload.to_owned(),
            workload: Some(workload.to_owned()),
            operation: Some(Operation::Updated),
            summary: format!("restarted {} more times within the hour", self.count),
            ..Change::default()
        }
    }
}
