//! Hands new results to whoever follows. The store is looked at only while somebody does, once for all of them.

use std::collections::HashSet;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use storage::error::Error;
use storage::record::ProbeResult;
use storage::sqlite::reader::Reader;
use storage::window::Window;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::sleep;

/// Who can follow at once.
const FOLLOWERS: usize = 16;
/// Results that a slow follower may be behind.
const BEHIND: usize = 1024;
/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// A result is stored at its end and named by its start: so old ones can still come.
const LATE: SignedDuration = SignedDuration::from_secs(30);
/// Most results of one look.
const MOST: usize = 20_000;

/// Hands out new results.
pub(crate) struct Tail {
    results: broadcast::Sender<Arc<ProbeResult>>,
    places: Arc<Semaphore>,
    wanted: Arc<Notify>,
}

/// Somebody who follows.
pub(super) struct Follower {
    results: broadcast::Receiver<Arc<ProbeResult>>,
    _place: OwnedSemaphorePermit,
}

impl Tail {
    /// Results of a store, and what looks for them until it is dropped.
    pub(crate) fn new(store: &Path) -> (Self, impl Future<Output = Infallible> + use<>) {
        let (results, _) = broadcast::channel(BEHIND);
        let wanted = Arc::new(Notify::new());
        let looking = look(store.to_owned(), results.clone(), Arc::clone(&wanted));
        (Self { results, places: Arc::new(Semaphore::new(FOLLOWERS)), wanted }, looking)
    }

    /// What comes from now on; none where too many follow.
    pub(super) fn follow(&self) -> Option<Follower> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let results = self.results.subscribe();
        self.wanted.notify_one();
        Some(Follower { results, _place: place })
    }
}

impl Follower {
    /// The next result, or how many were left out.
    pub(super) async fn next(&mut self) -> Result<Arc<ProbeResult>, RecvError> {
        self.results.recv().await
    }
}

async fn look(store: PathBuf, results: broadcast::Sender<Arc<ProbeResult>>, wanted: Arc<Notify>) -> Infallible {
    loop {
        wanted.notified().await;
        let mut seen = HashSet::new();
        // What is there when somebody begins to follow is not new.
        let mut quiet = true;
        while results.receiver_count() > 0 {
            let (path, known) = (store.clone(), std::mem::take(&mut seen));
            let looked = tokio::task::spawn_blocking(move || new(&path, &known, Timestamp::now()));
            if let Ok(Ok((found, now_seen))) = looked.await {
                seen = now_seen;
                for result in found.into_iter().filter(|_| !quiet) {
                    // It fails only where nobody follows any more.
                    let _ = results.send(Arc::new(result));
                }
                quiet = false;
            }
            sleep(EVERY).await;
        }
    }
}

/// What tells results of the last moments apart.
type Seen = HashSet<(Timestamp, String, String, String)>;

/// The results of the last moments that are not known, and all of those.
fn new(store: &Path, known: &Seen, now: Timestamp) -> Result<(Vec<ProbeResult>, Seen), Error> {
    let from = now.checked_sub(LATE).unwrap_or(Timestamp::MIN);
    let (mut found, mut seen) = (Vec::new(), Seen::new());
    Reader::open(store)?.results_by_time(Some(Window { from, until: Timestamp::MAX }), |result| {
        let key = (result.time, result.target.clone(), result.probe.clone(), result.agent.clone());
        if !known.contains(&key) {
            found.push(result);
        }
        seen.insert(key);
        if seen.len() < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok((found, seen))
}
