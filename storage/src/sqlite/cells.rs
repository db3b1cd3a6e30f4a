//! Results as rows of a table: one number a cell.

use rusqlite::{Statement, ToSql};

use super::row::Row;

/// The cells of a result, in the order in which [`insert`] gives and [`read`] takes them.
pub(super) const CELLS: &str = "series, time_ms, kind, expect, variant, outcome, reason, status, took_us, \
     resolve_us, connect_us, tls_us, processing_us, transfer_us, every_ms, detail";

/// How many they are.
pub(super) const COUNT: usize = 16;

/// How the tables that hold them declare them.
pub(super) const DECLARED: &str = "
        series        INTEGER NOT NULL,
        time_ms       INTEGER NOT NULL,
        kind          INTEGER NOT NULL,
        expect        INTEGER NOT NULL,
        variant       INTEGER NOT NULL,
        outcome       INTEGER NOT NULL,
        reason        INTEGER,
        status        INTEGER,
        took_us       INTEGER NOT NULL,
        resolve_us    INTEGER,  -- the five phases are all there or all absent
        connect_us    INTEGER,
        tls_us        INTEGER,
        processing_us INTEGER,
        transfer_us   INTEGER,
        every_ms      INTEGER,
        detail        INTEGER";

/// Runs `statement`, an insertion that takes [`CELLS`] and then `more`.
pub(super) fn insert(
    statement: &mut Statement<'_>,
    series: i64,
    row: &Row,
    more: &[&dyn ToSql],
) -> rusqlite::Result<()> {
    let [resolve, connect, tls, processing, transfer] = match row.phases_us {
        Some(phases) => phases.map(Some),
        None => [None; 5],
    };
    let cells: [&dyn ToSql; COUNT] = [
        &series,
        &row.time_ms,
        &row.kind,
        &row.expect,
        &row.variant,
        &row.outcome,
        &row.reason,
        &row.status,
        &row.took_us,
        &resolve,
        &connect,
        &tls,
        &processing,
        &transfer,
        &row.every_ms,
        &row.detail,
    ];
    for (position, cell) in cells.iter().chain(more).enumerate() {
        statement.raw_bind_parameter(position + 1, cell)?;
    }
    statement.raw_execute().map(|_| ())
}

/// The series and the result of a row that begins with [`CELLS`].
pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, Row)> {
    let phases = [row.get(9)?, row.get(10)?, row.get(11)?, row.get(12)?, row.get(13)?];
    let phases_us = match phases {
        [Some(resolve), Some(connect), Some(tls), Some(processing), Some(transfer)] => {
            Some([resolve, connect, tls, processing, transfer])
        }
        _ => None,
    };
    let read = Row {
        time_ms: row.get(1)?,
        kind: row.get(2)?,
        expect: row.get(3)?,
        variant: row.get(4)?,
        outcome: row.get(5)?,
        reason: row.get(6)?,
        status: row.get(7)?,
        took_us: row.get(8)?,
        phases_us,
        every_ms: row.get(14)?,
        detail: row.get(15)?,
    };
    Ok((row.get(0)?, read))
}
