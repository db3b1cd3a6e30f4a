//! Verifies the sealed results of a group and day, and their sums.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use super::noted::{self, Notes};
use super::{Verdict, has_words};
use crate::error::Trouble;
use crate::sqlite::blocks::{self, Level, Stored};
use crate::sqlite::counts::{self, Counts};
use crate::sqlite::day::{self, DAY_MS};
use crate::sqlite::late;
use crate::sqlite::overlay;
use crate::sqlite::reader::Newest;
use crate::sqlite::rollup::Day;
use crate::sqlite::row::Row;
use crate::sqlite::section::Section;

/// What is sealed of a series.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) results: u64,
    /// Time of the oldest one in milliseconds, and the newest one.
    pub(super) ends: Option<(i64, Newest)>,
}

/// Verifies one group and day, and adds what is sealed of each series to `found`. `notes` has the noted results of the
/// day, by series, from which those of the group are taken; none when only the sums of the day may be there.
pub(super) fn verify(
    connection: &Connection,
    (group, day): (i64, i64),
    mut notes: Option<&mut HashMap<i64, Notes>>,
    found: &mut HashMap<i64, Found>,
    verdict: &mut Verdict,
) -> Result<(), Trouble> {
    let place = |what: &str| format!("{what} of group {group}, day {day}");
    let members = members(connection, group)?;
    let mut sealed: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    for level in Level::ALL {
        let blocks = match blocks::of_day(connection, level, group, day) {
            Ok(blocks) => blocks,
            Err(Trouble::Damage(damage)) => {
                verdict.find(place(level.table()), damage.to_string());
                continue;
            }
            Err(other) => return Err(other),
        };
        for block in blocks {
            let place = format!("{} {}", level.table(), block.id);
            match block.decode(connection, |_| true) {
                Ok(sections) => {
                    columns(connection, &place, &block, verdict)?;
                    take(&place, &block, sections, &members, &mut sealed, verdict);
                }
                Err(Trouble::Damage(damage)) => verdict.find(place, damage.to_string()),
                Err(other) => return Err(other),
            }
        }
    }
    for (series, sealed_ms) in &members {
        let mut rows = sealed.remove(series).unwrap_or_default();
        rows.sort_by_key(|row| row.time_ms);
        if !rows.is_sorted_by(|row, next| row.time_ms < next.time_ms) {
            verdict.find(place("blocks"), format!("series {series} has two results of one moment"));
        }
        let last_ms = day::start(day).saturating_add(DAY_MS - 1);
        let late = match sealed_ms {
            Some(sealed_ms) => late::between(connection, *series, day::start(day), last_ms.min(*sealed_ms))?,
            None => Vec::new(),
        };
        let stands = |time_ms: i64| rows.binary_search_by_key(&time_ms, |row| row.time_ms).is_ok();
        if late.iter().any(|late| late.fresh == stands(late.row.time_ms)) {
            verdict
                .find(place("late results"), format!("series {series} has one whose `fresh` does not fit the blocks"));
        }
        let rows = overlay::overlay(rows, late.into_iter().map(|late| late.row));
        verdict.results += rows.len() as u64;
        found.entry(*series).or_default().add(&rows);
        if let Some(notes) = &mut notes {
            if notes.remove(series).unwrap_or_default() != Notes::of(&rows) {
                verdict.find(noted::place(*series, day), noted::OTHERS);
            }
            sums(connection, *series, day, &rows, verdict)?;
        }
    }
    counts(connection, (group, day), members.keys().copied(), verdict)
}

impl Found {
    /// Adds results that are newer than those before.
    fn add(&mut self, rows: &[Row]) {
        self.results += rows.len() as u64;
        if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            let oldest_ms = self.ends.map_or(first.time_ms, |(oldest_ms, _)| oldest_ms);
            self.ends = Some((oldest_ms, Newest::of(last)));
        }
    }
}

