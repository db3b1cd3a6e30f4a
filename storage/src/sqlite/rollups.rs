//! The tables of rollups and of their counts: what the sealed results of a series and day sum up to.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::counts::{self, Counts};
use super::day;
use super::rollup::Day;
use super::row::Row;
use crate::error::Trouble;

/// What a transaction adds to rollups and takes from them, until it is written.
#[derive(Default)]
pub(super) struct Difference {
    /// By day and series: what comes, and what goes.
    days: BTreeMap<(i64, i64), (Day, Vec<Row>)>,
}

impl Difference {
    /// A result that is new among the sealed ones.
    pub(super) fn add(&mut self, series: i64, row: &Row) {
        self.days.entry((day::of(row.time_ms), series)).or_default().0.add(row);
    }

    /// A result that another one takes the place of.
    pub(super) fn remove(&mut self, series: i64, row: Row) {
        self.days.entry((day::of(row.time_ms), series)).or_default().1.push(row);
    }

    /// Brings the tables to where they should be.
    pub(super) fn write(self, connection: &Connection) -> Result<(), Trouble> {
        let mut read = connection.prepare_cached("SELECT body FROM rollup WHERE day = ?1 AND series = ?2")?;
        let mut write =
            connection.prepare_cached("INSERT OR REPLACE INTO rollup(day, series, body) VALUES(?1, ?2, ?3)")?;
        let mut group_of = connection.prepare_cached("SELECT grp FROM series WHERE id = ?1")?;
        let mut changed: BTreeMap<(i64, i64), Counts> = BTreeMap::new();
        for ((day, series), (mut sum, gone)) in self.days {
            let known: Option<Vec<u8>> = read.query_row(params![day, series], |row| row.get(0)).optional()?;
            if let Some(known) = known {
                sum.merge(&Day::decode(&known)?);
            }
            for row in &gone {
                sum.remove(row)?;
            }
            write.execute(params![day, series, sum.encode()])?;
            let group = group_of.query_row(params![series], |row| row.get(0))?;
            changed.entry((day, group)).or_default().insert(series, sum.whole());
        }
        for ((day, group), changed) in changed {
            write_counts(connection, day, group, changed)?;
        }
        Ok(())
    }
}

/// Puts what some series of a group count on a day in the place of what they counted before.
pub(super) fn write_counts(connection: &Connection, day: i64, group: i64, changed: Counts) -> Result<(), Trouble> {
    let known: Option<Vec<u8>> = connection
        .prepare_cached("SELECT body FROM tally WHERE day = ?1 AND grp = ?2")?
        .query_row(params![day, group], |row| row.get(0))
        .optional()?;
    let mut counts = known.map_or(Ok(Counts::new()), |known| counts::decode(&known))?;
    counts.extend(changed);
    connection.prepare_cached("INSERT OR REPLACE INTO tally(day, grp, body) VALUES(?1, ?2, ?3)")?.execute(params![
        day,
        group,
        counts::encode(&counts)
    ])?;
    Ok(())
}
