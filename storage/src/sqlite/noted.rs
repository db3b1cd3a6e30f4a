//! The table of what is worth a row of its own: results that did not succeed, or have a detail.

use rusqlite::{Connection, params};

use super::row::Row;

/// Keeps `row` in the table, where it belongs there.
pub(super) fn add(connection: &Connection, series: i64, row: &Row) -> rusqlite::Result<()> {
    if row.succeeded() && row.detail.is_none() {
        return Ok(());
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO noted VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![row.time_ms, series, row.outcome, row.reason, row.status, row.took_us, row.detail])
        .map(|_| ())
}

/// Puts `row` in the place of another result of the same series and time.
pub(super) fn replace(connection: &Connection, series: i64, row: &Row) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM noted WHERE time_ms = ?1 AND series = ?2")?
        .execute(params![row.time_ms, series])?;
    add(connection, series, row)
}
