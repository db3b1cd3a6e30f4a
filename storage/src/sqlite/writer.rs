//! Writes to the store: whole batches, each once, durable when `append` returns.

use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};
use xxhash_rust::xxh3::xxh3_128;

use super::append::{self, Fate};
use super::memory::Memory;
use super::open;
use super::retention::{self, Retained, Retention};
use super::upkeep::{self, Step};
use crate::check;
use crate::error::{Error, Trouble};
use crate::interchange::json;
use crate::record::{Change, Record};

/// How long a writer waits for another one to finish.
pub const WAIT: Duration = Duration::from_secs(5);

/// Pages in the log that make a checkpoint due: 4 MiB.
const DUE_PAGES: u64 = 1000;

/// Pages in the log beyond which a writer works it in by itself: 64 MiB. A thread beside one that never pauses finds the
/// log never worked in whole, so it would never begin anew.
const LONG_PAGES: u64 = 16_384;

/// Time from one look of a writer at the length of the log to the next.
const LOOK: Duration = Duration::from_secs(1);

/// Time since the last checkpoint that makes one due for any page.
const DUE_AFTER: Duration = Duration::from_secs(10);

/// Time after which the retention's clock may follow the machine's again.
const FOLLOW_AFTER: Duration = Duration::from_secs(3600);

/// Writes to one store. Several may share a store, in one process or many: a transaction lasts no longer than one
/// batch, and waits for the others.
pub struct Writer {
    connection: Connection,
    path: PathBuf,
    memory: Option<Memory>,
    checkpointed: Instant,
    looked: Instant,
    followed: Option<Instant>,
}

/// What compaction did to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
}

/// What became of the records of one or more batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Were not there before.
    pub new: u64,
    /// Were there with other content; the last one wins.
    pub replaced: u64,
    /// Were there already, just so.
    pub duplicate: u64,
    /// Results of days whose results are no longer kept, and were not written.
    pub expired: u64,
}

impl Counts {
    pub(super) fn add(&mut self, fate: Fate) {
        match fate {
            Fate::New => self.new += 1,
            Fate::Replaced => self.replaced += 1,
            Fate::Duplicate => self.duplicate += 1,
            Fate::Expired => self.expired += 1,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.replaced += other.replaced;
        self.duplicate += other.duplicate;
        self.expired += other.expired;
    }
}

/// How far the log is worked into the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Pages in the log.
    pub pages: u64,
    /// Pages of it that are in the file as well. A reader that stays on an old state keeps it below `pages`.
    pub done: u64,
}

