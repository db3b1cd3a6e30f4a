//! A second file beside the store: messages that wait for their receivers, and what each receiver was told last.
//!
//! It is no table of the store, since a store has one writer, the recorder: a receiver that is slow must never make the
//! recorder wait for a lock, and a copy of a store must not make somebody send its alerts again.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

use crate::error::Error;

/// Marks the file as ours: the bytes `apro`.
const APPLICATION: i64 = 0x6170_726f;
/// Format of the tables below.
const FORMAT: i64 = 1;
/// How long a lock of another process is waited for.
const WAIT: Duration = Duration::from_secs(5);

const TABLES: &str = "
    -- In the order in which they were made.
    CREATE TABLE message(
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        receiver TEXT NOT NULL,
        alert    TEXT NOT NULL,
        key      TEXT NOT NULL,
        made_ms  INTEGER NOT NULL,
        tries    INTEGER NOT NULL DEFAULT 0,
        body     TEXT NOT NULL,
        UNIQUE(receiver, key)
    ) STRICT;
    CREATE INDEX message_alert ON message(receiver, alert, id);
    -- The newest message of each alert, sent or not.
    CREATE TABLE told(
        receiver TEXT NOT NULL,
        alert    TEXT NOT NULL,
        revision INTEGER NOT NULL,
        firing   INTEGER NOT NULL,
        at_ms    INTEGER NOT NULL,
        body     TEXT NOT NULL,
        PRIMARY KEY(receiver, alert)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE counted(
        receiver TEXT PRIMARY KEY,
        sent     INTEGER NOT NULL DEFAULT 0,
        failed   INTEGER NOT NULL DEFAULT 0,
        dropped  INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
";

/// The open file.
#[derive(Debug)]
pub struct Outbox {
    connection: Connection,
    path: PathBuf,
}

/// A message to put into the outbox; it becomes what its receiver was told last of its alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Who gets it.
    pub receiver: String,
    /// What it is about.
    pub alert: String,
    /// The same for the same receiver, alert and revision: such a message is taken once.
    pub key: String,
    /// Counts the messages of this alert to this receiver.
    pub revision: u32,
    /// Whether the alert fires.
    pub firing: bool,
    /// When it was made.
    pub at: Timestamp,
    /// The message.
    pub body: String,
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its number; later ones have higher numbers.
    pub id: i64,
    /// What it is about.
    pub alert: String,
    /// When it was made.
    pub made: Timestamp,
    /// How often it was tried in vain.
    pub tries: u32,
    /// The message.
    pub body: String,
}

/// What a receiver was told last of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Who was told.
    pub receiver: String,
    /// What it is about.
    pub alert: String,
    /// Counts the messages of this alert to this receiver.
    pub revision: u32,
    /// Whether the alert fires.
    pub firing: bool,
    /// When it was made.
    pub at: Timestamp,
    /// Whether that message still waits.
    pub waits: bool,
    /// The message.
    pub body: String,
}

/// What became of a receiver's messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Acknowledged.
    pub sent: u64,
    /// Attempts in vain.
    pub failed: u64,
    /// Given up, since they were too many or too old, or their receiver is gone.
    pub dropped: u64,
    /// Still there.
    pub waiting: u64,
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Messages that wait for one receiver.
    pub most: u32,
    /// Age of a message that waits.
    pub oldest: Duration,
    /// How long it is known that an alert is over.
    pub over: Duration,
}

impl Outbox {
    /// Where the outbox of a store is.
    #[must_use]
    pub fn beside(store: &Path) -> PathBuf {
        let mut name = store.as_os_str().to_owned();
        name.push(".alerts");
        name.into()
    }

