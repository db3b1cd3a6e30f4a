//! Reads of results what judging needs, of many series at once, without their phases and texts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::page::{self, Stretch};
use super::results::UNKNOWN;
use super::{Member, Reader, SeriesKey};
use crate::error::Error;
use crate::record::{Outcome, Reason};
use crate::sqlite::blocks;
use crate::sqlite::day;
use crate::sqlite::row::Brief;
use crate::window::{Window, at_millisecond};

/// When a result began, how it ended, how long it took, and the schedule in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execution {
    /// Start.
    pub time: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, unless it succeeded.
    pub reason: Option<Reason>,
    /// Duration in microseconds.
    pub took_us: u64,
    /// From one planned start to the next, in milliseconds.
    pub every_ms: Option<i64>,
}

/// What is wanted of a series: its position in the list of the caller, and where.
struct Wanted<'a> {
    position: usize,
    series: i64,
    windows: Vec<Stretch>,
    key: &'a SeriesKey,
}

impl Reader {
    /// Gives `each` the executions of some series inside some windows of each: the position of the series in the list,
    /// and those of one day by time. The days of one series come in their order. Series that share blocks are read
    /// together, a day at a time, so that no block is unpacked twice and no more than one such day is held.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn executions(
        &self,
        wanted: &[(SeriesKey, Vec<Window>)],
        mut each: impl FnMut(usize, Vec<Execution>),
    ) -> Result<(), Error> {
        for (group, wanted) in self.wanted(wanted)? {
            let series: Vec<i64> = wanted.iter().map(|wanted| wanted.series).collect();
            for day in self.days_of(group, &series, &wanted)? {
                let parts: Vec<Vec<Stretch>> = wanted.iter().map(|wanted| wanted.on(day)).collect();
                let whole = |parts: &Vec<Stretch>| parts.iter().copied().reduce(Stretch::hull);
                let asked =
                    wanted.iter().zip(&parts).filter_map(|(wanted, parts)| Some((wanted.series, whole(parts)?)));
                let asked: Vec<(i64, Stretch)> = asked.collect();
                let mut found = self.snapshot(|connection| {
                    let tail = self.tail(connection)?;
                    page::all_briefs(connection, &tail, group, &asked)
                })?;
                for (wanted, parts) in wanted.iter().zip(parts) {
                    let rows = found.remove(&wanted.series).unwrap_or_default();
                    let inside = rows.iter().filter(|row| parts.iter().any(|part| part.holds(row.time_ms)));
                    let executions: Option<Vec<Execution>> = inside.map(execution).collect();
                    let executions = executions.ok_or_else(|| self.damaged(UNKNOWN))?;
                    if !executions.is_empty() {
                        each(wanted.position, executions);
                    }
                }
            }
        }
        Ok(())
    }

    /// The same by group. Series that are not known are left out.
    fn wanted<'a>(&self, wanted: &'a [(SeriesKey, Vec<Window>)]) -> Result<BTreeMap<i64, Vec<Wanted<'a>>>, Error> {
        let mut groups: BTreeMap<i64, Vec<Wanted<'a>>> = BTreeMap::new();
        for (position, (key, windows)) in wanted.iter().enumerate().filter(|(_, (_, windows))| !windows.is_empty()) {
            for Member { series, group, .. } in self.members(Some(key))? {
                let windows = windows.iter().map(|window| super::stretch(Some(*window))).collect();
                groups.entry(group).or_default().push(Wanted { position, series, windows, key });
            }
        }
        groups.values_mut().for_each(|group| group.sort_by_key(|wanted| wanted.key));
        Ok(groups)
    }

    /// The days on which there may be results of what is wanted of a group.
    fn days_of(&self, group: i64, series: &[i64], wanted: &[Wanted<'_>]) -> Result<BTreeSet<i64>, Error> {
        let Some(hull) = wanted.iter().flat_map(|wanted| &wanted.windows).copied().reduce(Stretch::hull) else {
            return Ok(BTreeSet::new());
        };
        self.snapshot(|connection| {
            let (first, last) = hull.days();
            let mut days = page::late_days(connection, series, hull)?;
            days.extend(blocks::days(connection, group, first, last)?);
            let tail = self.tail(connection)?;
            for series in series {
                days.extend(tail.within(*series, hull.from_ms, hull.until_ms).iter().map(|row| day::of(row.time_ms)));
            }
            Ok(days)
        })
    }
}

impl Wanted<'_> {
    fn on(&self, day: i64) -> Vec<Stretch> {
        self.windows.iter().filter_map(|window| window.on(day)).collect()
    }
}

/// None where a word or a number is not known.
fn execution(row: &Brief) -> Option<Execution> {
    let reason = match row.reason {
        Some(code) => Some(Reason::from_code(code)?),
        None => None,
    };
    Some(Execution {
        time: at_millisecond(row.time_ms)?,
        outcome: Outcome::from_code(row.outcome)?,
        reason,
        took_us: u64::try_from(row.took_us).ok()?,
        every_ms: row.every_ms,
    })
}
