//! Tells of each day of each series what stands about it beside its results: enough to know most days without them.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use rustc_hash::FxHashMap;

use super::page::{self, Stretch};
use super::tally;
use super::{Reader, SeriesKey};
use crate::error::{Error, Trouble};
use crate::record::Outcome;
use crate::sqlite::blocks::Level;
use crate::sqlite::counts;
use crate::sqlite::head;
use crate::sqlite::rollup;
use crate::window::Window;

/// What is known of the sealed results of a series on one day, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// Days since 1970.
    pub day: i64,
    /// Start of the first result, in milliseconds since 1970.
    pub first_ms: i64,
    /// Start of the last one.
    pub last_ms: i64,
    /// How many there are.
    pub count: u64,
    /// How many of them did not succeed.
    pub others: u64,
    /// The schedule of most of them, in milliseconds.
    pub every_ms: Option<i64>,
    /// Milliseconds that they stand for: the sum of their schedules.
    pub covered_ms: u64,
    /// No success took longer, in microseconds; absent where that was not asked for.
    pub slowest_us: Option<u64>,
    /// False where the other numbers may not tell all: there are late results, or parts that do not follow each other.
    pub settled: bool,
}

/// A section of a block.
#[derive(Clone, Copy)]
struct Part {
    first_ms: i64,
    last_ms: i64,
    rows: u32,
    every_ms: Option<i64>,
    succeeds: bool,
}

/// By position of the series and day.
type Days = BTreeMap<(usize, i64), Outline>;

impl Reader {
    /// The outline of each day that a window touches, of every series: for each in the order of target, probe and agent,
    /// by day. Days without sealed results are left out. With `slowest`, how long successes took at most is told too, at
    /// some more cost.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn outlines(&self, window: Window, slowest: bool) -> Result<Vec<(SeriesKey, Vec<Outline>)>, Error> {
        let members = self.members(None)?;
        let positions: FxHashMap<i64, usize> =
            members.iter().enumerate().map(|(position, member)| (member.series, position)).collect();
        let stretch = super::stretch(Some(window));
        let days = self.snapshot(|connection| {
            let mut days = parts(connection, &positions, stretch)?;
            add_counts(connection, &positions, stretch, &mut days)?;
            if slowest {
                let (first, last) = stretch.days();
                tally::rollups(connection, &members, first, last.saturating_add(1), |series, row| {
                    let place = positions
                        .get(&series)
                        .map(|position| (*position, row.get(0)))
                        .map(|(p, day)| day.map(|day| (p, day)));
                    let Some(outline) = place.transpose()?.and_then(|place| days.get_mut(&place)) else {
                        return Ok(());
                    };
                    let body = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
                    outline.slowest_us = Some(rollup::slowest(body)?);
                    Ok(())
                })?;
            }
            if page::any_late(connection)? {
                for (series, position) in &positions {
                    for day in page::late_days(connection, &[*series], whole_days(stretch))? {
                        days.entry((*position, day)).or_insert(Outline::empty(day)).settled = false;
                    }
                }
            }
            Ok(days)
        })?;
        let mut outlines: Vec<(SeriesKey, Vec<Outline>)> =
            members.into_iter().map(|member| (member.key, Vec::new())).collect();
        for ((position, _), outline) in days {
            if let Some((_, own)) = outlines.get_mut(position) {
                own.push(outline);
            }
        }
        Ok(outlines)
    }
}

impl Outline {
    fn empty(day: i64) -> Self {
        Self {
            day,
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            count: 0,
            others: 0,
            every_ms: None,
            covered_ms: 0,
            slowest_us: None,
            settled: true,
        }
    }

    /// Adds a part that begins after the parts so far have begun.
    fn add(&mut self, part: Part) {
        self.settled &= self.last_ms < part.first_ms && (self.count == 0 || self.every_ms == part.every_ms);
        self.settled &= part.succeeds;
        self.first_ms = self.first_ms.min(part.first_ms);
        self.last_ms = self.last_ms.max(part.last_ms);
        self.count += u64::from(part.rows);
        self.every_ms = part.every_ms;
    }
}

fn whole_days(stretch: Stretch) -> Stretch {
    let (first, last) = stretch.days();
    Stretch::day(first).hull(Stretch::day(last))
}

fn parts(connection: &Connection, positions: &FxHashMap<i64, usize>, stretch: Stretch) -> Result<Days, Trouble> {
    let (first, last) = stretch.days();
    let mut parts: Vec<(usize, i64, Part)> = Vec::new();
    for level in Level::ALL {
        let sql = format!("SELECT day, head FROM {} WHERE day BETWEEN ?1 AND ?2", level.table());
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![first, last])?;
        while let Some(row) = rows.next()? {
            let day = row.get(0)?;
            let head = head::read(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
            for section in &head.sections {
                let Some(position) = positions.get(&section.series) else { continue };
                let (every_ms, succeeds) = (section.usual.every_ms, section.usual.outcome == Outcome::Success.code());
                let part = Part {
                    first_ms: section.first_ms,
                    last_ms: section.last_ms,
                    rows: section.rows,
                    every_ms,
                    succeeds,
                };
                parts.push((*position, day, part));
            }
        }
    }
    parts.sort_unstable_by_key(|(position, day, part)| (*position, *day, part.first_ms));
    let mut days = Days::new();
    for (position, day, part) in parts {
        days.entry((position, day)).or_insert(Outline::empty(day)).add(part);
    }
    Ok(days)
}

/// Adds what the counts of the days say; where they do not fit the parts, the day is not settled.
fn add_counts(
    connection: &Connection,
    positions: &FxHashMap<i64, usize>,
    stretch: Stretch,
    days: &mut Days,
) -> Result<(), Trouble> {
    let (first, last) = stretch.days();
    let mut statement = connection.prepare_cached("SELECT day, body FROM tally WHERE day BETWEEN ?1 AND ?2")?;
    let mut rows = statement.query(params![first, last])?;
    while let Some(row) = rows.next()? {
        let day: i64 = row.get(0)?;
        for (series, counted) in counts::decode(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)? {
            let place = positions.get(&series).map(|position| (*position, day));
            let Some(outline) = place.and_then(|place| days.get_mut(&place)) else { continue };
            outline.settled &= counted.results == outline.count;
            (outline.others, outline.covered_ms) = (counted.bad(), counted.covered_ms);
        }
    }
    Ok(())
}
