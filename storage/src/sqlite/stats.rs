//! How much a store holds, and where its bytes are.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::params;

use super::reader::{Reader, Totals};
use crate::error::Error;

/// How much a store holds, and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Format of the file.
    pub format: i64,
    /// Size of the file.
    pub file_bytes: u64,
    /// Size of the write-ahead log beside it.
    pub log_bytes: u64,
    /// Bytes of the file that hold nothing; what is written next goes there.
    pub free_bytes: u64,
    /// The tables, by name.
    pub tables: Vec<Table>,
    /// How many records there are.
    pub totals: Totals,
    /// How many series the results belong to.
    pub series: u64,
    /// Results that are not sealed yet.
    pub hot: u64,
    /// Results that arrived out of order and are not merged yet.
    pub late: u64,
    /// Sealed blocks.
    pub blocks: u64,
    /// Results in them.
    pub sealed: u64,
    /// Start of the oldest result.
    pub first: Option<Timestamp>,
    /// Start of the newest result.
    pub last: Option<Timestamp>,
}

/// A table or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its pages.
    pub bytes: u64,
    /// Its rows; of an index its entries.
    pub rows: u64,
}

impl Reader {
    /// How much the store holds. Looks at every page, so it takes a while on a large one.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn stats(&self) -> Result<Stats, Error> {
        let (totals, series) = (self.counts()?, self.series()?);
        let tables = || -> rusqlite::Result<Vec<Table>> {
            let mut statement = self.connection.prepare(
                "SELECT name, sum(pgsize), sum(CASE WHEN pagetype = 'leaf' THEN ncell ELSE 0 END)
                 FROM dbstat GROUP BY name ORDER BY name",
            )?;
            let rows = statement.query_map(params![], |row| {
                let (bytes, rows): (i64, i64) = (row.get(1)?, row.get(2)?);
                Ok(Table { name: row.get(0)?, bytes: bytes.unsigned_abs(), rows: rows.unsigned_abs() })
            })?;
            rows.collect()
        };
        let free = || -> rusqlite::Result<i64> {
            self.connection.query_row(
                "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size",
                params![],
                |row| row.get(0),
            )
        };
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        Ok(Stats {
            format: 1,
            file_bytes: length(&self.path),
            log_bytes: length(Path::new(&log)),
            free_bytes: free().map_err(|error| Error::sqlite(&self.path, error))?.unsigned_abs(),
            tables: tables().map_err(|error| Error::sqlite(&self.path, error))?,
            totals,
            series: series.len() as u64,
            hot: totals.results,
            late: 0,
            blocks: 0,
            sealed: 0,
            first: series.iter().map(|series| series.first).min(),
            last: series.iter().map(|series| series.last).max(),
        })
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}
