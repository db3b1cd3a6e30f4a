//! Reads the store, beside whoever writes it, with a bounded part of it in memory.

pub mod executions;
pub mod failures;
pub mod hourly;
pub mod outlines;
pub mod stats;
pub mod tally;
pub mod verify;

mod backup;
mod cut;
mod latency;
mod page;
mod results;
mod tail;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params, params_from_iter};
use serde::de::DeserializeOwned;

use self::page::Stretch;
use self::tail::Tail;
use super::open;
use super::row::Row;
use crate::check;
use crate::damage::Damage;
use crate::error::{Error, Trouble};
use crate::record::{Change, Expect, Gap, ProbeKind, Variant, Verdict};
use crate::window::{Window, at_millisecond, milliseconds_up};

/// How long a reader waits while a store is being recovered after a crash.
const WAIT: Duration = Duration::from_secs(5);

/// Reads one store. Never blocks a writer, and is not blocked by one.
pub struct Reader {
    connection: Connection,
    path: PathBuf,
    /// What is not sealed, and SQLite's count of foreign commits at which it was read.
    tail: RefCell<Option<(i64, Arc<Tail>)>>,
}

/// What identifies a series: the results of one probe by one agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Name of the API under probe.
    pub target: String,
    /// Name of the probe.
    pub probe: String,
    /// The prober.
    pub agent: String,
}

/// A series and, in short, its results. `kind`, `expect`, `variant` and `every_s` are those of the newest one.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name of the API under probe.
    pub target: String,
    /// Name of the probe.
    pub probe: String,
    /// The prober.
    pub agent: String,
    /// What kind of check it is.
    pub kind: ProbeKind,
    /// Whether the server should let the request in.
    pub expect: Expect,
    /// Which credential it uses.
    pub variant: Variant,
    /// Start of the oldest result that there ever was.
    pub first: Timestamp,
    /// Start of the newest result.
    pub last: Timestamp,
    /// Seconds from one planned start to the next.
    pub every_s: Option<f64>,
    /// How many results there are.
    pub count: u64,
}

impl Series {
    /// What identifies it.
    #[must_use]
    pub fn key(&self) -> SeriesKey {
        SeriesKey { target: self.target.clone(), probe: self.probe.clone(), agent: self.agent.clone() }
    }
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Results.
    pub results: u64,
    /// Changes.
    pub changes: u64,
    /// Gaps.
    pub gaps: u64,
    /// Verdicts of people.
    pub verdicts: u64,
}

