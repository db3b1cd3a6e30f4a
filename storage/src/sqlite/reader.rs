//! Reads the store, beside whoever writes it, with a bounded part of it in memory.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params, params_from_iter};
use serde::de::DeserializeOwned;

use super::merge::{Cursor, by_time};
use super::row::{COLUMNS, Cells, Words, time};
use super::schema;
use crate::check;
use crate::error::Error;
use crate::record::{Change, Expect, Gap, ProbeKind, ProbeResult, Record, Variant};
use crate::window::{Window, milliseconds_up};

/// How long a reader waits while a store is being recovered after a crash.
const WAIT: Duration = Duration::from_secs(5);

/// Results of one series that are read at once.
const PAGE: usize = 2048;

/// Results of all series together that a merge by time holds, unless there are more series than that.
const MERGED: usize = 32_768;

/// Reads one store. Never blocks a writer, and is not blocked by one.
pub struct Reader {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
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
    /// Start of the oldest result.
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
}

impl Reader {
    /// Opens the existing store at `path`. Where neither the file nor its directory can be written, it is read as it
    /// lies there, which takes that its last writer has closed it.
    ///
    /// # Errors
    ///
    /// When there is none, or something else, or a newer or damaged store.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { connection: schema::open_for_reading(path, WAIT)?, path: path.to_owned() })
    }

    /// Runs `read` on the store as it is at one moment. To be short: meanwhile the writer's log can only grow.
    /// Without it, every page of results, every list shows what was written last.
    ///
    /// # Errors
    ///
    /// Those of `read`, and when the store cannot be read.
    pub fn at_one_moment<T, E: From<Error>>(&self, read: impl FnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
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
        let read = || -> rusqlite::Result<Vec<Series>> {
            // Both ends of a series are found by one descent of the tree each.
            let mut statement = self.connection.prepare_cached(&format!(
                "SELECT {COLUMNS}, target, probe, agent, results,
                        (SELECT min(time_ms) FROM result WHERE series = id)
                 FROM series JOIN result ON series = id AND time_ms = (SELECT max(time_ms) FROM result WHERE series = id)
                 ORDER BY target, probe, agent"
            ))?;
            let rows = statement.query_map(params![], |row| {
                let Words { time: last, kind, expect, variant, every_s } = Cells::read(row)?.words()?;
                let (target, probe, agent) = (row.get(14)?, row.get(15)?, row.get(16)?);
                let (count, first) = (count(row.get(17)?), time(row.get(18)?)?);
                Ok(Series { target, probe, agent, kind, expect, variant, first, last, every_s, count })
            })?;
            rows.collect()
        };
        read().map_err(|error| self.failed(error))
    }

    /// Gives `each` the results of one series by time, or of all series one after the other, until it breaks.
    /// They are read in pages and nothing is held open while `each` runs.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn results(
        &self,
        series: Option<&SeriesKey>,
        window: Option<Window>,
        mut each: impl FnMut(ProbeResult) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        for (id, key) in self.chosen(series)? {
            let mut pages = self.pages(id, key, window, PAGE);
            loop {
                let page = pages()?;
                if page.is_empty() {
                    break;
                }
                for result in page {
                    if each(result).is_break() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives `each` the results of all series by time, then target, probe and agent, until it breaks.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn results_by_time(
        &self,
        window: Option<Window>,
        each: impl FnMut(ProbeResult) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let chosen = self.chosen(None)?;
        let size = (MERGED / chosen.len().max(1)).clamp(8, PAGE);
        let cursors = chosen.into_iter().map(|(id, key)| Cursor::new(self.pages(id, key, window, size)));
        by_time(cursors, each)
    }

    /// Gives `each` everything, until it breaks: the results by time, then the changes, then the gaps. What is
    /// written to another store in this order comes out of it in the same.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn records(
        &self,
        window: Option<Window>,
        mut each: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut flow = ControlFlow::Continue(());
        self.results_by_time(window, |result| {
            flow = each(Record::Result(result));
            flow
        })?;
        if flow.is_continue() {
            flow = self.changes(window)?.into_iter().map(Record::Change).try_for_each(&mut each);
        }
        if flow.is_continue() {
            // The last part: whether it was broken off makes no difference any more.
            let _ = self.gaps(window)?.into_iter().map(Record::Gap).try_for_each(&mut each);
        }
        Ok(())
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

    /// The moment up to which results are complete as far as anybody can tell: start of the newest one plus its
    /// `every_s`. None without results.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn watermark(&self) -> Result<Option<Timestamp>, Error> {
        let end = |series: &Series| {
            let every = series.every_s.and_then(check::milliseconds).unwrap_or(0);
            (series.last, series.last.checked_add(SignedDuration::from_millis(every)).unwrap_or(series.last))
        };
        Ok(self.series()?.iter().map(end).max().map(|(_, end)| end))
    }

    /// How much the store holds.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn counts(&self) -> Result<Totals, Error> {
        self.connection
            .query_row(
                "SELECT (SELECT coalesce(sum(results), 0) FROM series),
                        (SELECT count(*) FROM change), (SELECT count(*) FROM gap)",
                params![],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .map(|(results, changes, gaps)| Totals {
                results: count(results),
                changes: count(changes),
                gaps: count(gaps),
            })
            .map_err(|error| self.failed(error))
    }

    /// Number and name of `series`, or of all.
    fn chosen(&self, series: Option<&SeriesKey>) -> Result<Vec<(i64, SeriesKey)>, Error> {
        let read = || -> rusqlite::Result<Vec<(i64, SeriesKey)>> {
            let one = series.map_or("", |_| "WHERE target = ?1 AND probe = ?2 AND agent = ?3");
            let sql = format!("SELECT id, target, probe, agent FROM series {one} ORDER BY target, probe, agent");
            let mut statement = self.connection.prepare_cached(&sql)?;
            let names = series.map(|SeriesKey { target, probe, agent }| [target, probe, agent]);
            let rows = statement.query_map(params_from_iter(names.into_iter().flatten()), |row| {
                Ok((row.get(0)?, SeriesKey { target: row.get(1)?, probe: row.get(2)?, agent: row.get(3)? }))
            })?;
            rows.collect()
        };
        read().map_err(|error| self.failed(error))
    }

    /// The pages of a series, one at each call.
    fn pages(
        &self,
        id: i64,
        key: SeriesKey,
        window: Option<Window>,
        size: usize,
    ) -> impl FnMut() -> Result<Vec<ProbeResult>, Error> {
        let (mut from, until) = bounds(window);
        move || {
            let page = self.page(id, &key, from, until, size).map_err(|error| self.failed(error))?;
            // What follows a short page came later than this reading began, and would never end it.
            from = match page.last() {
                Some(last) if page.len() == size => last.time.as_millisecond() + 1,
                Some(_) | None => until,
            };
            Ok(page)
        }
    }

    fn page(&self, id: i64, key: &SeriesKey, from: i64, until: i64, size: usize) -> rusqlite::Result<Vec<ProbeResult>> {
        if from >= until {
            return Ok(Vec::new());
        }
        let SeriesKey { target, probe, agent } = key;
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS}, text FROM result LEFT JOIN detail ON id = detail
             WHERE series = ?1 AND time_ms >= ?2 AND time_ms < ?3 ORDER BY time_ms LIMIT ?4"
        ))?;
        let limit = i64::try_from(size).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![id, from, until, limit], |row| {
            Cells::read(row)?.result(target, probe, agent, row.get(14)?)
        })?;
        rows.collect()
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
            serde_json::from_str(&body).map_err(|_| Error::Corrupt {
                path: self.path.clone(),
                reason: "a change or a gap does not hold what it should".into(),
            })
        };
        bodies.into_iter().map(parse).collect()
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        Error::sqlite(&self.path, error)
    }
}

/// The whole milliseconds inside `window`, half-open.
fn bounds(window: Option<Window>) -> (i64, i64) {
    window.map_or((i64::MIN, i64::MAX), |window| (milliseconds_up(window.from), milliseconds_up(window.until)))
}

fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}
