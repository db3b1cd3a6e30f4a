//! Numbers for what repeats: a series, a detail.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::day::DAY_MS;
use crate::check;
use crate::record::ProbeResult;

/// At most this many numbers of a kind are remembered; a full memory starts again from nothing.
const REMEMBERED: usize = 16_384;

/// Most series that share the blocks of a group.
const MEMBERS: i64 = 16;

/// Results of a group and day beyond which further series get a group of their own.
const GROUP_RESULTS: i64 = 65_536;

/// Numbers of this file that a writer has seen. Forgotten when a transaction fails, for it may have made some.
#[derive(Default)]
pub(super) struct Names {
    /// By agent, target and probe.
    series: HashMap<String, HashMap<String, HashMap<String, i64>>>,
    remembered: usize,
    details: HashMap<String, i64>,
}

impl Names {
    /// Number of the series of `result`, made where it is new.
    pub(super) fn series(&mut self, connection: &Connection, result: &ProbeResult) -> rusqlite::Result<i64> {
        let ProbeResult { target, probe, agent, every_s, .. } = result;
        let probes = self.series.get(agent).and_then(|targets| targets.get(target));
        if let Some(id) = probes.and_then(|probes| probes.get(probe)) {
            return Ok(*id);
        }
        let known = connection
            .prepare_cached("SELECT id FROM series WHERE target = ?1 AND probe = ?2 AND agent = ?3")?
            .query_row(params![target, probe, agent], |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => add_series(connection, None, [target, probe, agent], every_s.and_then(check::milliseconds))?,
        };
        if self.remembered >= REMEMBERED {
            self.series.clear();
            self.remembered = 0;
        }
        self.remembered += 1;
        let probes = self.series.entry(agent.clone()).or_default().entry(target.clone()).or_default();
        probes.insert(probe.clone(), id);
        Ok(id)
    }

    /// Forgets the details, for some are gone.
    pub(super) fn forget_details(&mut self) {
        self.details.clear();
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
        if self.details.len() >= REMEMBERED {
            self.details.clear();
        }
        self.details.insert(text.to_owned(), id);
        Ok(id)
    }
}

/// Adds a series, under a number of its own or the next one. It joins the group of its target and agent, in which the
/// results of one run follow each other, as long as a day of the group stays small.
pub(super) fn add_series(
    connection: &Connection,
    id: Option<i64>,
    [target, probe, agent]: [&str; 3],
    every_ms: Option<i64>,
) -> rusqlite::Result<i64> {
    let daily = every_ms.map_or(0, |every_ms| DAY_MS / every_ms.max(1));
    let members = if daily == 0 { MEMBERS } else { (GROUP_RESULTS / daily).clamp(1, MEMBERS) };
    let group: i64 = connection
        .prepare_cached(
            "SELECT coalesce(
                 (SELECT grp FROM series WHERE target = ?1 AND agent = ?2 GROUP BY grp HAVING count(*) < ?3 LIMIT 1),
                 (SELECT max(grp) + 1 FROM series),
                 1)",
        )?
        .query_row(params![target, agent, members], |row| row.get(0))?;
    connection
        .prepare_cached("INSERT INTO series(id, target, probe, agent, grp) VALUES(?1, ?2, ?3, ?4, ?5)")?
        .insert(params![id, target, probe, agent, group])
}
