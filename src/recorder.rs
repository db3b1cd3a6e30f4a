//! The one task that writes: takes records from the one channel, in groups, and keeps them while the store cannot.

pub(crate) mod health;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use storage::error::Error;
use storage::record::{Gap, Record};
use storage::sqlite::retention::Retention;
use storage::sqlite::writer::{Counts, Writer};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{error, info, warn};

use crate::failing::Failing;
use crate::overlap::Overlap;
use crate::recorder::health::{Health, Trouble};
use crate::tally::Tally;
use crate::upkeep::Upkeep;

/// Records that may wait in the channel; beyond that, runs wait with handing theirs over.
const CHANNEL: usize = 16_384;

/// A group is written when it holds this many records ..
const GROUP: usize = 256;

/// .. or when its first record is this old.
const AGE: Duration = Duration::from_millis(200);

/// Records that are kept in memory while the store cannot be written; beyond that the newest are dropped, and told.
pub(crate) const KEPT: usize = 100_000;

/// Pauses between attempts at a store that cannot be written.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Tries at the end, when the daemon stops and the store still cannot be written.
const LAST_TRIES: u32 = 5;

/// The running recorder.
pub(crate) struct Recorder {
    task: JoinHandle<Written>,
    health: Arc<Health>,
}

/// What became of the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Records in the store.
    pub(crate) kept: u64,
    /// Records that never reached it.
    pub(crate) lost: u64,
}

impl Recorder {
    /// Starts to write what the returned sender is given, to tell which probes fail, and to drop what `retention` does not
    /// keep; it ends when the last sender is gone. While the store cannot be written it keeps so many records.
    pub(crate) fn start(
        writer: Writer,
        retention: Retention,
        overlap: Overlap,
        kept: usize,
        tally: Arc<Tally>,
    ) -> (mpsc::Sender<Record>, Self) {
        let (sender, receiver) = mpsc::channel(CHANNEL);
        let desk = Desk::new(writer, retention, overlap, kept, tally);
        let health = Arc::clone(&desk.health);
        (sender, Self { task: tokio::spawn(desk.work(receiver)), health })
    }

    /// Says how it goes, now and later.
    pub(crate) fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Waits until everything is written, or has been tried often enough.
    ///
    /// # Errors
    /// When the recorder broke, and nobody can say what became of the records.
    pub(crate) async fn finish(self) -> anyhow::Result<Written> {
        self.task.await.context("the recorder broke")
    }
}

/// The recorder's state: the writer, and what is not in the store yet.
struct Desk {
    writer: Option<Writer>,
    upkeep: Upkeep,
    overlap: Arc<Mutex<Overlap>>,
    failing: Failing,
    waiting: Vec<Record>,
    /// How many of those that wait are counted.
    counted: usize,
    tally: Arc<Tally>,
    /// How many may wait.
    most: usize,
    dropped: Option<Dropped>,
    health: Arc<Health>,
    pause: Option<Duration>,
    again: Instant,
}

/// Records that had to be dropped, until a gap can say so, and the stretch of their moments.
struct Dropped {
    count: u64,
    from: Timestamp,
    until: Timestamp,
}

impl Desk {
    fn new(writer: Writer, retention: Retention, overlap: Overlap, most: usize, tally: Arc<Tally>) -> Self {
        Self {
            writer: Some(writer),
            upkeep: Upkeep::new(retention, Instant::now()),
            overlap: Arc::new(Mutex::new(overlap)),
            failing: Failing::default(),
            waiting: Vec::new(),
            counted: 0,
            tally,
            most,
            dropped: None,
            health: Arc::default(),
            pause: None,
            again: Instant::now(),
        }
    }

