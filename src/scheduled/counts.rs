//! How many scheduled reports came to what.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start of the daemon.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Reports that reached their destination.
    pub(super) written: AtomicU64,
    /// Attempts that failed.
    pub(super) failed: AtomicU64,
    /// Planned reports that were never written, since a later one of the same name took their place.
    pub(super) skipped: AtomicU64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [written, failed, skipped] =
            [&self.written, &self.failed, &self.skipped].map(|count| count.load(Ordering::Relaxed));
        write!(f, "{written} written, {skipped} skipped, {failed} attempts failed")
    }
}
