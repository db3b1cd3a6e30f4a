//! Verifies that the results that are noted are those that did not succeed or have a detail.

use std::collections::HashMap;

use rusqlite::{Connection, Params, params};
use xxhash_rust::xxh3::xxh3_64;

use crate::binary::put;
use crate::sqlite::day::{self, DAY_MS};
use crate::sqlite::row::Row;

/// What is said where noted results are not what they should be.
pub(super) const OTHERS: &str = "they are not those that did not succeed or have a detail";

/// Some noted results of one series, in any order. Two of them are equal when the results are, but for durations, which
/// a block may have rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Notes {
    pub(super) count: u64,
    /// Sum of the hashes, wrapping.
    sum: u64,
}

impl Notes {
    /// Those of `rows` that are to be noted.
    pub(super) fn of(rows: &[Row]) -> Self {
        let mut notes = Self::default();
        for row in rows.iter().filter(|row| !row.succeeded() || row.detail.is_some()) {
            let [outcome, reason, status] =
                [Some(row.outcome.into()), row.reason.map(i64::from), row.status.map(i64::from)];
            notes.add([Some(row.time_ms), outcome, reason, status, row.detail]);
        }
        notes
    }

    /// Counts one in: its time, outcome, reason, status and detail.
    fn add(&mut self, cells: [Option<i64>; 5]) {
        let mut bytes = Vec::new();
        put(&cells, &mut bytes);
        self.count += 1;
        self.sum = self.sum.wrapping_add(xxh3_64(&bytes));
    }
}

/// What to call the noted results of a series and day.
pub(super) fn place(series: i64, day: i64) -> String {
    format!("noted results of series {series}, day {day}")
}

/// The sealed ones of a day, by series.
pub(super) fn of_day(connection: &Connection, day: i64) -> rusqlite::Result<HashMap<i64, Notes>> {
    let from_ms = day::start(day);
    read(
        connection,
        "time_ms BETWEEN ?1 AND ?2 AND time_ms <= sealed_ms",
        params![from_ms, from_ms.saturating_add(DAY_MS - 1)],
    )
}

/// Those that are not sealed, by series.
pub(super) fn unsealed(connection: &Connection) -> rusqlite::Result<HashMap<i64, Notes>> {
    read(connection, "sealed_ms IS NULL OR time_ms > sealed_ms", params![])
}

/// How many are sealed, of days from `first` on.
pub(super) fn sealed(connection: &Connection, first: Option<i64>) -> rusqlite::Result<u64> {
    connection.query_row(
        "SELECT count(*) FROM noted JOIN series ON series.id = noted.series WHERE time_ms <= sealed_ms AND time_ms >= ?1",
        params![first.map_or(i64::MIN, day::start)],
        |row| row.get(0),
    )
}

fn read(connection: &Connection, which: &str, parameters: impl Params) -> rusqlite::Result<HashMap<i64, Notes>> {
    let sql = format!(
        "SELECT series, time_ms, outcome, reason, status, detail
         FROM noted JOIN series ON series.id = noted.series WHERE {which}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(parameters)?;
    let mut notes: HashMap<i64, Notes> = HashMap::new();
    while let Some(row) = rows.next()? {
        let cells = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        notes.entry(row.get(0)?).or_default().add(cells);
    }
    Ok(notes)
}
