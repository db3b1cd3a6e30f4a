//! The tables of sealed blocks.

use rusqlite::{Connection, params};

use super::block::{self, Block};
use super::column::Effort;
use super::head::{self, Head, MAX_ROWS, MAX_SECTIONS, Precision};
use super::section::Section;
use crate::error::Trouble;

/// Which of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// As the results came, an epoch at a time.
    Epochs,
    /// Merged.
    Days,
}

/// A block as it stands in its table.
pub(super) struct Stored {
    pub(super) level: Level,
    pub(super) id: i64,
    pub(super) group: i64,
    pub(super) day: i64,
    pub(super) crc: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) head: Head,
}

impl Level {
    /// Both, in the order in which results pass through them.
    pub(super) const ALL: [Self; 2] = [Self::Epochs, Self::Days];

    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Epochs => "block0",
            Self::Days => "block1",
        }
    }

    fn effort(self) -> Effort {
        match self {
            Self::Epochs => Effort::Quick,
            Self::Days => Effort::Thorough,
        }
    }
}

impl Stored {
    /// Its results, of the series that are wanted. The checksum is compared first.
    pub(super) fn decode(
        &self,
        connection: &Connection,
        wanted: impl Fn(i64) -> bool,
    ) -> Result<Vec<Section>, Trouble> {
        let data = self.data(connection)?;
        Ok(block::decode(&self.head, &data, wanted)?)
    }

    /// Its columns, after the checksum was compared.
    pub(super) fn data(&self, connection: &Connection) -> Result<Vec<u8>, Trouble> {
        let sql = format!("SELECT data FROM {} WHERE id = ?1", self.level.table());
        let data: Vec<u8> = connection.prepare_cached(&sql)?.query_row(params![self.id], |row| row.get(0))?;
        block::verify(self.group, self.day, &self.bytes, &data, self.crc)?;
        Ok(data)
    }

    /// Puts a block of `sections`, which are no more than it has, in its place, with that precision.
    pub(super) fn rewrite(
        &self,
        connection: &Connection,
        sections: &[Section],
        precision: Precision,
    ) -> rusqlite::Result<()> {
        self.remove(connection)?;
        let block = block::encode(self.group, self.day, sections, self.level.effort(), precision);
        insert(connection, self.level, self.group, self.day, &block, precision)
    }

    /// Takes it out of its table.
    pub(super) fn remove(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(&format!("DELETE FROM {} WHERE id = ?1", self.level.table()))?
            .execute(params![self.id])
            .map(|_| ())
    }
}

/// The blocks of a group and day in one table, without their columns.
pub(super) fn of_day(connection: &Connection, level: Level, group: i64, day: i64) -> Result<Vec<Stored>, Trouble> {
    let sql = format!("SELECT id, crc, head FROM {} WHERE grp = ?1 AND day = ?2 ORDER BY id", level.table());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![group, day])?;
    let mut blocks = Vec::new();
    while let Some(row) = rows.next()? {
        let bytes: Vec<u8> = row.get(2)?;
        let head = head::read(&bytes)?;
        blocks.push(Stored { level, id: row.get(0)?, group, day, crc: row.get(1)?, bytes, head });
    }
    Ok(blocks)
}

/// Days of a group that have blocks, from one to another one, both inside.
pub(super) fn days(connection: &Connection, group: i64, from: i64, to: i64) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT day FROM block0 WHERE grp = ?1 AND day BETWEEN ?2 AND ?3
         UNION SELECT day FROM block1 WHERE grp = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY 1",
    )?;
    let rows = statement.query_map(params![group, from, to], |row| row.get(0))?;
    rows.collect()
}

/// Adds results of a group and day in one block, or in more where they are too many for one.
pub(super) fn add(
    connection: &Connection,
    level: Level,
    group: i64,
    day: i64,
    sections: Vec<Section>,
) -> rusqlite::Result<()> {
    let pack = |sections: &[Section]| {
        let block = block::encode(group, day, sections, level.effort(), Precision::Exact);
        insert(connection, level, group, day, &block, Precision::Exact)
    };
    let rows: usize = sections.iter().map(|section| section.rows.len()).sum();
    if rows <= MAX_ROWS && sections.len() <= MAX_SECTIONS {
        return pack(&sections);
    }
    for Section { series, rows } in sections {
        for rows in rows.chunks(MAX_ROWS) {
            pack(&[Section { series, rows: rows.to_vec() }])?;
        }
    }
    Ok(())
}

fn insert(
    connection: &Connection,
    level: Level,
    group: i64,
    day: i64,
    block: &Block,
    precision: Precision,
) -> rusqlite::Result<()> {
    let Block { head, data, crc, rows } = block;
    match level {
        Level::Epochs => connection
            .prepare_cached("INSERT INTO block0(grp, day, n, crc, head, data) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![group, day, rows, crc, head, data]),
        Level::Days => connection
            .prepare_cached(
                "INSERT INTO block1(grp, day, n, rounded, crc, head, data) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![group, day, rows, precision == Precision::Rounded, crc, head, data]),
    }
    .map(|_| ())
}
