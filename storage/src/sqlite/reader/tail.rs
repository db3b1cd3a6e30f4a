//! The results that are not sealed yet.

use rusqlite::{Connection, params};
use rustc_hash::FxHashMap;

use super::page::Stretch;
use crate::error::Trouble;
use crate::sqlite::cells::{self, CELLS};
use crate::sqlite::late;
use crate::sqlite::overlay;
use crate::sqlite::row::Row;
use crate::sqlite::standing::{Generation, Standing};

/// The results of each series that are newer than what is sealed of it, by time.
#[derive(Default)]
pub(super) struct Tail {
    series: FxHashMap<i64, Vec<Row>>,
}

impl Tail {
    /// Reads them, in one snapshot.
    pub(super) fn read(connection: &Connection) -> Result<Self, Trouble> {
        let sealed = sealed(connection)?;
        let mut series: FxHashMap<i64, Vec<Row>> = FxHashMap::default();
        for generation in in_order(connection)? {
            let sql = format!("SELECT {CELLS} FROM {} ORDER BY seq", generation.table());
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![])?;
            while let Some(row) = rows.next()? {
                let (id, row) = cells::read(row)?;
                if Some(row.time_ms) > sealed.get(&id).copied().flatten() {
                    series.entry(id).or_default().push(row);
                }
            }
        }
        for (id, late) in unsealed_late(connection)? {
            let rows = series.remove(&id).unwrap_or_default();
            series.insert(id, overlay::overlay(rows, late));
        }
        Ok(Self { series })
    }

    /// Those of each series that has some.
    pub(super) fn all(&self) -> impl Iterator<Item = (i64, &[Row])> {
        self.series.iter().map(|(series, rows)| (*series, rows.as_slice()))
    }

    /// Those of one series.
    pub(super) fn of(&self, series: i64) -> &[Row] {
        self.series.get(&series).map_or(&[], Vec::as_slice)
    }

    /// Those of one series inside a half-open stretch of milliseconds.
    pub(super) fn within(&self, series: i64, from_ms: i64, until_ms: i64) -> &[Row] {
        let rows = self.of(series);
        let from = rows.partition_point(|row| row.time_ms < from_ms);
        let until = rows.partition_point(|row| row.time_ms < until_ms);
        rows.get(from..until).unwrap_or_default()
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.series.values().map(|rows| rows.len() as u64).sum()
    }
}

/// Hands `each` the hot rows inside a stretch that are not sealed, with their series: series, time, and then `columns`.
/// Quicker than [`Tail::read`], and the whole tail only where there are no late results to lie over them.
pub(super) fn hot(
    connection: &Connection,
    columns: &str,
    stretch: Stretch,
    mut each: impl FnMut(i64, &rusqlite::Row<'_>) -> rusqlite::Result<()>,
) -> Result<(), Trouble> {
    let sealed = sealed(connection)?;
    for generation in Generation::ALL {
        let sql = format!("SELECT series, time_ms, {columns} FROM {}", generation.table());
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![])?;
        while let Some(row) = rows.next()? {
            let (series, time_ms): (i64, i64) = (row.get(0)?, row.get(1)?);
            if stretch.holds(time_ms) && Some(time_ms) > sealed.get(&series).copied().flatten() {
                each(series, row)?;
            }
        }
    }
    Ok(())
}

/// The generations, the older one first.
pub(super) fn in_order(connection: &Connection) -> rusqlite::Result<[Generation; 2]> {
    let active = Standing::read(connection)?.active;
    Ok([active.other(), active])
}

/// What is sealed of each series.
fn sealed(connection: &Connection) -> rusqlite::Result<FxHashMap<i64, Option<i64>>> {
    let mut statement = connection.prepare_cached("SELECT id, sealed_ms FROM series")?;
    let rows = statement.query_map(params![], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Late results that are newer than what is sealed of their series.
fn unsealed_late(connection: &Connection) -> rusqlite::Result<FxHashMap<i64, Vec<Row>>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {CELLS}, fresh FROM late
         WHERE time_ms > (SELECT coalesce(sealed_ms, -9223372036854775808) FROM series WHERE id = late.series)
         ORDER BY series, time_ms"
    ))?;
    let mut rows = statement.query(params![])?;
    let mut late: FxHashMap<i64, Vec<Row>> = FxHashMap::default();
    while let Some(row) = rows.next()? {
        let (series, one) = late::read(row)?;
        late.entry(series).or_default().push(one.row);
    }
    Ok(late)
}
