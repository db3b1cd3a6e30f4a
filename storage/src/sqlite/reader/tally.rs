//! Counts results by how they ended, over any window.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rusqlite::{Connection, Statement};
use rustc_hash::FxHashMap;

use super::cut::{self, Cut};
use super::page::{self, Stretch};
use super::results::UNKNOWN;
use super::{Member, Reader, SeriesKey, tail};
use crate::error::{Error, Trouble};
use crate::record::{Outcome, Reason};
use crate::sqlite::counts;
use crate::sqlite::rollup::{Day, Hour};
use crate::window::Window;

/// How the results of one series in a window ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Results.
    pub results: u64,
    /// Those that did not succeed, by how and why.
    pub others: BTreeMap<(Outcome, Option<Reason>), u64>,
    /// Sum of the `every_s` of the results: the time that they stand for.
    pub covered: Duration,
}

/// How much of a window the results of a series stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// Sum of the `every_s` of the results in it.
    pub covered: Duration,
    /// Length of the window, as far as it lies between the first result of the series that there ever was and the end
    /// of the slot of its newest one.
    pub planned: Duration,
}

impl Tally {
    /// Results that ended as expected.
    #[must_use]
    pub fn succeeded(&self) -> u64 {
        self.results - self.others.values().sum::<u64>()
    }
}

impl Coverage {
    /// The share that was probed, from 0 to 1; none where nothing was planned. A schedule that became closer within
    /// the window, or results beside the schedule, make it no more than 1.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let share = self.covered.as_secs_f64() / self.planned.as_secs_f64();
        share.is_finite().then(|| share.min(1.0))
    }
}

impl Reader {
    /// Counts the results of one series, or of each, whose start lies in a window. Series without any are left out.
    /// The order is that of [`Reader::series`].
    ///
    /// The window may begin and end anywhere. Where results have been dropped and their hourly sums remain, an hour
    /// that lies only partly inside is left out.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn tally(&self, series: Option<&SeriesKey>, window: Option<Window>) -> Result<Vec<(SeriesKey, Tally)>, Error> {
        let members = self.members(series)?;
        let stretch = super::stretch(window);
        let sums = self.snapshot(|connection| {
            let mut sums = Sums::of(&members);
            let Cut { days, hours, rest } = cut::cut(stretch);
            sums.add_days(connection, &members, days.start, days.end)?;
            for hours in hours {
                sums.add_hours(connection, &members, hours.start, hours.end)?;
            }
            for rest in rest {
                sums.add_rest(connection, &members, rest)?;
            }
            self.add_tail(connection, &members, stretch, &mut sums)?;
            Ok(sums)
        })?;
        sums.tallies(members).ok_or_else(|| self.damaged(UNKNOWN))
    }

    /// How much of a window the results of one series, or of each, stand for. Series that had no result by the end of
    /// the window are left out.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn coverage(&self, series: Option<&SeriesKey>, window: Window) -> Result<Vec<(SeriesKey, Coverage)>, Error> {
        self.at_one_moment(|reader| {
            let tallies: HashMap<SeriesKey, Tally> = reader.tally(series, Some(window))?.into_iter().collect();
            let known = reader.series()?.into_iter().filter(|known| series.is_none_or(|series| known.key() == *series));
            let coverage = known.filter_map(|known| {
                let end = super::slot_end(&known);
                let lived = Window::new(known.first, end).ok()?.cut(window)?;
                let covered = tallies.get(&known.key()).map_or(Duration::ZERO, |tally| tally.covered);
                Some((known.key(), Coverage { covered, planned: lived.length().unsigned_abs() }))
            });
            Ok(coverage.collect())
        })
    }

    /// Adds what is not sealed.
    fn add_tail(
        &self,
        connection: &Connection,
        members: &[Member],
        stretch: Stretch,
        sums: &mut Sums,
    ) -> Result<(), Trouble> {
        if page::any_late(connection)? {
            let tail = self.tail(connection)?;
            for member in members {
                for row in tail.within(member.series, stretch.from_ms, stretch.until_ms) {
                    sums.add(member.series, row.outcome, row.reason, row.every_ms);
                }
            }
            return Ok(());
        }
        tail::hot(connection, "outcome, reason, every_ms", stretch, |series, row| {
            sums.add(series, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok(())
        })
    }
}

/// Sums by series, of those that are asked for.
struct Sums {
    series: FxHashMap<i64, Hour>,
}

