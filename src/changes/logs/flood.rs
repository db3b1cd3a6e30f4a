//! A log that grows faster than it is read, and how much of it was passed over.

use jiff::{SignedDuration, Timestamp};

use crate::changes::logs::tail::MOST;

/// A log of which lines were passed over counts as seen again after this long without.
const CALM: SignedDuration = SignedDuration::from_secs(10);

/// When lines were last passed over, and how many bytes since all was well.
#[derive(Debug, Default)]
pub(super) struct Flood(Option<(Timestamp, u64)>);

impl Flood {
    /// So many bytes were passed over until now, none most of the time. Gives what is to be said of it.
    pub(super) fn passed(&mut self, bytes: u64, now: Timestamp) -> Option<String> {
        if bytes > 0 {
            let before = self.0.map_or(0, |(_, bytes)| bytes);
            self.0 = Some((now, before + bytes));
        }
        self.0 = self.0.filter(|(last, _)| now.duration_since(*last) < CALM);
        let (_, bytes) = self.0?;
        Some(format!("it grows by more than {} MiB a second: {bytes} bytes were passed over", MOST >> 20))
    }
}
