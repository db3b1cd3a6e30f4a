//! What became of each scheduled report, for whoever looks at it from outside.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// The reports by name, each with its counts.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<BTreeMap<String, Counted>>);

/// What became of one report since the start of the daemon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Reports that reached their destination.
    pub(crate) written: u64,
    /// Of these, those that were planned while nothing ran.
    pub(crate) caught_up: u64,
    /// Attempts that failed.
    pub(crate) failed: u64,
    /// Planned reports that were never written, since a later one of the same name took their place.
    pub(crate) skipped: u64,
    /// When one reached its destination last, before this start too.
    pub(crate) written_at: Option<Timestamp>,
}

impl Counts {
    /// Nothing yet of each of these reports.
    pub(crate) fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self(Mutex::new(names.into_iter().map(|name| (name.to_owned(), Counted::default())).collect()))
    }

    /// All reports, as they are now.
    pub(crate) fn now(&self) -> BTreeMap<String, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what has become of a report.
    pub(super) fn note(&self, report: &str, change: impl FnOnce(&mut Counted)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(report.to_owned()).or_default());
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.now();
        let sum = |count: fn(&Counted) -> u64| all.values().map(count).sum::<u64>();
        let (written, skipped, failed) = (sum(|one| one.written), sum(|one| one.skipped), sum(|one| one.failed));
        write!(f, "{written} written, {skipped} skipped, {failed} attempts failed")
    }
}