    async fn work(mut self, mut records: mpsc::Receiver<Record>) -> Written {
        let mut open = true;
        while open {
            if self.writer.is_none() {
                self.count_lost(&mut records).await;
                break;
            }
            open = self.gather(&mut records).await;
            self.count();
            if Instant::now() >= self.again {
                self.write().await;
            }
            if open {
                self.keep_house().await;
            }
        }
        if self.pause.is_some() {
            // Whoever waits for the end waits for seconds, not for minutes.
            self.pause = Some(PAUSES.0);
            self.again = Instant::now();
        }
        let mut tries = 0;
        while !self.waiting.is_empty() && tries < LAST_TRIES {
            sleep_until(self.again).await;
            self.write().await;
            tries += 1;
        }
        self.close().await
    }

    /// Takes records in until a group is full, its first record is old enough, or a failed write may be tried again;
    /// while there are none, until the store needs a piece of upkeep. False once there will be no more.
    async fn gather(&mut self, records: &mut mpsc::Receiver<Record>) -> bool {
        let failed = self.pause.is_some();
        if self.waiting.is_empty() {
            match timeout_at(self.upkeep.next(Instant::now()), records.recv()).await {
                Ok(Some(record)) => self.take(record),
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
        let until = if failed { self.again } else { Instant::now() + AGE };
        while failed || self.waiting.len() < GROUP {
            match timeout_at(until, records.recv()).await {
                Ok(Some(record)) => self.take(record),
                Ok(None) => return false,
                Err(_) => break,
            }
        }
        true
    }

    /// Counts what came in, all of it under one lock.
    fn count(&mut self) {
        if let Some(fresh) = self.waiting.get(self.counted..).filter(|fresh| !fresh.is_empty()) {
            self.tally.count(fresh);
        }
        self.counted = self.waiting.len();
    }

    fn take(&mut self, record: Record) {
        if matches!(record, Record::Result(_)) {
            self.health.result(Timestamp::now());
        }
        if self.failing.look(&record) {
            let failing = self.failing.count();
            self.health.note(|state| state.failing = failing);
        }
        if self.waiting.len() >= self.most {
            self.tally.count(std::slice::from_ref(&record));
            // The newest is let go: what is kept stays without holes, and the gap has one place.
            let (from, until) = stretch(&record);
            let dropped = self.dropped.get_or_insert_with(|| {
                error!("{} records wait for the store, further ones are dropped", self.most);
                Dropped { count: 0, from, until }
            });
            dropped.count += 1;
            dropped.from = dropped.from.min(from);
            dropped.until = dropped.until.max(until);
            self.health.note(|state| {
                state.written.lost += 1;
                state.dropped += 1;
            });
            return;
        }
        self.waiting.push(record);
        self.health.note(|state| state.waiting = self.waiting.len());
    }

    async fn write(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.waiting);
        let count = batch.len();
        let overlap = Arc::clone(&self.overlap);
        let begun = Instant::now();
        let worked = self.at_the_store(move |writer| {
            let mut overlap = overlap.lock().unwrap_or_else(PoisonError::into_inner);
            let appended = overlap.part(&mut batch).and_then(|()| append(writer, &batch));
            if appended.is_ok() {
                overlap.learn(&batch);
            }
            (batch, appended)
        });
        match worked.await {
            Some((_, Ok(refused))) => {
                self.tally.committed(begun.elapsed());
                self.wrote(count, refused);
            }
            Some((batch, Err(failure))) => self.failed(batch, &failure),
            None => self.health.note(|state| {
                state.written.lost += count as u64;
                state.waiting = 0;
            }),
        }
    }

    /// Does a piece of what the store needs, unless it cannot be written.
    async fn keep_house(&mut self) {
        if self.pause.is_some() {
            return;
        }
        let Some(piece) = self.upkeep.take(Instant::now()) else { return };
        if let Some(done) = self.at_the_store(move |writer| piece.work(writer)).await {
            self.upkeep.done(done, Instant::now());
        }
    }

    /// Works on the store where a wait for the disk holds nobody up. None when the work panicked, and ever after.
    async fn at_the_store<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Writer) -> T + Send + 'static,
    ) -> Option<T> {
        let mut writer = self.writer.take()?;
        let worked = tokio::task::spawn_blocking(move || {
            let done = work(&mut writer);
            (writer, done)
        });
        let Ok((writer, done)) = worked.await else {
            error!("the store broke inside authprobe, nothing more is recorded");
            self.health.note(|state| state.trouble = Some(Trouble::Broken));
            return None;
        };
        self.writer = Some(writer);
        Some(done)
    }

    /// Counts what still comes when nobody writes any more, so that whoever sends it need not wait.
    async fn count_lost(&mut self, records: &mut mpsc::Receiver<Record>) {
        while records.recv().await.is_some() {
            self.health.note(|state| state.written.lost += 1);
        }
    }

    fn wrote(&mut self, count: usize, refused: u64) {
        if self.pause.take().is_some() {
            info!("the store can be written again, nothing that was kept is lost");
        }
        self.counted = 0;
        if let Some(Dropped { count, from, until }) = self.dropped.take() {
            let why = format!("{count} records dropped, the store could not be written");
            self.waiting.push(Record::Gap(Gap { feed: "prober".into(), from, until, why }));
        }
        self.health.note(|state| {
            state.written.kept += count as u64 - refused;
            state.written.lost += refused;
            state.waiting = self.waiting.len();
            state.trouble = None;
        });
    }

    fn failed(&mut self, batch: Vec<Record>, failure: &Error) {
        self.waiting = batch;
        self.health.note(|state| {
            let since = match state.trouble {
                Some(Trouble::Failing { since, .. }) => since,
                Some(Trouble::Broken) | None => Timestamp::now(),
            };
            state.trouble = Some(Trouble::Failing { since, why: failure.to_string() });
        });
        let (first, longest) = PAUSES;
        if self.pause.is_none() {
            error!("the store cannot be written, {} records are kept and tried again: {failure}", self.waiting.len());
        }
        let pause = self.pause.map_or(first, |last| (last * 2).min(longest));
        self.pause = Some(pause);
        self.again = Instant::now() + pause;
    }

    async fn close(mut self) -> Written {
        self.health.note(|state| state.written.lost += std::mem::take(&mut state.waiting) as u64);
        if let Some(writer) = self.writer.take() {
            match tokio::task::spawn_blocking(move || writer.close()).await {
                Ok(Ok(())) => (),
                Ok(Err(failure)) => warn!("the store was not closed cleanly: {failure}"),
                Err(broken) => error!("the store broke while closing: {broken}"),
            }
        }
        self.health.now().written
    }
}