/// What is sealed of each series of a group.
fn members(connection: &Connection, group: i64) -> rusqlite::Result<BTreeMap<i64, Option<i64>>> {
    let mut statement = connection.prepare_cached("SELECT id, sealed_ms FROM series WHERE grp = ?1")?;
    let rows = statement.query_map(params![group], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Compares the columns of a block's row with what the block says of itself.
fn columns(connection: &Connection, place: &str, block: &Stored, verdict: &mut Verdict) -> rusqlite::Result<()> {
    let sql = match block.level {
        Level::Epochs => "SELECT n, 0 FROM block0 WHERE id = ?1",
        Level::Days => "SELECT n, rounded FROM block1 WHERE id = ?1",
    };
    let said: (i64, bool) =
        connection.prepare_cached(sql)?.query_row(params![block.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if said != (block.head.results() as i64, block.head.is_rounded()) {
        verdict.find(place, "its row tells something else of it than its head");
    }
    Ok(())
}

/// Takes the results of a block and compares them with what the block says of itself.
fn take(
    place: &str,
    block: &Stored,
    sections: Vec<Section>,
    members: &BTreeMap<i64, Option<i64>>,
    found: &mut BTreeMap<i64, Vec<Row>>,
    verdict: &mut Verdict,
) {
    verdict.blocks += 1;
    for Section { series, rows } in sections {
        match members.get(&series) {
            None => verdict.find(place, format!("series {series} does not belong to group {}", block.group)),
            Some(sealed_ms) if rows.last().map(|row| row.time_ms) > *sealed_ms => {
                verdict.find(place, format!("series {series} has results that are newer than what is sealed of it"));
            }
            Some(_) => {}
        }
        if rows.iter().any(|row| day::of(row.time_ms) != block.day) {
            verdict.find(place, format!("series {series} has results of another day"));
        }
        if !rows.iter().all(has_words) {
            verdict.find(place, format!("series {series} has results with words that are in no list"));
        }
        found.entry(series).or_default().extend(rows);
    }
}

/// Compares the rollup of a series and day with its results.
fn sums(connection: &Connection, series: i64, day: i64, rows: &[Row], verdict: &mut Verdict) -> Result<(), Trouble> {
    let mut sum = Day::default();
    rows.iter().for_each(|row| sum.add(row));
    let place = || format!("rollup of series {series}, day {day}");
    match rollup(connection, series, day)? {
        Some(body) => {
            verdict.rollups += 1;
            match Day::decode(&body) {
                Ok(stored) if stored == sum => {}
                Ok(_) => verdict.find(place(), "it is not the sum of the results"),
                Err(damage) => verdict.find(place(), damage.to_string()),
            }
        }
        None if rows.is_empty() => {}
        None => verdict.find(place(), "it is missing"),
    }
    Ok(())
}

/// Compares the counts of a group on a day with the rollups of its series.
fn counts(
    connection: &Connection,
    (group, day): (i64, i64),
    members: impl Iterator<Item = i64>,
    verdict: &mut Verdict,
) -> Result<(), Trouble> {
    let mut expected = Counts::new();
    for series in members {
        if let Some(Ok(day)) = rollup(connection, series, day)?.map(|body| Day::decode(&body)) {
            expected.insert(series, day.whole());
        }
    }
    let stored: Option<Vec<u8>> = connection
        .prepare_cached("SELECT body FROM tally WHERE day = ?1 AND grp = ?2")?
        .query_row(params![day, group], |row| row.get(0))
        .optional()?;
    let place = || format!("tally of group {group}, day {day}");
    match stored.map_or(Ok(Counts::new()), |body| counts::decode(&body)) {
        Ok(stored) if stored == expected => {}
        Ok(_) => verdict.find(place(), "it does not count what the rollups do"),
        Err(damage) => verdict.find(place(), damage.to_string()),
    }
    Ok(())
}

fn rollup(connection: &Connection, series: i64, day: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT body FROM rollup WHERE day = ?1 AND series = ?2")?
        .query_row(params![day, series], |row| row.get(0))
        .optional()
}