    /// Opens the file for writing; creates it, for its owner's eyes only, where there is none.
    ///
    /// # Errors
    /// When it cannot be opened, or is no outbox.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        if let Err(error) = made.map(drop)
            && error.kind() != ErrorKind::AlreadyExists
        {
            return Err(Error::CannotOpen { path: path.to_owned(), reason: error.to_string() });
        }
        let mut outbox = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        outbox.prepare().map_err(|error| Error::of(path, error))?;
        outbox.known()?;
        Ok(outbox)
    }

    /// Opens the file to look at it.
    ///
    /// # Errors
    /// When it is not there, cannot be opened, or is no outbox.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let outbox = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        outbox.known()?;
        Ok(outbox)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, Error> {
        let of = |error: rusqlite::Error| Error::of(path, error);
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(of)?;
        connection.busy_timeout(WAIT).map_err(of)?;
        Ok(Self { connection, path: path.to_owned() })
    }

    fn prepare(&mut self) -> rusqlite::Result<()> {
        self.connection.pragma_update(None, "journal_mode", "wal")?;
        // What a receiver acknowledged must not be told again after a power cut.
        self.connection.pragma_update(None, "synchronous", "full")?;
        let change = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let tables: i64 = change.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            change.execute_batch(TABLES)?;
            change.pragma_update(None, "application_id", APPLICATION)?;
            change.pragma_update(None, "user_version", FORMAT)?;
        }
        change.commit()
    }

    fn known(&self) -> Result<(), Error> {
        let pragma = |name: &str| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (application, format) =
            self.of(pragma("application_id").and_then(|id| Ok((id, pragma("user_version")?))))?;
        match (application, format) {
            (APPLICATION, FORMAT) => Ok(()),
            (APPLICATION, found) => Err(Error::Newer { path: self.path.clone(), found, known: FORMAT }),
            _ => Err(Error::Foreign { path: self.path.clone() }),
        }
    }

    /// Puts messages in, all or none. One whose key is known to its receiver is left out.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn post(&mut self, posts: &[Post]) -> Result<(), Error> {
        let posted = self.put(posts);
        self.of(posted)
    }

    fn put(&mut self, posts: &[Post]) -> rusqlite::Result<()> {
        let change = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for Post { receiver, alert, key, revision, firing, at, body } in posts {
            let at_ms = at.as_millisecond();
            let new = change
                .prepare_cached(
                    "INSERT INTO message(receiver, alert, key, made_ms, body) VALUES(?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![receiver, alert, key, at_ms, body])?;
            if new > 0 {
                change
                    .prepare_cached("INSERT OR REPLACE INTO told VALUES(?1, ?2, ?3, ?4, ?5, ?6)")?
                    .execute(params![receiver, alert, revision, firing, at_ms, body])?;
            }
        }
        change.commit()
    }

    /// What a receiver was told last of every alert; of all receivers where none is named.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn told(&self, receiver: Option<&str>) -> Result<Vec<Told>, Error> {
        let read = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT receiver, alert, revision, firing, at_ms, body,
                        EXISTS(SELECT 1 FROM message WHERE message.receiver = told.receiver
                                                       AND message.alert = told.alert)
                 FROM told WHERE ?1 IS NULL OR receiver = ?1 ORDER BY receiver, alert",
            )?;
            let row = |row: &Row<'_>| {
                Ok(Told {
                    receiver: row.get(0)?,
                    alert: row.get(1)?,
                    revision: row.get(2)?,
                    firing: row.get(3)?,
                    at: moment(row.get(4)?),
                    body: row.get(5)?,
                    waits: row.get(6)?,
                })
            };
            statement.query_map(params![receiver], row)?.collect()
        };
        self.of(read())
    }

    /// The oldest message of each alert that waits for a receiver, the oldest first, at most so many.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn heads(&self, receiver: &str, most: u32) -> Result<Vec<Waiting>, Error> {
        let read = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT id, alert, made_ms, tries, body FROM message
                 WHERE id IN (SELECT min(id) FROM message WHERE receiver = ?1 GROUP BY alert) ORDER BY id LIMIT ?2",
            )?;
            let row = |row: &Row<'_>| {
                Ok(Waiting {
                    id: row.get(0)?,
                    alert: row.get(1)?,
                    made: moment(row.get(2)?),
                    tries: row.get(3)?,
                    body: row.get(4)?,
                })
            };
            statement.query_map(params![receiver, most], row)?.collect()
        };
        self.of(read())
    }

    /// A receiver acknowledged a message.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn sent(&mut self, receiver: &str, id: i64) -> Result<(), Error> {
        let noted = self.note(receiver, "sent", "DELETE FROM message WHERE id = ?1", id);
        self.of(noted)
    }

    /// A receiver did not take a message.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn failed(&mut self, receiver: &str, id: i64) -> Result<(), Error> {
        let noted = self.note(receiver, "failed", "UPDATE message SET tries = tries + 1 WHERE id = ?1", id);
        self.of(noted)
    }

    fn note(&mut self, receiver: &str, column: &str, statement: &str, id: i64) -> rusqlite::Result<()> {
        let change = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let touched = change.execute(statement, params![id])?;
        count(&change, receiver, column, touched)?;
        change.commit()
    }

    /// Drops what is too much, too old or over for long, and everything of receivers that are not among these. Gives the
    /// number of messages dropped that nobody got.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn trim(&mut self, receivers: &[&str], limits: Limits, now: Timestamp) -> Result<u64, Error> {
        let trimmed = self.cut(receivers, limits, now);
        self.of(trimmed)
    }

    fn cut(&mut self, receivers: &[&str], limits: Limits, now: Timestamp) -> rusqlite::Result<u64> {
        let before =
            |age: Duration| now.as_millisecond().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let change = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let known: Vec<String> = {
            let mut statement = change.prepare("SELECT receiver FROM message UNION SELECT receiver FROM told")?;
            statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
        };
        let mut dropped = 0;
        for receiver in &known {
            let cut = if receivers.contains(&receiver.as_str()) {
                change.execute(
                    "DELETE FROM message WHERE receiver = ?1 AND (made_ms < ?2 OR id NOT IN
                        (SELECT id FROM message WHERE receiver = ?1 ORDER BY id DESC LIMIT ?3))",
                    params![receiver, before(limits.oldest), limits.most],
                )?
            } else {
                change.execute("DELETE FROM told WHERE receiver = ?1", params![receiver])?;
                change.execute("DELETE FROM message WHERE receiver = ?1", params![receiver])?
            };
            if cut > 0 {
                count(&change, receiver, "dropped", cut)?;
            }
            dropped += cut as u64;
        }
        change.execute("DELETE FROM told WHERE NOT firing AND at_ms < ?1", params![before(limits.over)])?;
        change.commit()?;
        Ok(dropped)
    }

    /// What became of a receiver's messages since the file was made.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn counted(&self, receiver: &str) -> Result<Counted, Error> {
        let read = || {
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let select = "SELECT sent, failed, dropped FROM counted WHERE receiver = ?1";
            let counts = self.connection.query_row(select, params![receiver], row).optional()?;
            let (sent, failed, dropped) = counts.unwrap_or_default();
            let select = "SELECT count(*) FROM message WHERE receiver = ?1";
            let waiting = self.connection.query_row(select, params![receiver], |row| row.get(0))?;
            Ok(Counted { sent, failed, dropped, waiting })
        };
        self.of(read())
    }

    /// Whether somebody was a receiver before; from now on it was.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn knows(&mut self, receiver: &str) -> Result<bool, Error> {
        let insert = "INSERT INTO counted(receiver) VALUES(?1) ON CONFLICT DO NOTHING";
        let new = self.of(self.connection.execute(insert, params![receiver]))?;
        Ok(new == 0)
    }

    /// Everybody who has messages, was told something or is counted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn receivers(&self) -> Result<Vec<String>, Error> {
        let read = || {
            let mut statement = self.connection.prepare(
                "SELECT receiver FROM message UNION SELECT receiver FROM told UNION SELECT receiver FROM counted",
            )?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        self.of(read())
    }

    fn of<T>(&self, result: rusqlite::Result<T>) -> Result<T, Error> {
        result.map_err(|error| Error::of(&self.path, error))
    }
}

fn count(change: &Connection, receiver: &str, column: &str, by: usize) -> rusqlite::Result<()> {
    change.execute("INSERT INTO counted(receiver) VALUES(?1) ON CONFLICT DO NOTHING", params![receiver])?;
    change
        .execute(&format!("UPDATE counted SET {column} = {column} + ?2 WHERE receiver = ?1"), params![receiver, by])?;
    Ok(())
}

fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