impl Writer {
    /// Opens the store at `path`, and creates it there, readable by its owner only, when there is none.
    ///
    /// # Errors
    ///
    /// When `path` is not a place for a store, or holds something else, or a newer or damaged store.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_waiting(path, WAIT)
    }

    /// As [`Writer::open`], but waits for other writers as long as `wait` says, now and in every call.
    ///
    /// # Errors
    ///
    /// As [`Writer::open`].
    pub fn open_waiting(path: &Path, wait: Duration) -> Result<Self, Error> {
        let connection = open::open_for_writing(path, wait)?;
        let now = Instant::now();
        Ok(Self { connection, path: path.to_owned(), memory: None, checkpointed: now, looked: now, followed: None })
    }

    /// Writes all of `records` or, on an error, none. They are on the disk when it returns; appending them again
    /// changes nothing. Of two with the same identity the last one wins.
    ///
    /// # Errors
    ///
    /// [`Error::is_transient`] tells whether to keep the batch and try again.
    pub fn append(&mut self, records: &[Record]) -> Result<Counts, Error> {
        for (position, record) in records.iter().enumerate() {
            check::check(record).map_err(|refusal| Error::Refused { position, refusal })?;
        }
        let Self { connection, path, memory, .. } = self;
        append::append(connection, memory, records).map_err(|trouble| {
            *memory = None;
            Error::of(path, trouble)
        })
    }

    /// Does one piece of what keeps the store small and quick, in one short transaction: seals results into blocks,
    /// works late ones in, merges the blocks of a day. False when nothing was due. To be called after batches, until
    /// it says so or the next batch is there. A log that has become long is worked into the file on the way.
    ///
    /// # Errors
    ///
    /// As [`Writer::append`]; nothing is lost, and the piece is done when it is called again.
    pub fn maintain(&mut self) -> Result<bool, Error> {
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            if self.log("NOOP")?.pages >= LONG_PAGES {
                self.checkpoint()?;
            }
        }
        if self.memory.is_some() && self.due().is_none() {
            return Ok(false);
        }
        self.keep_up(upkeep::piece)
    }

    /// What [`Writer::maintain`] would do next, as far as this writer knows without looking.
    #[must_use]
    pub fn due(&self) -> Option<Step> {
        self.memory.as_ref().and_then(upkeep::due)
    }

    /// Does one piece of what `retention` asks for at `now`, in one short transaction. Its clock follows `now`, but each
    /// writer lets it go on by no more than a day an hour, so that a wrong clock of the machine is noticed before it has
    /// dropped much.
    ///
    /// # Errors
    ///
    /// As [`Writer::append`].
    pub fn retain(&mut self, retention: &Retention, now: Timestamp) -> Result<Retained, Error> {
        if self.followed.is_none_or(|followed| followed.elapsed() >= FOLLOW_AFTER) {
            self.keep_up(|connection, memory| Ok(retention::follow(connection, memory, now.as_millisecond())?))?;
            self.followed = Some(Instant::now());
        }
        self.keep_up(|connection, memory| retention::piece(connection, memory, retention))
    }

    /// Seals and merges all that is there, works the log into the file, and gives free space back. `progress` is told
    /// of every piece. Others can read meanwhile; who writes has to wait while the file is written anew at the end.
    ///
    /// # Errors
    ///
    /// As [`Writer::append`]; on a full disk the file stays as large as it is.
    pub fn compact(&mut self, mut progress: impl FnMut(Step)) -> Result<Compacted, Error> {
        let before = self.size()?;
        let mut frozen = false;
        while let Some(step) = self.keep_up(|connection, memory| upkeep::everything(connection, memory, &mut frozen))? {
            progress(step);
        }
        progress(Step::Vacuuming);
        self.connection.execute_batch("VACUUM").map_err(|error| Error::of(&self.path, error))?;
        self.log("TRUNCATE")?;
        Ok(Compacted { before, after: self.size()? })
    }

    /// Bytes of the file, as far as the log is worked in.
    fn size(&self) -> Result<u64, Error> {
        self.connection
            .query_row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", params![], |row| {
                row.get(0)
            })
            .map_err(|error| Error::of(&self.path, error))
    }

    /// Works on the store in one transaction, with what is known of it.
    fn keep_up<T>(&mut self, work: impl FnOnce(&Connection, &mut Memory) -> Result<T, Trouble>) -> Result<T, Error> {
        let Self { connection, path, memory, .. } = self;
        let worked = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Trouble::from)
            .and_then(|transaction| {
                let done = work(&transaction, Memory::refresh(memory, &transaction)?)?;
                transaction.commit()?;
                Ok(done)
            });
        worked.map_err(|trouble| {
            *memory = None;
            Error::of(path, trouble)
        })
    }

    /// Works the log into the file as far as readers allow, without waiting for anybody.
    ///
    /// # Errors
    ///
    /// When the disk fails or is full; nothing is lost, the log keeps it.
    pub fn checkpoint(&mut self) -> Result<Checkpoint, Error> {
        self.checkpointed = Instant::now();
        self.log("PASSIVE")
    }

    /// Runs a checkpoint when 1000 pages of the log are not in the file, or some are not and the last one was ten seconds
    /// ago. To be called between batches and when there are none, where a wait for the disk does no harm.
    ///
    /// # Errors
    ///
    /// As [`Writer::checkpoint`].
    pub fn checkpoint_if_due(&mut self) -> Result<Option<Checkpoint>, Error> {
        let Checkpoint { pages, done } = self.log("NOOP")?;
        let waiting = pages.saturating_sub(done);
        if waiting >= DUE_PAGES || (waiting > 0 && self.checkpointed.elapsed() >= DUE_AFTER) {
            return self.checkpoint().map(Some);
        }
        Ok(None)
    }

    /// Works the log into the file and, unless somebody still reads or writes, empties it. Waits for nobody.
    ///
    /// # Errors
    ///
    /// As [`Writer::checkpoint`].
    pub fn close(self) -> Result<(), Error> {
        self.connection.busy_timeout(Duration::ZERO).map_err(|error| Error::of(&self.path, error))?;
        self.log("TRUNCATE").map(|_| ())
    }

    fn log(&self, mode: &str) -> Result<Checkpoint, Error> {
        self.connection
            .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))
            .and_then(|mut pragma| pragma.query_row(params![], |row| Ok((row.get(1)?, row.get(2)?))))
            .map(|(pages, done): (i64, i64)| Checkpoint {
                pages: u64::try_from(pages).unwrap_or(0),
                done: u64::try_from(done).unwrap_or(0),
            })
            .map_err(|error| Error::of(&self.path, error))
    }
}

