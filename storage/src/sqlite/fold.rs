//! Works late results into blocks. The rollups have them already.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::blocks::{self, Level, Stored};
use super::cells::CELLS;
use super::day::{self, DAY_MS};
use super::late::{self, Late};
use super::memory::Memory;
use super::rollups::Difference;
use super::rounding;
use super::row::Row;
use super::section::Section;
use crate::error::Trouble;

/// Late results that are worked in without waiting until their day is rounded or dropped, or the store compacted.
const DUE: u64 = 4096;

/// Most of them in one transaction.
const PIECE: i64 = 8192;

/// Whether enough have gathered.
pub(super) fn is_due(memory: &Memory) -> bool {
    memory.late >= DUE
}

/// Works in the late results of the group and day of the oldest one. False when there are none.
pub(super) fn fold(connection: &Connection, memory: &mut Memory) -> Result<bool, Trouble> {
    let Some((group, day)) = next(connection)? else {
        memory.late = 0;
        return Ok(false);
    };
    fold_day(connection, memory, group, day)?;
    Ok(true)
}

/// As [`fold`], but only late results of days before `end`.
pub(super) fn fold_before(connection: &Connection, memory: &mut Memory, end: i64) -> Result<bool, Trouble> {
    match next(connection)? {
        Some((group, day)) if day < end => {
            fold_day(connection, memory, group, day)?;
            Ok(true)
        }
        Some(_) | None => Ok(false),
    }
}

fn fold_day(connection: &Connection, memory: &mut Memory, group: i64, day: i64) -> Result<(), Trouble> {
    let late = read(connection, group, day)?;
    let taken: usize = late.values().map(Vec::len).sum();
    for (series, late) in &late {
        for Late { row, .. } in late {
            late::remove(connection, *series, row.time_ms, row.time_ms)?;
        }
    }
    memory.late = memory.late.saturating_sub(taken as u64);
    memory.tidy = true;

    let replaces = late.values().flatten().any(|late| !late.fresh);
    let mut rows: Rows = late
        .into_iter()
        .map(|(series, late)| (series, late.into_iter().map(|late| (late.row.time_ms, late.row)).collect()))
        .collect();
    if replaces {
        for level in Level::ALL {
            for block in blocks::of_day(connection, level, group, day)? {
                replace(connection, &block, &mut rows)?;
            }
        }
    }
    let sections: Vec<Section> = rows
        .into_iter()
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(series, rows)| Section { series, rows: rows.into_values().collect() })
        .collect();
    if !sections.is_empty() {
        blocks::add(connection, Level::Epochs, group, day, sections)?;
    }
    Ok(())
}

/// Results by series and time.
type Rows = BTreeMap<i64, BTreeMap<i64, Row>>;

/// Group and day of the oldest late result that is not newer than what is sealed of its series.
fn next(connection: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let mut statement = connection.prepare_cached(
        "SELECT series.grp, late.time_ms FROM late JOIN series ON series.id = late.series
         WHERE late.time_ms <= series.sealed_ms ORDER BY late.time_ms LIMIT 1",
    )?;
    let mut rows = statement.query(params![])?;
    match rows.next()? {
        Some(row) => Ok(Some((row.get(0)?, day::of(row.get(1)?)))),
        None => Ok(None),
    }
}

fn read(connection: &Connection, group: i64, day: i64) -> rusqlite::Result<BTreeMap<i64, Vec<Late>>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {CELLS}, fresh FROM late
         WHERE series IN (SELECT id FROM series WHERE grp = ?1)
           AND time_ms BETWEEN ?2 AND ?3
           AND time_ms <= (SELECT sealed_ms FROM series WHERE id = late.series)
         ORDER BY time_ms LIMIT ?4"
    ))?;
    let from_ms = day::start(day);
    let mut rows = statement.query(params![group, from_ms, from_ms.saturating_add(DAY_MS - 1), PIECE])?;
    let mut late: BTreeMap<i64, Vec<Late>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (series, one) = late::read(row)?;
        late.entry(series).or_default().push(one);
    }
    Ok(late)
}

/// Puts those of `late` that stand in the block into their places in it.
fn replace(connection: &Connection, block: &Stored, late: &mut Rows) -> Result<(), Trouble> {
    let covered =
        |series: &i64, rows: &BTreeMap<i64, Row>| rows.keys().any(|time_ms| block.head.covers(*series, *time_ms));
    if !late.iter().any(|(series, rows)| covered(series, rows)) {
        return Ok(());
    }
    let mut sections = block.decode(connection, |_| true)?;
    let mut difference = Difference::default();
    let mut replaced = false;
    for Section { series, rows } in &mut sections {
        let Some(late) = late.get_mut(series) else { continue };
        for row in rows {
            let Some(mut other) = late.remove(&row.time_ms) else { continue };
            if block.head.is_rounded() {
                let rounded = rounding::rounded(&other);
                difference.remove(*series, std::mem::replace(&mut other, rounded));
                difference.add(*series, &other);
            }
            *row = other;
            replaced = true;
        }
    }
    if !replaced {
        return Ok(());
    }
    difference.write(connection)?;
    block.rewrite(connection, &sections, block.head.precision)?;
    Ok(())
}
