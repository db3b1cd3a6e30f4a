//! Brings a store of an older format to the present one.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::blocks::{self, Level};
use super::cells::{self, CELLS};
use super::counts::Counts;
use super::day::{self, DAY_MS};
use super::names;
use super::noted;
use super::rollup::Day;
use super::rollups::{self, Difference};
use super::row::Row;
use super::schema;
use super::seal;
use super::section::Section;
use crate::error::Trouble;

/// From an older format, which is [`schema::OLDEST`] or newer.
pub(super) fn from(format: i64, connection: &Connection) -> Result<(), Trouble> {
    match format {
        schema::OLDEST => from_first(connection)?,
        2 => from_second(connection)?,
        // The third one lacks the table that the other two lack as well.
        _ => {}
    }
    Ok(connection.execute_batch(schema::VERDICTS)?)
}

/// From the second format: the counts stood beside each rollup.
fn from_second(connection: &Connection) -> Result<(), Trouble> {
    connection.execute_batch(schema::TALLY)?;
    let mut select = connection.prepare(
        "SELECT day, grp, series, body FROM rollup JOIN series ON series.id = rollup.series ORDER BY day, grp",
    )?;
    let mut rows = select.query(params![])?;
    let mut group: Option<((i64, i64), Counts)> = None;
    while let Some(row) = rows.next()? {
        let (place, series) = ((row.get(0)?, row.get(1)?), row.get(2)?);
        let sums = Day::decode(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?)?.whole();
        match &mut group {
            Some((last, counts)) if *last == place => {
                counts.insert(series, sums);
            }
            _ => {
                if let Some(((day, grp), counts)) = group.replace((place, Counts::from([(series, sums)]))) {
                    rollups::write_counts(connection, day, grp, counts)?;
                }
            }
        }
    }
    if let Some(((day, grp), counts)) = group {
        rollups::write_counts(connection, day, grp, counts)?;
    }
    drop(rows);
    drop(select);
    Ok(connection.execute_batch(
        "ALTER TABLE rollup DROP COLUMN n;
         ALTER TABLE rollup DROP COLUMN bad;
         ALTER TABLE rollup DROP COLUMN covered_ms;",
    )?)
}

/// From the first format: one table with a row for each result.
fn from_first(connection: &Connection) -> Result<(), Trouble> {
    connection.execute_batch("ALTER TABLE series RENAME TO old_series; ALTER TABLE result RENAME TO old_result;")?;
    connection.execute_batch(&schema::results())?;
    for (group, members) in groups(connection)? {
        let mut from_ms = Some(i64::MIN);
        while let Some(day) = from_ms.map(|from_ms| next_day(connection, &members, from_ms)).transpose()?.flatten() {
            seal_day(connection, group, &members, day)?;
            from_ms = day::start(day).checked_add(DAY_MS);
        }
    }
    connection.execute_batch("DROP TABLE old_result; DROP TABLE old_series;")?;
    Ok(())
}

/// Makes the series anew, under their old numbers, and tells which of them share a group.
fn groups(connection: &Connection) -> rusqlite::Result<BTreeMap<i64, Vec<i64>>> {
    let mut statement = connection.prepare(
        "SELECT id, target, probe, agent,
                (SELECT every_ms FROM old_result WHERE series = id ORDER BY time_ms DESC LIMIT 1)
         FROM old_series ORDER BY id",
    )?;
    let mut rows = statement.query(params![])?;
    while let Some(row) = rows.next()? {
        let (target, probe, agent): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        names::add_series(connection, row.get(0)?, [&target, &probe, &agent], row.get(4)?)?;
    }
    let mut groups: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let mut statement = connection.prepare("SELECT grp, id FROM series ORDER BY id")?;
    let mut rows = statement.query(params![])?;
    while let Some(row) = rows.next()? {
        groups.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(groups)
}

/// The first day from a moment on in which one of the series has a result.
fn next_day(connection: &Connection, members: &[i64], from_ms: i64) -> rusqlite::Result<Option<i64>> {
    let mut next = connection.prepare_cached(
        "SELECT time_ms FROM old_result WHERE series = ?1 AND time_ms >= ?2 ORDER BY time_ms LIMIT 1",
    )?;
    let mut first: Option<i64> = None;
    for series in members {
        let time_ms: Option<i64> = next.query_row(params![series, from_ms], |row| row.get(0)).optional()?;
        first = first.into_iter().chain(time_ms).min();
    }
    Ok(first.map(day::of))
}

fn seal_day(connection: &Connection, group: i64, members: &[i64], day: i64) -> Result<(), Trouble> {
    let mut sections = Vec::new();
    let mut difference = Difference::default();
    for series in members {
        let rows = read(connection, *series, day)?;
        if rows.is_empty() {
            continue;
        }
        for row in &rows {
            difference.add(*series, row);
            noted::add(connection, *series, row)?;
        }
        seal::mark(connection, *series, &rows)?;
        sections.push(Section { series: *series, rows });
    }
    difference.write(connection)?;
    blocks::add(connection, Level::Days, group, day, sections)?;
    Ok(())
}

fn read(connection: &Connection, series: i64, day: i64) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {CELLS} FROM old_result WHERE series = ?1 AND time_ms BETWEEN ?2 AND ?3 ORDER BY time_ms"
    ))?;
    let from_ms = day::start(day);
    let rows = statement
        .query_map(params![series, from_ms, from_ms.saturating_add(DAY_MS - 1)], |row| Ok(cells::read(row)?.1))?;
    rows.collect()
}