/// The id of a change that came without one: a hash of its content. When it became known is not part of it, so a
/// pipeline that posts the same change again adds none.
#[must_use]
pub fn derived_id(change: &Change) -> String {
    let content = Change { id: String::new(), known_at: None, ..change.clone() };
    format!("c-{:032x}", xxh3_128(json(&content).as_bytes()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::record::{Expect, Outcome, ProbeKind, ProbeResult, Variant};
    use crate::sqlite::reader::Reader;

    /// Results a second apart, each with a detail of its own.
    fn results(from: i64, count: i64) -> Vec<Record> {
        let result = |second| ProbeResult {
            time: Timestamp::from_second(second).unwrap(),
            target: "orchestrator".into(),
            probe: "login".into(),
            kind: ProbeKind::Login,
            expect: Expect::Allow,
            variant: Variant::Valid,
            agent: "local".into(),
            outcome: Outcome::Failure,
            reason: None,
            status: None,
            took_us: 0,
            phases_us: None,
            every_s: None,
            detail: Some(format!("{second}").repeat(100)),
        };
        (from..from + count).map(|second| Record::Result(result(second))).collect()
    }

    #[test]
    fn a_full_disk_keeps_what_was_acknowledged_and_takes_the_batch_when_there_is_room() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let mut writer = Writer::open(&path).unwrap();
        writer.append(&results(0, 10)).unwrap();
        let pages: i64 = writer.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        writer.connection.pragma_update(None, "max_page_count", pages + 2).unwrap();

        let error = writer.append(&results(10, 100)).unwrap_err();
        assert!(matches!(error, Error::Full { .. }) && error.is_transient(), "{error}");
        assert!(error.to_string().contains("no space is left"), "{error}");
        assert_eq!(Reader::open(&path).unwrap().counts().unwrap().results, 10);

        writer.connection.pragma_update(None, "max_page_count", 1 << 20).unwrap();
        assert_eq!(writer.append(&results(10, 100)).unwrap(), Counts { new: 100, ..Counts::default() });
        assert_eq!(Reader::open(&path).unwrap().counts().unwrap().results, 110);
    }

    #[test]
    fn a_log_that_has_become_long_begins_anew_though_the_writer_never_pauses() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let mut writer = Writer::open(&path).unwrap();
        let bytes = LONG_PAGES * 4096;
        writer.connection.execute("CREATE TABLE filler AS SELECT zeroblob(?1)", params![bytes]).unwrap();
        writer.append(&results(0, 1)).unwrap();
        assert!(writer.log("NOOP").unwrap().pages > LONG_PAGES);
        writer.looked -= LOOK;
        writer.maintain().unwrap();
        writer.append(&results(1, 1)).unwrap();
        assert!(writer.log("NOOP").unwrap().pages < 100);
    }

    #[test]
    fn what_a_writer_knows_stays_true_whatever_step_finds_the_disk_full() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let mut writer = Writer::open(&path).unwrap();
        let room = |writer: &Writer, more: i64| {
            let pages: i64 = writer.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
            writer.connection.pragma_update(None, "max_page_count", pages + more).unwrap();
        };
        let is_full = |done: Result<(), Error>| u64::from(matches!(done, Err(Error::Full { .. })));
        let mut failed = [0; 2];
        for turn in 0..60 {
            // Two hours and more pass, so that every turn has something to seal; some results are told again, late.
            let mut batch = results(turn * 9000, 40);
            batch.extend(results((turn - turn % 7) * 9000 - 5, 10));
            for more in (turn % 5..).step_by(7) {
                room(&writer, more);
                let appended = writer.append(&batch).map(|_| ());
                let done = appended.is_ok();
                failed[0] += is_full(appended);
                room(&writer, turn % 2);
                failed[1] += is_full(writer.maintain().map(|_| ()));
                assert_eq!(Reader::open(&path).unwrap().verify(|_, _| ()).unwrap().findings, vec![]);
                if done {
                    break;
                }
            }
            let again = writer.append(&batch).unwrap();
            assert_eq!((again.new, again.replaced), (0, 0), "turn {turn}");
        }
        assert!(failed.iter().all(|failed| *failed > 5), "{failed:?}");
    }
}
