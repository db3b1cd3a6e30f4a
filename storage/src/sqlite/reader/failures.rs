//! Lists the results that did not succeed.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::params;

use super::results::UNKNOWN;
use super::{Reader, SeriesKey};
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

    fn noted(&self, after: (i64, i64), until_ms: i64) -> Result<Vec<Noted>, Error> {
        self.snapshot(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT time_ms, series, outcome, reason, status, took_us, text
                 FROM noted LEFT JOIN detail ON detail.id = noted.detail
                 WHERE (time_ms, series) > (?1, ?2) AND time_ms < ?3 AND outcome <> ?4
                 ORDER BY time_ms, series LIMIT ?5",
            )?;
            let success = Outcome::Success.code();
            let rows = statement.query_map(params![after.0, after.1, until_ms, success, PAGE], |row| {
                Ok(Noted {
                    time_ms: row.get(0)?,
                    series: row.get(1)?,
                    outcome: row.get(2)?,
                    reason: row.get(3)?,
                    status: row.get(4)?,
                    took_us: row.get(5)?,
                    detail: row.get(6)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

impl Noted {
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
