//! What the recorder says of itself while it works: how many records are where, and whether the store takes more.

use jiff::Timestamp;
use tokio::sync::watch;

use crate::recorder::Written;

/// The recorder's counts and trouble, for whoever looks at them from outside.
#[derive(Debug, Default)]
pub(crate) struct Health(watch::Sender<State>);

/// The recorder at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// What became of the records.
    pub(crate) written: Written,
    /// Of those lost, how many had no room in memory while the store could not be written.
    pub(crate) dropped: u64,
    /// Records in memory that are not in the store yet.
    pub(crate) waiting: usize,
    /// Series that fail beyond doubt.
    pub(crate) failing: usize,
    /// Why the store takes nothing; none while it does.
    pub(crate) trouble: Option<Trouble>,
}

/// Why the store takes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Writes fail, and are tried again.
    Failing {
        /// When the first of them failed.
        since: Timestamp,
        /// What the last one said.
        why: String,
    },
    /// Nothing is written any more until authprobe is started again.
    Broken,
}

impl Health {
    /// The recorder as it is now.
    pub(crate) fn now(&self) -> State {
        self.0.borrow().clone()
    }

    /// Tells whenever the number of failing series becomes another.
    pub(crate) fn turns(&self) -> watch::Receiver<State> {
        self.0.subscribe()
    }

    /// Notes what has become otherwise.
    pub(super) fn note(&self, change: impl FnOnce(&mut State)) {
        self.0.send_if_modified(|state| {
            let failing = state.failing;
            change(state);
            state.failing != failing
        });
    }
}
