//! Waiting for a condition by looking again and again, never by sleeping long enough.

use std::time::Duration;

use anyhow::{Result, bail};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

/// Longest wait for anything that a healthy program does within a second or two.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until `look` gives something; fails after [`LIMIT`] with what was waited for and the last word on it.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFnMut() -> Result<Seen<T>>) -> Result<T> {
    until_within(LIMIT, what, look).await
}

/// As [`until`], for what takes longer.
pub(crate) async fn until_within<T>(
    limit: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Seen<T>>,
) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        match look().await? {
            Seen::Done(found) => return Ok(found),
            Seen::NotYet(state) if Instant::now() >= end => bail!("waited {limit:?} for {what}: {state}"),
            Seen::NotYet(_) => sleep(LOOK_EVERY).await,
        }
    }
}

/// What a look found.
pub(crate) enum Seen<T> {
    /// What was waited for.
    Done(T),
    /// Something else, in words for the one who reads the failure.
    NotYet(String),
}

impl<T> Seen<T> {
    /// Done with a value when a condition holds.
    pub(crate) fn when(holds: bool, value: T, state: impl FnOnce() -> String) -> Self {
        if holds { Seen::Done(value) } else { Seen::NotYet(state()) }
    }
}

/// Returns once so much time has passed since a moment. For what must be that long apart, never for what may be.
pub(crate) async fn pass(long: SignedDuration, since: Timestamp) {
    while Timestamp::now().duration_since(since) < long {
        sleep(LOOK_EVERY).await;
    }
}
