//! Merges the blocks of a group and day, which came an epoch at a time, into one.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::blocks::{self, Level, Stored};
use super::row::Row;
use super::section::Section;
use crate::error::Trouble;

/// Results of a group and day that are merged without waiting for the end of the day, and about as many as a merged
/// block holds at most.
const RESULTS: usize = 65_536;

/// Which days are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that are over: a sealed result of a later day is there.
    Over,
    /// All.
    All,
}

/// Merges blocks of one group and day. False when there is nothing to merge.
pub(super) fn merge(connection: &Connection, which: Which) -> Result<bool, Trouble> {
    let Some((group, day)) = next(connection, which)? else { return Ok(false) };
    let mut inputs: Vec<Stored> = Vec::new();
    let mut results = 0;
    for block in blocks::of_day(connection, Level::Epochs, group, day)? {
        if results >= RESULTS {
            break;
        }
        results += block.head.results();
        inputs.push(block);
    }
    // A merged block that is far from full takes them in.
    let merged = blocks::of_day(connection, Level::Days, group, day)?;
    let roomy = merged.into_iter().filter(|block| !block.head.is_rounded() && block.head.results() < RESULTS / 2);
    inputs.extend(roomy.min_by_key(|block| block.head.results()));

    let mut sections: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    for block in &inputs {
        for Section { series, rows } in block.decode(connection, |_| true)? {
            sections.entry(series).or_default().extend(rows);
        }
        block.remove(connection)?;
    }
    let sections: Vec<Section> = sections
        .into_iter()
        .map(|(series, mut rows)| {
            rows.sort_by_key(|row| row.time_ms);
            Section { series, rows }
        })
        .collect();
    blocks::add(connection, Level::Days, group, day, sections)?;
    Ok(true)
}

fn next(connection: &Connection, which: Which) -> rusqlite::Result<Option<(i64, i64)>> {
    let sql = match which {
        Which::Over => {
            "SELECT grp, day FROM block0 WHERE day < (SELECT max(day) FROM rollup)
             UNION ALL SELECT grp, day FROM block0 GROUP BY grp, day HAVING sum(n) >= ?1 LIMIT 1"
        }
        Which::All => "SELECT grp, day FROM block0 WHERE ?1 LIMIT 1",
    };
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![RESULTS])?;
    match rows.next()? {
        Some(row) => Ok(Some((row.get(0)?, row.get(1)?))),
        None => Ok(None),
    }
}