impl Sums {
    fn of(members: &[Member]) -> Self {
        Self { series: members.iter().map(|member| (member.series, Hour::default())).collect() }
    }

    fn add(&mut self, series: i64, outcome: u8, reason: Option<u8>, every_ms: Option<i64>) {
        if let Some(counts) = self.series.get_mut(&series) {
            counts.add(outcome, reason, every_ms);
        }
    }

    fn add_days(&mut self, connection: &Connection, members: &[Member], from: i64, until: i64) -> Result<(), Trouble> {
        let only = match members {
            [member] => Some(member.group),
            _ => None,
        };
        by_day(connection, "tally", "grp", only, from, until, |row| {
            Ok(counts::add_to(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?, &mut self.series)?)
        })
    }

    fn add_hours(&mut self, connection: &Connection, members: &[Member], from: i64, until: i64) -> Result<(), Trouble> {
        let (first, last) = (from.div_euclid(24), (until - 1).div_euclid(24));
        rollups(connection, members, first, last + 1, |series, row| {
            let Some(counts) = self.series.get_mut(&series) else { return Ok(()) };
            let day: i64 = row.get(0)?;
            let sums = Day::decode(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)?;
            for (hour, sum) in (day * 24..).zip(sums.hours()) {
                if (from..until).contains(&hour) {
                    counts.merge(sum);
                }
            }
            Ok(())
        })
    }

    /// Adds the sealed results of less than an hour.
    fn add_rest(&mut self, connection: &Connection, members: &[Member], rest: Stretch) -> Result<(), Trouble> {
        for (group, series) in super::by_group(members) {
            for (series, rows) in page::sealed(connection, group, &series, rest)? {
                for row in rows {
                    self.add(series, row.outcome, row.reason, row.every_ms);
                }
            }
        }
        Ok(())
    }

    /// In the order of `members`; none when a word is not known.
    fn tallies(mut self, members: Vec<Member>) -> Option<Vec<(SeriesKey, Tally)>> {
        let mut tallies = Vec::with_capacity(members.len());
        for Member { series, key, .. } in members {
            let counts = self.series.remove(&series).unwrap_or_default();
            if counts.results == 0 {
                continue;
            }
            let mut tally = Tally {
                results: counts.results,
                others: BTreeMap::new(),
                covered: Duration::from_millis(counts.covered_ms),
            };
            for ((outcome, reason), count) in counts.others {
                let reason = match reason {
                    Some(code) => Some(Reason::from_code(code)?),
                    None => None,
                };
                tally.others.insert((Outcome::from_code(outcome)?, reason), count);
            }
            tallies.push((key, tally));
        }
        Some(tallies)
    }
}

/// Gives `each` the rollups of days, half-open: series, and the row of day, series, body.
pub(super) fn rollups(
    connection: &Connection,
    members: &[Member],
    from: i64,
    until: i64,
    mut each: impl FnMut(i64, &rusqlite::Row<'_>) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let only = match members {
        [member] => Some(member.series),
        _ => None,
    };
    by_day(connection, "rollup", "series", only, from, until, |row| each(row.get(1)?, row))
}

/// Gives `each` the rows of a table of days, half-open, of everything or of one alone: day, key, body.
fn by_day(
    connection: &Connection,
    table: &str,
    key: &str,
    only: Option<i64>,
    from: i64,
    until: i64,
    mut each: impl FnMut(&rusqlite::Row<'_>) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    if from >= until {
        return Ok(());
    }
    let mut run = |statement: &mut Statement<'_>, parameters: &[&dyn rusqlite::ToSql]| -> Result<(), Trouble> {
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok(())
    };
    let Some(only) = only else {
        let sql = format!("SELECT day, {key}, body FROM {table} WHERE day >= ?1 AND day < ?2");
        return run(&mut *connection.prepare_cached(&sql)?, &[&from, &until]);
    };
    // The key begins with the day, so that one of a day is sought day by day.
    let sql = format!(
        "WITH RECURSIVE days(day) AS (
             SELECT min(day) FROM {table} WHERE day >= ?1 AND day < ?2
             UNION ALL
             SELECT (SELECT min({table}.day) FROM {table} WHERE {table}.day > days.day AND {table}.day < ?2) FROM days
             WHERE days.day IS NOT NULL)
         SELECT day, {key}, body FROM days JOIN {table} USING(day) WHERE {key} = ?3"
    );
    run(&mut *connection.prepare_cached(&sql)?, &[&from, &until, &only])
}
