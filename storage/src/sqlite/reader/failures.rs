//! Lists the results that did not succeed.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use super::results::UNKNOWN;
use super::{Reader, Series, SeriesKey};
use crate::error::Error;
use crate::record::{Outcome, Reason};
use crate::window::{Window, at_millisecond};

/// A result that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Start of the execution.
    pub time: Timestamp,
    /// Whose it is.
    pub series: Arc<SeriesKey>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub reason: Option<Reason>,
    /// HTTP status of the answer, if one came.
    pub status: Option<u16>,
    /// Duration in microseconds.
    pub took_us: u64,
    /// What was seen.
    pub detail: Option<String>,
}

/// Failures that are read at once.
const PAGE: usize = 4096;

/// A row of `noted` with the text of its detail.
struct Noted {
    time_ms: i64,
    series: i64,
    outcome: u8,
    reason: Option<u8>,
    status: Option<u16>,
    took_us: u64,
    detail: Option<String>,
}

impl Reader {
    /// Gives `each` the results of a window that did not succeed, by time, until it breaks. They are rows of their own,
    /// so that this costs nothing for the others. Nothing is held open while `each` runs.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn failures(
        &self,
        window: Option<Window>,
        mut each: impl FnMut(Failure) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut names: HashMap<i64, Arc<SeriesKey>> = HashMap::new();
        let stretch = super::stretch(window);
        let mut after = (stretch.from_ms, i64::MIN);
        loop {
            let page = self.noted(after, stretch.until_ms)?;
            for noted in &page {
                after = (noted.time_ms, noted.series);
                if !names.contains_key(&noted.series) {
                    names =
                        self.members(None)?.into_iter().map(|member| (member.series, Arc::new(member.key))).collect();
                }
                let Some(series) = names.get(&noted.series) else { return Err(self.damaged(UNKNOWN)) };
                let failure = noted.failure(Arc::clone(series)).ok_or_else(|| self.damaged(UNKNOWN))?;
                if each(failure).is_break() {
                    return Ok(());
                }
            }
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// The last results of a window that did not succeed, of some series or all, that ended so or anyhow: the newest
    /// first, at most `limit`.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn last_failures(
        &self,
        series: Option<&[SeriesKey]>,
        outcome: Option<Outcome>,
        window: Window,
        limit: usize,
    ) -> Result<Vec<Failure>, Error> {
        let wanted = series.map(|keys| keys.iter().collect::<HashSet<_>>());
        let mut members = self.members(None)?;
        members.retain(|member| wanted.as_ref().is_none_or(|wanted| wanted.contains(&member.key)));
        let ids: Vec<i64> = members.iter().map(|member| member.series).collect();
        let only = wanted.map(|_| serde_json::Value::from(ids).to_string());
        let names: HashMap<i64, Arc<SeriesKey>> =
            members.into_iter().map(|member| (member.series, Arc::new(member.key))).collect();
        let (from_ms, until_ms) = super::bounds(Some(window));
        let noted: Vec<Noted> = self.snapshot(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT time_ms, series, outcome, reason, status, took_us, text
                 FROM noted LEFT JOIN detail ON detail.id = noted.detail
                 WHERE time_ms >= ?1 AND time_ms < ?2 AND outcome <> ?3 AND (?4 IS NULL OR outcome = ?4)
                   AND (?6 IS NULL OR series IN (SELECT value FROM json_each(?6)))
                 ORDER BY time_ms DESC, series DESC LIMIT ?5",
            )?;
            let (success, outcome) = (Outcome::Success.code(), outcome.map(Outcome::code));
            let rows = statement.query_map(params![from_ms, until_ms, success, outcome, limit, only], Noted::of)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })?;
        let failure = |noted: &Noted| noted.failure(Arc::clone(names.get(&noted.series)?));
        noted.iter().map(|noted| failure(noted).ok_or_else(|| self.damaged(UNKNOWN))).collect()
    }

    /// How and why the newest result of each of these series ended, of those that did not succeed.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn ended_badly(&self, series: &[Series]) -> Result<HashMap<SeriesKey, (Outcome, Option<Reason>)>, Error> {
        let ids: HashMap<SeriesKey, i64> =
            self.members(None)?.into_iter().map(|member| (member.key, member.series)).collect();
        let mut ended = HashMap::new();
        for series in series {
            let key = series.key();
            let Some(id) = ids.get(&key) else { continue };
            let last_ms = series.last.as_millisecond();
            let newest: Option<(u8, Option<u8>)> = self.snapshot(|connection| {
                let mut statement = connection
                    .prepare_cached("SELECT outcome, reason FROM noted WHERE time_ms = ?1 AND series = ?2")?;
                Ok(statement.query_row(params![last_ms, id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
            })?;
            let Some((outcome, reason)) = newest else { continue };
            let outcome = Outcome::from_code(outcome).ok_or_else(|| self.damaged(UNKNOWN))?;
            let reason = reason.map(|code| Reason::from_code(code).ok_or_else(|| self.damaged(UNKNOWN))).transpose()?;
            if outcome != Outcome::Success {
                ended.insert(key, (outcome, reason));
            }
        }
        Ok(ended)
    }

    fn noted(&self, after: (i64, i64), until_ms: i64) -> Result<Vec<Noted>, Error> {
        self.snapshot(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT time_ms, series, outcome, reason, status, took_us, text
                 FROM noted LEFT JOIN detail ON detail.id = noted.detail
                 WHERE (time_ms, series) > (?1, ?2) AND time_ms < ?3 AND outcome <> ?4
                 ORDER BY time_ms, series LIMIT ?5",
            )?;
            let success = Outcome::Success.code();
            let rows = statement.query_map(params![after.0, after.1, until_ms, success, PAGE], Noted::of)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

impl Noted {
    /// The row that a question gave.
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            time_ms: row.get(0)?,
            series: row.get(1)?,
            outcome: row.get(2)?,
            reason: row.get(3)?,
            status: row.get(4)?,
            took_us: row.get(5)?,
            detail: row.get(6)?,
        })
    }

    /// The failure; none where a word of it is not known.
    fn failure(&self, series: Arc<SeriesKey>) -> Option<Failure> {
        let reason = match self.reason {
            Some(code) => Some(Reason::from_code(code)?),
            None => None,
        };
        Some(Failure {
            time: at_millisecond(self.time_ms)?,
            series,
            outcome: Outcome::from_code(self.outcome)?,
            reason,
            status: self.status,
            took_us: self.took_us,
            detail: self.detail.clone(),
        })
    }
}
