//! Numbers for what repeats: a series, a detail.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::record::ProbeResult;

/// At most this many numbers of a kind are remembered; a full memory starts again from nothing.
const REMEMBERED: usize = 16_384;

/// Numbers of this file that a writer has seen. Forgotten when a transaction fails, for it may have made some.
#[derive(Default)]
pub(super) struct Names {
    series: HashMap<(String, String, String), i64>,
    details: HashMap<String, i64>,
}

impl Names {
    pub(super) fn forget(&mut self) {
        self.series.clear();
        self.details.clear();
    }

    /// Number of the series of `result`, made where it is new.
    pub(super) fn series(&mut self, connection: &Connection, result: &ProbeResult) -> rusqlite::Result<i64> {
        let key = (result.target.clone(), result.probe.clone(), result.agent.clone());
        if let Some(id) = self.series.get(&key) {
            return Ok(*id);
        }
        let names = params![key.0, key.1, key.2];
        let known = connection
            .prepare_cached("SELECT id FROM series WHERE target = ?1 AND probe = ?2 AND agent = ?3")?
            .query_row(names, |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => connection
                .prepare_cached("INSERT INTO series(target, probe, agent) VALUES(?1, ?2, ?3)")?
                .insert(names)?,
        };
        remember(&mut self.series, key, id);
        Ok(id)
    }

    /// Number of a detail, made where it is new.
    pub(super) fn detail(&mut self, connection: &Connection, text: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.details.get(text) {
            return Ok(*id);
        }
        let known = connection
            .prepare_cached("SELECT id FROM detail WHERE text = ?1")?
            .query_row([text], |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => connection.prepare_cached("INSERT INTO detail(text) VALUES(?1)")?.insert([text])?,
        };
        remember(&mut self.details, text.to_owned(), id);
        Ok(id)
    }
}

fn remember<K: std::hash::Hash + Eq>(memory: &mut HashMap<K, i64>, key: K, id: i64) {
    if memory.len() >= REMEMBERED {
        memory.clear();
    }
    memory.insert(key, id);
}
