//! What a writer knows of the file between two transactions.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::names::Names;
use super::seal::Frozen;
use super::standing::{Generation, Standing};

/// What was read of the file, and kept true by every transaction of this writer. It holds as long as no other
/// connection commits.
pub(super) struct Memory {
    /// SQLite's count of foreign commits at which the rest was read.
    version: i64,
    pub(super) names: Names,
    /// By the number of the series.
    pub(super) series: HashMap<i64, Known>,
    pub(super) standing: Standing,
    /// The active generation, and the late results that are sealed together with hot ones.
    pub(super) hot: Extent,
    /// The other late results: they are not newer than what is sealed of their series.
    pub(super) late: u64,
    /// Something was sealed, so that blocks may have to be merged.
    pub(super) tidy: bool,
    /// The frozen generation, once sealing it has begun.
    pub(super) frozen: Option<Frozen>,
}

/// What is known of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) group: i64,
    /// Newest sealed result.
    pub(super) sealed_ms: Option<i64>,
    /// Newest result of all.
    pub(super) last_ms: Option<i64>,
}

/// How many results there are, and of which stretch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) results: u64,
    /// Times of the oldest and the newest, in milliseconds.
    ends: Option<(i64, i64)>,
}

impl Extent {
    /// Counts a result in.
    pub(super) fn add(&mut self, time_ms: i64) {
        self.results += 1;
        let (oldest, newest) = self.ends.unwrap_or((time_ms, time_ms));
        self.ends = Some((oldest.min(time_ms), newest.max(time_ms)));
    }

    /// Time of the oldest, in milliseconds.
    pub(super) fn oldest_ms(self) -> Option<i64> {
        self.ends.map(|(oldest, _)| oldest)
    }

    /// Milliseconds from the oldest to the newest.
    pub(super) fn span_ms(self) -> u64 {
        self.ends.map_or(0, |(oldest, newest)| newest.abs_diff(oldest))
    }
}

impl Memory {
    /// Gives what is known inside a transaction: `memory` where it still holds, else what the file says.
    pub(super) fn refresh<'a>(memory: &'a mut Option<Self>, connection: &Connection) -> rusqlite::Result<&'a mut Self> {
        let version =
            connection.prepare_cached("PRAGMA data_version")?.query_row(params![], |row| row.get::<_, i64>(0))?;
        let fresh = match memory.take() {
            Some(known) if known.version == version => known,
            Some(_) | None => Self::read(connection, version)?,
        };
        Ok(memory.insert(fresh))
    }

    fn read(connection: &Connection, version: i64) -> rusqlite::Result<Self> {
        let standing = Standing::read(connection)?;
        let mut series = HashMap::new();
        let mut rows = connection.prepare_cached("SELECT id, grp, sealed_ms FROM series")?;
        let mut rows = rows.query(params![])?;
        while let Some(row) = rows.next()? {
            let sealed_ms = row.get(2)?;
            series.insert(row.get(0)?, Known { group: row.get(1)?, sealed_ms, last_ms: sealed_ms });
        }
        let mut hot = Extent::default();
        for generation in Generation::ALL {
            let sql = format!("SELECT series, time_ms FROM {}", generation.table());
            let mut rows = connection.prepare_cached(&sql)?;
            let mut rows = rows.query(params![])?;
            while let Some(row) = rows.next()? {
                let time_ms = row.get(1)?;
                if let Some(known) = series.get_mut(&row.get(0)?) {
                    known.last_ms = known.last_ms.max(Some(time_ms));
                }
                if generation == standing.active {
                    hot.add(time_ms);
                }
            }
        }
        let mut late = 0;
        let mut rows = connection.prepare_cached("SELECT series, time_ms FROM late")?;
        let mut rows = rows.query(params![])?;
        while let Some(row) = rows.next()? {
            let time_ms = row.get(1)?;
            if Some(time_ms) <= series.get(&row.get(0)?).and_then(|known: &Known| known.sealed_ms) {
                late += 1;
            } else {
                hot.add(time_ms);
            }
        }
        Ok(Self { version, names: Names::default(), series, standing, hot, late, tidy: true, frozen: None })
    }
}
