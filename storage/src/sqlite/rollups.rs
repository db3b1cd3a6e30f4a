//! The table of rollups: what the sealed results of a series and day sum up to.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

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

    /// Brings the table to where it should be.
    pub(super) fn write(self, connection: &Connection) -> Result<(), Trouble> {
        let mut read = connection.prepare_cached("SELECT body FROM rollup WHERE day = ?1 AND series = ?2")?;
        let mut write = connection.prepare_cached(
            "INSERT OR REPLACE INTO rollup(day, series, n, bad, covered_ms, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for ((day, series), (mut sum, gone)) in self.days {
            let known: Option<Vec<u8>> = read.query_row(params![day, series], |row| row.get(0)).optional()?;
            if let Some(known) = known {
                sum.merge(&Day::decode(&known)?);
            }
            for row in &gone {
                sum.remove(row)?;
            }
            write.execute(params![day, series, sum.results(), sum.bad(), sum.covered_ms() as i64, sum.encode()])?;
        }
        Ok(())
    }
}
