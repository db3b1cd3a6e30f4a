//! Verifies a store: every checksum, every order, every sum against what it sums up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use super::Reader;
use crate::error::{Error, Trouble};
use crate::sqlite::blocks::{self, Level, Stored};
use crate::sqlite::day::{self, DAY_MS};
use crate::sqlite::late;
use crate::sqlite::overlay;
use crate::sqlite::rollup::Day;
use crate::sqlite::row::Row;
use crate::sqlite::section::Section;
use crate::sqlite::standing::Standing;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Blocks that were decoded.
    pub blocks: u64,
    /// Sealed results that were read.
    pub results: u64,
    /// Sums that were compared with them.
    pub rollups: u64,
    /// What is wrong, the first [`TOLD`].
    pub findings: Vec<Finding>,
    /// How much else is wrong.
    pub more: u64,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: String,
    /// What.
    pub message: String,
}

/// Findings that are told one by one.
pub const TOLD: usize = 100;

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, place: impl Into<String>, message: impl Into<String>) {
        if self.findings.len() < TOLD {
            self.findings.push(Finding { place: place.into(), message: message.into() });
        } else {
            self.more += 1;
        }
    }
}

impl Reader {
    /// Verifies everything as it is at one moment, a day of a group of series in memory. `progress` gets the days that
    /// are done and those that there are.
    ///
    /// # Errors
    ///
    /// When the store cannot be read at all; what is wrong with it is a finding.
    pub fn verify(&self, mut progress: impl FnMut(u64, u64)) -> Result<Verdict, Error> {
        self.snapshot(|connection| {
            let mut verdict = Verdict::default();
            pages(connection, &mut verdict)?;
            if !verdict.is_clean() {
                // Whatever else is told would only repeat it.
                return Ok(verdict);
            }
            let places = places(connection)?;
            let mut counted: HashMap<i64, u64> = HashMap::new();
            for (done, (group, day)) in (0..).zip(&places) {
                progress(done, places.len() as u64);
                verify_day(connection, *group, *day, &mut counted, &mut verdict)?;
            }
            progress(places.len() as u64, places.len() as u64);
            series(connection, &counted, &mut verdict)?;
            dangling(connection, &mut verdict)?;
            Ok(verdict)
        })
    }
}

/// What SQLite itself finds: the form of pages, rows and indexes.
fn pages(connection: &Connection, verdict: &mut Verdict) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA integrity_check(100)")?;
    let mut rows = statement.query(params![])?;
    while let Some(row) = rows.next()? {
        let message: String = row.get(0)?;
        if message != "ok" {
            verdict.find("file", message);
        }
    }
    Ok(())
}

