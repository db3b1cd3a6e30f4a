//! What the recorder says of itself while it works: how many records are where, and whether the store takes more.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::recorder::Written;

/// The recorder's counts and trouble, for whoever looks at them from outside.
#[derive(Debug, Default)]
pub(crate) struct Health {
    state: watch::Sender<State>,
    /// When the newest result came, in milliseconds since 1970; 0 before the first.
    result_ms: AtomicI64,
}

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
        self.state.borrow().clone()
    }

    /// Tells whenever the number of failing series becomes another.
    pub(crate) fn turns(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// When the newest result came, if any did.
    pub(crate) fn result_at(&self) -> Option<Timestamp> {
        let result_ms = self.result_ms.load(Ordering::Relaxed);
        Timestamp::from_millisecond(result_ms).ok().filter(|_| result_ms != 0)
    }

    /// Notes that a result came.
    pub(crate) fn result(&self, now: Timestamp) {
        self.result_ms.store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// Notes what has become otherwise.
    pub(crate) fn note(&self, change: impl FnOnce(&mut State)) {
        self.state.send_if_modified(|state| {
            let failing = state.failing;
            change(state);
            state.failing != failing
        });
    }
}
