//! What became of the messages, for whoever looks at it from outside.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use storage::outbox::Counted;

/// The receivers' counts and trouble.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<BTreeMap<String, State>>);

/// One receiver at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// What became of its messages since the outbox was made. Of a heartbeat: beats that were heard, and that were not.
    pub(crate) counted: Counted,
    /// When it last acknowledged something.
    pub(crate) heard_at: Option<Timestamp>,
    /// Why it took nothing the last time; none while it does.
    pub(crate) trouble: Option<String>,
}

impl Health {
    /// All receivers by name, as they are now.
    pub(crate) fn now(&self) -> BTreeMap<String, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what has become otherwise with a receiver. Says whether its trouble began or ended.
    pub(super) fn note(&self, receiver: &str, change: impl FnOnce(&mut State)) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = all.entry(receiver.to_owned()).or_default();
        let troubled = state.trouble.is_some();
        change(state);
        state.trouble.is_some() != troubled
    }
}
