//! The table of late results: what came when its series had a newer one, or in the place of a known one.

use rusqlite::{Connection, OptionalExtension, params};

use super::cells::{self, CELLS, COUNT};
use super::row::Row;

/// A late result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Late {
    pub(super) row: Row,
    /// No block and no hot row has the same series and time.
    pub(super) fresh: bool,
}

/// The late result of a series and time.
pub(super) fn find(connection: &Connection, series: i64, time_ms: i64) -> rusqlite::Result<Option<Late>> {
    connection
        .prepare_cached(&format!("SELECT {CELLS}, fresh FROM late WHERE series = ?1 AND time_ms = ?2"))?
        .query_row(params![series, time_ms], |row| Ok(read(row)?.1))
        .optional()
}

/// The late results of a series from one moment to another one, both inside, by time.
pub(super) fn between(connection: &Connection, series: i64, from_ms: i64, to_ms: i64) -> rusqlite::Result<Vec<Late>> {
    let sql =
        format!("SELECT {CELLS}, fresh FROM late WHERE series = ?1 AND time_ms BETWEEN ?2 AND ?3 ORDER BY time_ms");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![series, from_ms, to_ms], |row| Ok(read(row)?.1))?;
    rows.collect()
}

/// Keeps a late result, in the place of another one of its series and time.
pub(super) fn put(connection: &Connection, series: i64, late: &Late) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "INSERT OR REPLACE INTO late({CELLS}, fresh) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    ))?;
    cells::insert(&mut statement, series, &late.row, &[&late.fresh])
}

/// Takes the late results of a series from one moment to another one, both inside, out of the table.
pub(super) fn remove(connection: &Connection, series: i64, from_ms: i64, to_ms: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM late WHERE series = ?1 AND time_ms BETWEEN ?2 AND ?3")?
        .execute(params![series, from_ms, to_ms])
}

/// The series and the late result of a row of [`CELLS`] and `fresh`.
pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, Late)> {
    let (series, cells) = cells::read(row)?;
    Ok((series, Late { row: cells, fresh: row.get(COUNT)? }))
}
