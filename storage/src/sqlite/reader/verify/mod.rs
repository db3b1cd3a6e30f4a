//! Verifies a store: every checksum, every order, every sum against what it sums up.

mod noted;
mod results;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, params};

use self::noted::Notes;
use self::results::Found;
use super::tail::Tail;
use super::{Newest, Reader};
use crate::error::{Error, Trouble};
use crate::sqlite::day;
use crate::sqlite::row::Row;
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
    /// Verifies everything as it is at one moment; a day of a group of series is in memory, and what is not sealed.
    /// `progress` gets the days of groups that are done and those that there are.
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
            let dropped_day = Standing::read(connection)?.dropped_day;
            let found = days(connection, dropped_day, &mut progress, &mut verdict)?;
            unsealed(connection, &*self.tail(connection)?, &mut verdict)?;
            series(connection, &found, dropped_day, &mut verdict)?;
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

/// Verifies day after day, and in each group after group. Tells what is sealed of each series.
fn days(
    connection: &Connection,
    dropped_day: Option<i64>,
    progress: &mut impl FnMut(u64, u64),
    verdict: &mut Verdict,
) -> Result<HashMap<i64, Found>, Trouble> {
    let days = places(connection)?;
    let all = days.values().map(|groups| groups.len() as u64).sum();
    let mut done = 0;
    let mut found = HashMap::new();
    let mut seen = 0;
    for (day, groups) in days {
        let kept = Some(day) >= dropped_day;
        let mut notes = if kept { noted::of_day(connection, day)? } else { HashMap::new() };
        seen += notes.values().map(|notes| notes.count).sum::<u64>();
        for group in groups {
            progress(done, all);
            results::verify(connection, (group, day), kept.then_some(&mut notes), &mut found, verdict)?;
            done += 1;
        }
        for series in notes.keys() {
            verdict.find(noted::place(*series, day), "they are of no result");
        }
    }
    progress(done, all);
    let noted = noted::sealed(connection, dropped_day)?;
    if noted != seen {
        verdict.find("noted results", format!("{noted} are there, {seen} are of days that have results"));
    }
    Ok(found)
}

/// Every day that has results or sums, with its groups.
fn places(connection: &Connection) -> rusqlite::Result<BTreeMap<i64, BTreeSet<i64>>> {
    let mut statement = connection.prepare(
        "SELECT day, grp FROM block0 UNION SELECT day, grp FROM block1
         UNION SELECT day, grp FROM rollup JOIN series ON series.id = rollup.series
         UNION SELECT day, grp FROM tally",
    )?;
    let mut rows = statement.query(params![])?;
    let mut places: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        places.entry(row.get(0)?).or_default().insert(row.get(1)?);
    }
    Ok(places)
}

/// Compares the results that are not sealed with those of them that are noted.
fn unsealed(connection: &Connection, tail: &Tail, verdict: &mut Verdict) -> rusqlite::Result<()> {
    let mut noted = noted::unsealed(connection)?;
    for (series, rows) in tail.all() {
        if !rows.iter().all(has_words) {
            verdict.find("hot", format!("series {series} has results with words that are in no list"));
        }
        if !rows.is_sorted_by(|row, next| row.time_ms < next.time_ms) {
            verdict.find("hot", format!("series {series} has results that do not rise"));
        }
        if noted.remove(&series).unwrap_or_default() != Notes::of(rows) {
            verdict.find(format!("noted results of series {series}, not sealed"), noted::OTHERS);
        }
    }
    for series in noted.keys() {
        verdict.find(format!("noted results of series {series}, not sealed"), "they are of no result");
    }
    Ok(())
}

/// Compares what the rows of the series say with what is there.
fn series(
    connection: &Connection,
    found: &HashMap<i64, Found>,
    dropped_day: Option<i64>,
    verdict: &mut Verdict,
) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare("SELECT id, results, first_ms, sealed_ms, kind, expect, variant, every_ms FROM series ORDER BY id")?;
    let mut rows = statement.query(params![])?;
    while let Some(row) = rows.next()? {
        let (id, results, first_ms): (i64, i64, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let Found { results: there, ends } = found.get(&id).copied().unwrap_or_default();
        if u64::try_from(results) != Ok(there) {
            verdict.find(format!("series {id}"), format!("it counts {results} sealed results, {there} are there"));
        }
        let Some(sealed_ms) = row.get::<_, Option<i64>>(3)? else { continue };
        if ends.is_some_and(|(oldest_ms, _)| first_ms.is_none_or(|first_ms| first_ms > oldest_ms)) {
            verdict.find(format!("series {id}"), "it has a result that is older than its first one");
        }
        let said = Newest {
            time_ms: sealed_ms,
            kind: row.get(4)?,
            expect: row.get(5)?,
            variant: row.get(6)?,
            every_ms: row.get(7)?,
        };
        if Some(day::of(sealed_ms)) >= dropped_day && ends.map(|(_, newest)| newest) != Some(said) {
            verdict.find(format!("series {id}"), "its newest sealed result is another one");
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
