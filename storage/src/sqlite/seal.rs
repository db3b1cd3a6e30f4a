//! Seals the frozen generation: its results become blocks and rollups, a few groups at a time.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::blocks::{self, Level};
use super::cells::{self, CELLS};
use super::day;
use super::late;
use super::memory::{Extent, Memory};
use super::overlay;
use super::rollups::Difference;
use super::row::Row;
use super::section::Section;
use crate::damage::Damage;
use crate::error::Trouble;

/// Results in the active generation at which it is frozen ..
const RESULTS: u64 = 32_768;

/// .. or the stretch from its oldest to its newest one, in milliseconds.
const EPOCH_MS: u64 = 2 * 3_600_000;

/// Results that are sealed in one transaction, unless a single group has more.
const PIECE: usize = 8192;

/// The frozen generation, by group and series, as far as it is not sealed. Nothing is added to it any more.
pub(super) struct Frozen {
    groups: Vec<(i64, Vec<Section>)>,
}

/// Whether the active generation is to be frozen.
pub(super) fn is_due(hot: Extent) -> bool {
    hot.results >= RESULTS || hot.span_ms() >= EPOCH_MS
}

/// Freezes the active generation, and lets the other one, which is empty, grow.
pub(super) fn freeze(connection: &Connection, memory: &mut Memory) -> rusqlite::Result<()> {
    memory.standing.active = memory.standing.active.other();
    memory.standing.frozen = true;
    memory.hot = Extent::default();
    memory.standing.write(connection)
}

/// Seals the next groups of the frozen generation; after the last one, empties it.
pub(super) fn seal(connection: &Connection, memory: &mut Memory) -> Result<(), Trouble> {
    let mut frozen = match memory.frozen.take() {
        Some(frozen) => frozen,
        None => read(connection, memory)?,
    };
    memory.tidy = true;
    let mut results = 0;
    while results < PIECE {
        let Some((group, sections)) = frozen.groups.pop() else {
            connection.execute(&format!("DELETE FROM {}", memory.standing.active.other().table()), params![])?;
            memory.standing.frozen = false;
            memory.standing.write(connection)?;
            return Ok(());
        };
        results += sections.iter().map(|section| section.rows.len()).sum::<usize>();
        seal_group(connection, memory, group, sections)?;
    }
    memory.frozen = Some(frozen);
    Ok(())
}

fn read(connection: &Connection, memory: &Memory) -> Result<Frozen, Trouble> {
    let mut groups: BTreeMap<i64, BTreeMap<i64, Vec<Row>>> = BTreeMap::new();
    let table = memory.standing.active.other().table();
    let mut statement = connection.prepare_cached(&format!("SELECT {CELLS} FROM {table} ORDER BY seq"))?;
    let mut rows = statement.query(params![])?;
    while let Some(row) = rows.next()? {
        let (series, row) = cells::read(row)?;
        let Some(known) = memory.series.get(&series) else { continue };
        // What is not newer was sealed before sealing was broken off.
        if Some(row.time_ms) > known.sealed_ms {
            let rows = groups.entry(known.group).or_default().entry(series).or_default();
            if rows.last().is_some_and(|before| before.time_ms >= row.time_ms) {
                return Err(Damage("hot results of a series do not rise").into());
            }
            rows.push(row);
        }
    }
    let sections =
        |series: BTreeMap<i64, Vec<Row>>| series.into_iter().map(|(series, rows)| Section { series, rows }).collect();
    Ok(Frozen { groups: groups.into_iter().map(|(group, series)| (group, sections(series))).collect() })
}

fn seal_group(connection: &Connection, memory: &mut Memory, group: i64, sections: Vec<Section>) -> Result<(), Trouble> {
    let mut difference = Difference::default();
    let mut days: BTreeMap<i64, Vec<Section>> = BTreeMap::new();
    for Section { series, rows } in sections {
        let (Some(known), Some(newest)) = (memory.series.get_mut(&series), rows.last().cloned()) else { continue };
        let from_ms = known.sealed_ms.map_or(i64::MIN, |sealed_ms| sealed_ms + 1);
        let late = late::between(connection, series, from_ms, newest.time_ms)?;
        if !late.is_empty() {
            late::remove(connection, series, from_ms, newest.time_ms)?;
        }
        let rows = overlay::overlay(rows, late.into_iter().map(|late| late.row));
        known.sealed_ms = Some(newest.time_ms);
        mark(connection, series, &rows)?;
        for row in rows {
            difference.add(series, &row);
            let sections = days.entry(day::of(row.time_ms)).or_default();
            match sections.last_mut() {
                Some(section) if section.series == series => section.rows.push(row),
                Some(_) | None => sections.push(Section { series, rows: vec![row] }),
            }
        }
    }
    difference.write(connection)?;
    for (day, sections) in days {
        blocks::add(connection, Level::Epochs, group, day, sections)?;
    }
    Ok(())
}

/// Says in the row of the series what is sealed of it by now.
pub(super) fn mark(connection: &Connection, series: i64, rows: &[Row]) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
    connection
        .prepare_cached(
            "UPDATE series SET results = results + ?2, first_ms = min(coalesce(first_ms, ?3), ?3), sealed_ms = ?4,
                               kind = ?5, expect = ?6, variant = ?7, every_ms = ?8 WHERE id = ?1",
        )?
        .execute(params![
            series,
            rows.len(),
            first.time_ms,
            last.time_ms,
            last.kind,
            last.expect,
            last.variant,
            last.every_ms
        ])
        .map(|_| ())
}