/// Appends a batch. A record that the store refuses for what it is must not block the others: it is told and left out.
/// Gives the number of records that were left out.
fn append(writer: &mut Writer, batch: &[Record]) -> Result<u64, Error> {
    match writer.append(batch) {
        Ok(Counts { .. }) => Ok(0),
        Err(Error::Refused { .. }) => {
            let mut refused = 0;
            for record in batch {
                match writer.append(std::slice::from_ref(record)) {
                    Ok(Counts { .. }) => (),
                    Err(error @ Error::Refused { .. }) => {
                        error!("a record is not kept: {error}");
                        refused += 1;
                    }
                    Err(other) => return Err(other),
                }
            }
            Ok(refused)
        }
        Err(other) => Err(other),
    }
}

/// From the moment that a record tells of to the first one after it.
fn stretch(record: &Record) -> (Timestamp, Timestamp) {
    const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);
    let (from, last) = match record {
        Record::Result(result) => (Some(result.time), Some(result.time)),
        Record::Change(change) => (change.lo(), change.hi()),
        Record::Gap(gap) => (Some(gap.from), Some(gap.until)),
        Record::Verdict(verdict) => (Some(verdict.time), Some(verdict.time)),
    };
    // Only a change that the store would refuse has no moment.
    let from = from.unwrap_or_else(Timestamp::now);
    (from, last.unwrap_or(from).checked_add(MILLISECOND).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests;
