//! Writes to the store: whole batches, each once, durable when `append` returns.

use std::collections::HashMap;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use xxhash_rust::xxh3::xxh3_128;

use super::names::Names;
use super::retention::{Retained, Retention};
use super::row::Cells;
use super::schema;
use crate::check;
use crate::error::Error;
use crate::interchange::json;
use crate::record::{Change, Gap, ProbeResult, Record};
use crate::window::{milliseconds_down, milliseconds_up};

/// How long a writer waits for another one to finish.
pub const WAIT: Duration = Duration::from_secs(5);

/// Pages in the log that make a checkpoint due: 4 MiB.
const DUE_PAGES: u64 = 1000;

/// Time since the last checkpoint that makes one due for any page.
const DUE_AFTER: Duration = Duration::from_secs(10);

/// Writes to one store. Several may share a store, in one process or many: a transaction lasts no longer than one
/// batch, and waits for the others.
pub struct Writer {
    connection: Connection,
    path: PathBuf,
    names: Names,
    checkpointed: Instant,
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
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.replaced += other.replaced;
        self.duplicate += other.duplicate;
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

/// What compacting did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Size of the file before, in bytes.
    pub before: u64,
    /// Size of the file after it, in bytes.
    pub after: u64,
}

/// What compacting is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Results are sealed in blocks.
    Sealing,
    /// Blocks are merged.
    Merging,
    /// The file is written anew without what holds nothing.
    Vacuuming,
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
        let connection = schema::open_for_writing(path, wait)?;
        Ok(Self { connection, path: path.to_owned(), names: Names::default(), checkpointed: Instant::now() })
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
        let Self { connection, path, names, .. } = self;
        write(connection, names, records).map_err(|error| {
            names.forget();
            Error::sqlite(path, error)
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

    /// Seals and merges everything, and gives free space back to the disk.
    ///
    /// # Errors
    ///
    /// When somebody else reads or writes for longer than the wait, or there is no space for the new file.
    pub fn compact(&mut self, mut progress: impl FnMut(Step)) -> Result<Compacted, Error> {
        let length = || std::fs::metadata(&self.path).map_or(0, |file| file.len());
        progress(Step::Vacuuming);
        self.log("TRUNCATE")?;
        let before = length();
        self.connection.execute_batch("VACUUM").map_err(|error| Error::sqlite(&self.path, error))?;
        self.log("TRUNCATE")?;
        Ok(Compacted { before, after: length() })
    }

    /// Does one bounded piece of what `retention` asks for.
    ///
    /// # Errors
    ///
    /// As [`Writer::append`].
    pub fn retain(&mut self, retention: &Retention, now: Timestamp) -> Result<Retained, Error> {
        let before = retention.results.and_then(|age| now.checked_sub(age).ok());
        let Some(before) = before.map(|before| before.as_millisecond()) else { return Ok(Retained::default()) };
        let Self { connection, path, .. } = self;
        let mut drop_old = || -> rusqlite::Result<usize> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let dropped = transaction.execute("DELETE FROM result WHERE time_ms < ?1", [before])?;
            transaction
                .execute("UPDATE series SET results = (SELECT count(*) FROM result WHERE series = id)", params![])?;
            transaction.commit()?;
            Ok(dropped)
        };
        let results = drop_old().map_err(|error| Error::sqlite(path, error))? as u64;
        Ok(Retained { results, ..Retained::default() })
    }

    /// Does one bounded piece of upkeep; false when none is due.
    ///
    /// # Errors
    ///
    /// As [`Writer::append`].
    pub fn maintain(&mut self) -> Result<bool, Error> {
        Ok(false)
    }

    /// Works the log into the file and, unless somebody still reads or writes, empties it. Waits for nobody.
    ///
    /// # Errors
    ///
    /// As [`Writer::checkpoint`].
    pub fn close(self) -> Result<(), Error> {
        self.connection.busy_timeout(Duration::ZERO).map_err(|error| Error::sqlite(&self.path, error))?;
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
            .map_err(|error| Error::sqlite(&self.path, error))
    }
}

/// The id of a change that came without one: a hash of its content. When it became known is not part of it, so a
/// pipeline that posts the same change again adds none.
#[must_use]
pub fn derived_id(change: &Change) -> String {
    let content = Change { id: String::new(), known_at: None, ..change.clone() };
    format!("c-{:032x}", xxh3_128(json(&content).as_bytes()))
}

fn write(connection: &mut Connection, names: &mut Names, records: &[Record]) -> rusqlite::Result<Counts> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut counts = Counts::default();
    let mut added: HashMap<i64, i64> = HashMap::new();
    for record in records {
        let fate = match record {
            Record::Result(result) => write_result(&transaction, names, result, &mut added)?,
            Record::Change(change) => write_change(&transaction, change)?,
            Record::Gap(gap) => write_gap(&transaction, gap)?,
        };
        match fate {
            Fate::New => counts.new += 1,
            Fate::Replaced => counts.replaced += 1,
            Fate::Duplicate => counts.duplicate += 1,
        }
    }
    for (series, results) in added {
        transaction
            .prepare_cached("UPDATE series SET results = results + ?2 WHERE id = ?1")?
            .execute(params![series, results])?;
    }
    transaction.commit()?;
    Ok(counts)
}

enum Fate {
    New,
    Replaced,
    Duplicate,
}

fn write_result(
    transaction: &Transaction<'_>,
    names: &mut Names,
    result: &ProbeResult,
    added: &mut HashMap<i64, i64>,
) -> rusqlite::Result<Fate> {
    let series = names.series(transaction, result)?;
    let detail = match &result.detail {
        Some(text) => Some(names.detail(transaction, text)?),
        None => None,
    };
    let cells = Cells::of(result);
    if cells.insert(transaction, series, detail)? {
        *added.entry(series).or_default() += 1;
        return Ok(Fate::New);
    }
    if cells.displace(transaction, series, detail)? {
        return Ok(Fate::Duplicate);
    }
    cells.insert(transaction, series, detail)?;
    Ok(Fate::Replaced)
}

fn write_change(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<Fate> {
    let mut change = change.clone();
    if change.id.is_empty() {
        change.id = derived_id(&change);
    }
    let lo = change.lo().map_or(0, milliseconds_down);
    let hi = change.until.or(change.hi()).map_or(0, milliseconds_up);
    let id = change.id.clone();
    let body = json(&change);
    let known: Option<String> = transaction
        .prepare_cached("SELECT body FROM change WHERE id = ?1")?
        .query_row([&id], |row| row.get(0))
        .optional()?;
    let fate = match known {
        Some(known) if known == body => return Ok(Fate::Duplicate),
        Some(_) => Fate::Replaced,
        None => Fate::New,
    };
    transaction
        .prepare_cached("INSERT OR REPLACE INTO change(id, lo_ms, hi_ms, body) VALUES(?1, ?2, ?3, ?4)")?
        .execute(params![id, lo, hi, body])?;
    Ok(fate)
}

fn write_gap(transaction: &Transaction<'_>, gap: &Gap) -> rusqlite::Result<Fate> {
    let (from, until) = (milliseconds_down(gap.from), milliseconds_up(gap.until));
    let added = transaction
        .prepare_cached("INSERT INTO gap(body, from_ms, until_ms) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![json(gap), from, until])?;
    Ok(if added == 1 { Fate::New } else { Fate::Duplicate })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Expect, Outcome, ProbeKind, Variant};
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
}