impl Reader {
    /// Opens the existing store at `path`. Where neither the file nor its directory can be written, it is read as it
    /// lies there, which takes that its last writer has closed it.
    ///
    /// # Errors
    ///
    /// When there is none, or something else, or a newer or damaged store.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = open::open_for_reading(path, WAIT)?;
        Ok(Self { connection, path: path.to_owned(), tail: RefCell::default() })
    }

    /// Runs `read` on the store as it is at one moment. To be short: meanwhile the writer's log can only grow.
    /// Without it, every page of results, every list shows what was written last. Inside of another one it is at the
    /// moment of that.
    ///
    /// # Errors
    ///
    /// Those of `read`, and when the store cannot be read.
    pub fn at_one_moment<T, E: From<Error>>(&self, read: impl FnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
        if !self.connection.is_autocommit() {
            return read(self);
        }
        let moment = self.connection.unchecked_transaction().map_err(|error| self.failed(error))?;
        let answer = read(self)?;
        moment.finish().map_err(|error| self.failed(error))?;
        Ok(answer)
    }

    /// Every series that has results, sorted by target, probe and agent.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn series(&self) -> Result<Vec<Series>, Error> {
        self.snapshot(|connection| {
            let tail = self.tail(connection)?;
            let mut statement = connection.prepare_cached(
                "SELECT id, target, probe, agent, results, first_ms, sealed_ms, kind, expect, variant, every_ms
                 FROM series ORDER BY target, probe, agent",
            )?;
            let mut rows = statement.query(params![])?;
            let mut series = Vec::new();
            while let Some(row) = rows.next()? {
                let key = SeriesKey { target: row.get(1)?, probe: row.get(2)?, agent: row.get(3)? };
                let sealed = match row.get(6)? {
                    Some(sealed_ms) => Some(Newest {
                        time_ms: sealed_ms,
                        kind: row.get(7)?,
                        expect: row.get(8)?,
                        variant: row.get(9)?,
                        every_ms: row.get(10)?,
                    }),
                    None => None,
                };
                let hot = tail.of(row.get(0)?);
                let Some(newest) = hot.last().map(Newest::of).or(sealed) else { continue };
                let (count, first_ms): (u64, Option<i64>) = (row.get(4)?, row.get(5)?);
                let first_ms = first_ms.into_iter().chain(hot.first().map(|row| row.time_ms)).min();
                let count = count + hot.len() as u64;
                if count > 0 {
                    series.push(newest.series(key, count, first_ms.unwrap_or(newest.time_ms)).ok_or(results::UNKNOWN)?);
                }
            }
            Ok(series)
        })
    }

    /// The changes that may have been going on inside `window`, sorted by their earliest moment, then id.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn changes(&self, window: Option<Window>) -> Result<Vec<Change>, Error> {
        let mut changes: Vec<Change> =
            self.bodies("SELECT body FROM change WHERE lo_ms < ?2 AND hi_ms >= ?1", window)?;
        changes.retain(|change| match (window, change.lo(), change.until.or(change.hi())) {
            (Some(window), Some(lo), Some(hi)) => lo < window.until && window.from <= hi,
            _ => true,
        });
        changes.sort_by(|a, b| (a.lo(), &a.id).cmp(&(b.lo(), &b.id)));
        Ok(changes)
    }

    /// The gaps that overlap `window`, sorted by beginning, end, feed and reason.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn gaps(&self, window: Option<Window>) -> Result<Vec<Gap>, Error> {
        let mut gaps: Vec<Gap> = self.bodies("SELECT body FROM gap WHERE from_ms < ?2 AND until_ms >= ?1", window)?;
        gaps.retain(|gap| window.is_none_or(|window| gap.from < window.until && window.from < gap.until));
        gaps.sort_by(|a, b| (a.from, a.until, &a.feed, &a.why).cmp(&(b.from, b.until, &b.feed, &b.why)));
        Ok(gaps)
    }

    /// What people said of incidents that began, or were judged, inside `window`, or before it and after it; sorted by
    /// the moment at which it was said, then id.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn verdicts(&self, window: Option<Window>) -> Result<Vec<Verdict>, Error> {
        let mut verdicts: Vec<Verdict> =
            self.bodies("SELECT body FROM verdict WHERE lo_ms < ?2 AND hi_ms >= ?1", window)?;
        verdicts.retain(|verdict| {
            let (first, last) = verdict.span();
            window.is_none_or(|window| first < window.until && window.from <= last)
        });
        verdicts.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        Ok(verdicts)
    }

    /// The moment up to which results are complete as far as anybody can tell: start of the newest one plus its
    /// `every_s`. None without results.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn watermark(&self) -> Result<Option<Timestamp>, Error> {
        let end = |series: &Series| (series.last, slot_end(series));
        Ok(self.series()?.iter().map(end).max().map(|(_, end)| end))
    }

    /// How much the store holds.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn counts(&self) -> Result<Totals, Error> {
        self.snapshot(|connection| {
            let hot = self.tail(connection)?.count();
            let totals = connection.query_row(
                "SELECT (SELECT coalesce(sum(results), 0) FROM series),
                        (SELECT count(*) FROM change), (SELECT count(*) FROM gap), (SELECT count(*) FROM verdict)",
                params![],
                |row| {
                    let results = row.get::<_, u64>(0)? + hot;
                    Ok(Totals { results, changes: row.get(1)?, gaps: row.get(2)?, verdicts: row.get(3)? })
                },
            )?;
            Ok(totals)
        })
    }

    /// Reads at one moment of the store: that of [`Reader::at_one_moment`] where it runs inside of it.
    fn snapshot<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Trouble>) -> Result<T, Error> {
        let read = || {
            if !self.connection.is_autocommit() {
                return read(&self.connection);
            }
            let moment = self.connection.unchecked_transaction()?;
            let answer = read(&self.connection)?;
            moment.finish()?;
            Ok(answer)
        };
        read().map_err(|trouble| Error::of(&self.path, trouble))
    }

    /// What is not sealed yet, inside a snapshot. It is read again when somebody has written.
    fn tail(&self, connection: &Connection) -> Result<Arc<Tail>, Trouble> {
        let version: i64 = connection.prepare_cached("PRAGMA data_version")?.query_row(params![], |row| row.get(0))?;
        let mut kept = self.tail.borrow_mut();
        if let Some((of, tail)) = kept.as_ref()
            && *of == version
        {
            return Ok(Arc::clone(tail));
        }
        let tail = Arc::new(Tail::read(connection)?);
        *kept = Some((version, Arc::clone(&tail)));
        Ok(tail)
    }

    /// The series of that name, or all, sorted by target, probe and agent.
    fn members(&self, series: Option<&SeriesKey>) -> Result<Vec<Member>, Error> {
        self.snapshot(|connection| {
            let one = series.map_or("", |_| "WHERE target = ?1 AND probe = ?2 AND agent = ?3");
            let sql = format!("SELECT id, grp, target, probe, agent FROM series {one} ORDER BY target, probe, agent");
            let mut statement = connection.prepare_cached(&sql)?;
            let names = series.map(|SeriesKey { target, probe, agent }| [target, probe, agent]);
            let rows = statement.query_map(params_from_iter(names.into_iter().flatten()), |row| {
                let key = SeriesKey { target: row.get(2)?, probe: row.get(3)?, agent: row.get(4)? };
                Ok(Member { series: row.get(0)?, group: row.get(1)?, key })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn bodies<T: DeserializeOwned>(&self, sql: &str, window: Option<Window>) -> Result<Vec<T>, Error> {
        let (from, until) = bounds(window);
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![from, until], |row| row.get(0))?;
            rows.collect()
        };
        let bodies = read().map_err(|error| self.failed(error))?;
        let parse = |body: String| {
            serde_json::from_str(&body)
                .map_err(|_| self.damaged(Damage("a change, a gap or a verdict does not hold what it should")))
        };
        bodies.into_iter().map(parse).collect()
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        Error::of(&self.path, error)
    }

    fn damaged(&self, damage: Damage) -> Error {
        Error::of(&self.path, damage)
    }
}

/// The whole milliseconds inside `window`, half-open.
fn bounds(window: Option<Window>) -> (i64, i64) {
    window.map_or((i64::MIN, i64::MAX), |window| (milliseconds_up(window.from), milliseconds_up(window.until)))
}

/// Where the slot of the newest result of a series ends.
fn slot_end(series: &Series) -> Timestamp {
    let every = series.every_s.and_then(check::milliseconds).unwrap_or(0);
    series.last.checked_add(SignedDuration::from_millis(every)).unwrap_or(series.last)
}

/// The same as a stretch.
fn stretch(window: Option<Window>) -> Stretch {
    let (from_ms, until_ms) = bounds(window);
    Stretch { from_ms, until_ms }
}

/// The series of each group.
fn by_group(members: &[Member]) -> BTreeMap<i64, Vec<i64>> {
    let mut groups: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for member in members {
        groups.entry(member.group).or_default().push(member.series);
    }
    groups
}

/// A series of the store.
struct Member {
    series: i64,
    group: i64,
    key: SeriesKey,
}

/// What the newest result of a series says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Newest {
    time_ms: i64,
    kind: u8,
    expect: u8,
    variant: u8,
    every_ms: Option<i64>,
}

impl Newest {
    fn of(row: &Row) -> Self {
        let Row { time_ms, kind, expect, variant, every_ms, .. } = *row;
        Self { time_ms, kind, expect, variant, every_ms }
    }

    /// The series; none where a word of it is not known.
    fn series(&self, key: SeriesKey, count: u64, first_ms: i64) -> Option<Series> {
        let SeriesKey { target, probe, agent } = key;
        Some(Series {
            target,
            probe,
            agent,
            kind: ProbeKind::from_code(self.kind)?,
            expect: Expect::from_code(self.expect)?,
            variant: Variant::from_code(self.variant)?,
            first: at_millisecond(first_ms)?,
            last: at_millisecond(self.time_ms)?,
            every_s: self.every_ms.map(|milliseconds| milliseconds as f64 / 1000.0),
            count,
        })
    }
}
