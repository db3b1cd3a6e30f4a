//! Which sources of changes see nothing now.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// The feeds that are blind, each with what it looks at and since when.
#[derive(Debug, Default)]
pub(crate) struct Blind(Mutex<BTreeMap<(&'static str, String), Timestamp>>);

impl Blind {
    /// A feed sees nothing.
    pub(crate) fn begins(&self, source: &'static str, what: &str, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((source, what.to_owned())).or_insert(now);
    }

    /// A feed sees again, or ends.
    pub(crate) fn ends(&self, source: &'static str, what: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(source, what.to_owned()));
    }

    /// Source, what it looks at, and since when it sees nothing.
    pub(crate) fn now(&self) -> Vec<(&'static str, String, Timestamp)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|((source, what), since)| (*source, what.clone(), *since)).collect()
    }
}
