//! Measures a store: what it holds, and where its bytes are.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{Reader, Totals};
use crate::error::{Error, Trouble};
use crate::sqlite::schema::FORMAT;
use crate::sqlite::standing::Standing;
use crate::sqlite::{day, open};
use crate::window::at_millisecond;

/// What a store holds, and what that takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Format of the file.
    pub format: i64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of its write-ahead log.
    pub log_bytes: u64,
    /// Bytes of the file that are free: new results fill them, compaction gives them back.
    pub free_bytes: u64,
    /// The tables, the largest first, each with its indexes.
    pub tables: Vec<Table>,
    /// Records of each kind.
    pub totals: Totals,
    /// Series that were ever seen.
    pub series: u64,
    /// Results that are not sealed yet.
    pub hot: u64,
    /// Results that came late and are not worked into blocks yet, without those that took the place of others.
    pub late: u64,
    /// Sealed blocks.
    pub blocks: u64,
    /// Results in them.
    pub sealed: u64,
    /// Those of which the retention has rounded the durations.
    pub rounded: u64,
    /// Start of the oldest result.
    pub first: Option<Timestamp>,
    /// Start of the newest result.
    pub last: Option<Timestamp>,
    /// Single results from before this moment were dropped; their sums may be there.
    pub kept_from: Option<Timestamp>,
}

/// A table and its indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Bytes of its pages.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
}

impl Reader {
    /// Measures the store. Looks at every page of it once.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn stats(&self) -> Result<Stats, Error> {
        self.at_one_moment(|reader| {
            let totals = reader.counts()?;
            let series = reader.series()?;
            let mut stats = reader.snapshot(|connection| measure(connection, totals))?;
            stats.hot = reader.snapshot(|connection| Ok(reader.tail(connection)?.count()))?;
            stats.log_bytes = open::log_bytes(&reader.path);
            stats.first = series.iter().map(|series| series.first).min();
            stats.last = series.iter().map(|series| series.last).max();
            Ok(stats)
        })
    }
}

fn measure(connection: &Connection, totals: Totals) -> Result<Stats, Trouble> {
    let (pages, free, size): (u64, u64, u64) = connection.query_row(
        "SELECT page_count, freelist_count, page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        params![],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let count = |sql: &str| connection.query_row(sql, params![], |row| row.get::<_, u64>(0));
    Ok(Stats {
        format: FORMAT,
        file_bytes: pages * size,
        log_bytes: 0,
        free_bytes: free * size,
        tables: tables(connection)?,
        totals,
        series: count("SELECT count(*) FROM series")?,
        hot: 0,
        late: count(
            "SELECT count(*) FROM late JOIN series ON series.id = late.series WHERE fresh AND time_ms <= sealed_ms",
        )?,
        blocks: count("SELECT (SELECT count(*) FROM block0) + (SELECT count(*) FROM block1)")?,
        sealed: count("SELECT (SELECT coalesce(sum(n), 0) FROM block0) + (SELECT coalesce(sum(n), 0) FROM block1)")?,
        rounded: count("SELECT coalesce(sum(n), 0) FROM block1 WHERE rounded")?,
        first: None,
        last: None,
        kept_from: Standing::read(connection)?.dropped_day.and_then(|day| at_millisecond(day::start(day))),
    })
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<Table>> {
    let mut statement = connection.prepare(
        "SELECT coalesce(tbl_name, 'schema'), sum(pgsize)
         FROM dbstat LEFT JOIN sqlite_schema USING(name) WHERE aggregate = TRUE GROUP BY 1",
    )?;
    let bytes: BTreeMap<String, u64> =
        statement.query_map(params![], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let mut tables = Vec::new();
    for (name, bytes) in bytes {
        let rows = match name.as_str() {
            "schema" => "SELECT count(*) FROM sqlite_schema".to_owned(),
            name => format!("SELECT count(*) FROM \"{name}\""),
        };
        let rows = connection.query_row(&rows, params![], |row| row.get(0))?;
        tables.push(Table { name, bytes, rows });
    }
    tables.sort_by_key(|table| Reverse(table.bytes));
    Ok(tables)
}