/// Every group and day that has results or sums.
fn places(connection: &Connection) -> rusqlite::Result<BTreeSet<(i64, i64)>> {
    let mut statement = connection.prepare(
        "SELECT grp, day FROM block0 UNION SELECT grp, day FROM block1
         UNION SELECT grp, day FROM rollup JOIN series ON series.id = rollup.series",
    )?;
    let rows = statement.query_map(params![], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn verify_day(
    connection: &Connection,
    group: i64,
    day: i64,
    counted: &mut HashMap<i64, u64>,
    verdict: &mut Verdict,
) -> Result<(), Trouble> {
    let place = |what: &str| format!("{what} of group {group}, day {day}");
    let members = members(connection, group)?;
    let mut found: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    for level in Level::ALL {
        let blocks = match blocks::of_day(connection, level, group, day) {
            Ok(blocks) => blocks,
            Err(Trouble::Damage(damage)) => {
                verdict.find(place(level.table()), damage.to_string());
                continue;
            }
            Err(other) => return Err(other),
        };
        for block in blocks {
            let place = format!("{} {}", level.table(), block.id);
            match block.decode(connection, |_| true) {
                Ok(sections) => take(&place, &block, sections, &members, &mut found, verdict),
                Err(Trouble::Damage(damage)) => verdict.find(place, damage.to_string()),
                Err(other) => return Err(other),
            }
        }
    }
    let dropped = Standing::read(connection)?.dropped_day.is_some_and(|dropped| day < dropped);
    for (series, sealed_ms) in &members {
        let mut rows = found.remove(series).unwrap_or_default();
        rows.sort_by_key(|row| row.time_ms);
        if !rows.is_sorted_by(|row, next| row.time_ms < next.time_ms) {
            verdict.find(place("blocks"), format!("series {series} has two results of one moment"));
        }
        let last_ms = day::start(day).saturating_add(DAY_MS - 1);
        let late = match sealed_ms {
            Some(sealed_ms) => late::between(connection, *series, day::start(day), last_ms.min(*sealed_ms))?,
            None => Vec::new(),
        };
        let rows = overlay::overlay(rows, late.into_iter().map(|late| late.row));
        *counted.entry(*series).or_default() += rows.len() as u64;
        verdict.results += rows.len() as u64;
        if !dropped {
            sums(connection, *series, day, &rows, verdict)?;
        }
    }
    Ok(())
}

/// What is sealed of each series of a group.
fn members(connection: &Connection, group: i64) -> rusqlite::Result<BTreeMap<i64, Option<i64>>> {
    let mut statement = connection.prepare_cached("SELECT id, sealed_ms FROM series WHERE grp = ?1")?;
    let rows = statement.query_map(params![group], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Takes the results of a block and compares them with what the block says of itself.
fn take(
    place: &str,
    block: &Stored,
    sections: Vec<Section>,
    members: &BTreeMap<i64, Option<i64>>,
    found: &mut BTreeMap<i64, Vec<Row>>,
    verdict: &mut Verdict,
) {
    verdict.blocks += 1;
    for Section { series, rows } in sections {
        match members.get(&series) {
            None => verdict.find(place, format!("series {series} does not belong to group {}", block.group)),
            Some(sealed_ms) if rows.last().map(|row| row.time_ms) > *sealed_ms => {
                verdict.find(place, format!("series {series} has results that are newer than what is sealed of it"));
            }
            Some(_) => {}
        }
        if rows.iter().any(|row| day::of(row.time_ms) != block.day) {
            verdict.find(place, format!("series {series} has results of another day"));
        }
        if !rows.iter().all(has_words) {
            verdict.find(place, format!("series {series} has results with words that are in no list"));
        }
        found.entry(series).or_default().extend(rows);
    }
}

/// Compares the rollup and the noted results of a series and day with its results.
fn sums(connection: &Connection, series: i64, day: i64, rows: &[Row], verdict: &mut Verdict) -> Result<(), Trouble> {
    let mut sum = Day::default();
    rows.iter().for_each(|row| sum.add(row));
    let stored: Option<(u64, u64, Vec<u8>)> = connection
        .prepare_cached("SELECT n, bad, body FROM rollup WHERE day = ?1 AND series = ?2")?
        .query_row(params![day, series], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let place = || format!("rollup of series {series}, day {day}");
    match stored {
        Some((n, bad, body)) => {
            verdict.rollups += 1;
            match Day::decode(&body) {
                Ok(stored) if stored == sum && (n, bad) == (sum.results(), sum.bad()) => {}
                Ok(_) => verdict.find(place(), "it is not the sum of the results"),
                Err(damage) => verdict.find(place(), damage.to_string()),
            }
        }
        None if rows.is_empty() => {}
        None => verdict.find(place(), "it is missing"),
    }
    let noted: u64 = connection
        .prepare_cached(
            "SELECT count(*) FROM noted WHERE series = ?1 AND time_ms BETWEEN ?2 AND ?3
             AND time_ms <= (SELECT sealed_ms FROM series WHERE id = ?1)",
        )?
        .query_row(params![series, day::start(day), day::start(day).saturating_add(DAY_MS - 1)], |row| row.get(0))?;
    if noted != rows.iter().filter(|row| !row.succeeded() || row.detail.is_some()).count() as u64 {
        verdict.find(format!("noted results of series {series}, day {day}"), "they are not those that did not succeed");
    }
    Ok(())
}

/// Compares what the rows of the series count with what is there.
fn series(connection: &Connection, counted: &HashMap<i64, u64>, verdict: &mut Verdict) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT id, results FROM series ORDER BY id")?;
    let mut rows = statement.query(params![])?;
    while let Some(row) = rows.next()? {
        let (id, results): (i64, i64) = (row.get(0)?, row.get(1)?);
        let found = counted.get(&id).copied().unwrap_or(0);
        if u64::try_from(results) != Ok(found) {
            verdict.find(format!("series {id}"), format!("it counts {results} sealed results, {found} are there"));
        }
    }
    Ok(())
}

/// Looks for numbers that stand for nothing.
fn dangling(connection: &Connection, verdict: &mut Verdict) -> rusqlite::Result<()> {
    for (table, column, of) in [
        ("hot0", "series", "series"),
        ("hot1", "series", "series"),
        ("late", "series", "series"),
        ("noted", "series", "series"),
        ("rollup", "series", "series"),
        ("hot0", "detail", "detail"),
        ("hot1", "detail", "detail"),
        ("late", "detail", "detail"),
        ("noted", "detail", "detail"),
    ] {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE {column} IS NOT NULL AND {column} NOT IN (SELECT id FROM {of})"
        );
        let count: u64 = connection.query_row(&sql, params![], |row| row.get(0))?;
        if count > 0 {
            verdict.find(table, format!("{count} rows name a {of} that is not there"));
        }
    }
    Ok(())
}

/// Whether every code of a row stands for a word.
fn has_words(row: &Row) -> bool {
    let key = super::SeriesKey { target: String::new(), probe: String::new(), agent: String::new() };
    row.result(&key, None).is_some()
}
