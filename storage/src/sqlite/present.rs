//! Finds results that are in the store already, by series and time.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, params};

use super::blocks::{self, Level};
use super::cells::{self, CELLS};
use super::day;
use super::late;
use super::memory::Memory;
use super::rounding;
use super::row::Row;
use super::standing::Generation;
use crate::error::Trouble;

/// What identifies a result: the number of its series, and its time in milliseconds.
pub(super) type Key = (i64, i64);

/// A result that is in the store.
#[derive(Debug, Clone)]
pub(super) struct Present {
    pub(super) row: Row,
    /// No block and no hot row has it: it stands among the late ones only.
    pub(super) late_only: bool,
    /// Its durations are rounded.
    rounded: bool,
}

impl Present {
    /// A result that was just written.
    pub(super) fn exact(row: Row, late_only: bool) -> Self {
        Self { row, late_only, rounded: false }
    }

    /// Whether `row` says the same as the store.
    pub(super) fn same_as(&self, row: &Row) -> bool {
        if self.rounded { rounding::rounded(row) == self.row } else { *row == self.row }
    }
}

/// Those of `keys` that the store has.
pub(super) fn look_up(
    connection: &Connection,
    memory: &Memory,
    keys: &HashSet<Key>,
) -> Result<HashMap<Key, Present>, Trouble> {
    let mut present = HashMap::new();
    let sealed =
        |(series, time_ms): Key| memory.series.get(&series).is_some_and(|known| Some(time_ms) <= known.sealed_ms);
    if keys.iter().any(|key| !sealed(*key)) {
        in_hot(connection, keys, &mut present)?;
    }
    let mut days: BTreeSet<(i64, i64)> = BTreeSet::new();
    for (series, time_ms) in keys.iter().copied().filter(|key| sealed(*key)) {
        if let Some(known) = memory.series.get(&series) {
            days.insert((known.group, day::of(time_ms)));
        }
    }
    for (group, day) in days {
        in_blocks(connection, (group, day), keys, &mut present)?;
    }
    for (series, time_ms) in keys {
        if let Some(late) = late::find(connection, *series, *time_ms)? {
            present.insert((*series, *time_ms), Present::exact(late.row, late.fresh));
        }
    }
    Ok(present)
}

fn in_hot(connection: &Connection, keys: &HashSet<Key>, present: &mut HashMap<Key, Present>) -> rusqlite::Result<()> {
    for generation in Generation::ALL {
        let table = generation.table();
        let mut scan = connection.prepare_cached(&format!("SELECT seq, series, time_ms FROM {table}"))?;
        let mut read = connection.prepare_cached(&format!("SELECT {CELLS} FROM {table} WHERE seq = ?1"))?;
        let mut rows = scan.query(params![])?;
        while let Some(row) = rows.next()? {
            let key = (row.get(1)?, row.get(2)?);
            if keys.contains(&key) {
                let (_, row) = read.query_row(params![row.get::<_, i64>(0)?], cells::read)?;
                present.insert(key, Present::exact(row, false));
            }
        }
    }
    Ok(())
}

fn in_blocks(
    connection: &Connection,
    (group, day): (i64, i64),
    keys: &HashSet<Key>,
    present: &mut HashMap<Key, Present>,
) -> Result<(), Trouble> {
    for level in Level::ALL {
        for block in blocks::of_day(connection, level, group, day)? {
            let within: HashSet<i64> = keys
                .iter()
                .filter(|(series, time_ms)| block.head.covers(*series, *time_ms))
                .map(|(series, _)| *series)
                .collect();
            if within.is_empty() {
                continue;
            }
            for section in block.decode(connection, |series| within.contains(&series))? {
                for row in section.rows {
                    let key = (section.series, row.time_ms);
                    if keys.contains(&key) {
                        present.insert(key, Present { row, late_only: false, rounded: block.head.is_rounded() });
                    }
                }
            }
        }
    }
    Ok(())
}
