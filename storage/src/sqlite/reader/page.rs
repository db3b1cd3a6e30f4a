//! Results of a group in a stretch of time, from wherever they stand.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::tail::Tail;
use crate::error::Trouble;
use crate::sqlite::block;
use crate::sqlite::blocks::{self, Level, Stored};
use crate::sqlite::day;
use crate::sqlite::late;
use crate::sqlite::overlay;
use crate::sqlite::row::{Brief, Row};
use crate::sqlite::section::Section;

/// A half-open stretch of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
}

impl Stretch {
    /// A day.
    pub(super) fn day(day: i64) -> Self {
        Self { from_ms: day::start(day), until_ms: day::start(day.saturating_add(1)) }
    }

    /// What it has in common with a day; none when that is nothing.
    pub(super) fn on(self, day: i64) -> Option<Self> {
        self.cut(Self::day(day))
    }

    /// What two stretches have in common; none when that is nothing.
    pub(super) fn cut(self, other: Self) -> Option<Self> {
        let cut = Self { from_ms: self.from_ms.max(other.from_ms), until_ms: self.until_ms.min(other.until_ms) };
        (cut.from_ms < cut.until_ms).then_some(cut)
    }

    /// The least stretch that holds both.
    pub(super) fn hull(self, other: Self) -> Self {
        Self { from_ms: self.from_ms.min(other.from_ms), until_ms: self.until_ms.max(other.until_ms) }
    }

    /// Whether it holds a moment.
    pub(super) fn holds(self, time_ms: i64) -> bool {
        self.from_ms <= time_ms && time_ms < self.until_ms
    }

    /// Its days, the first and the last.
    pub(super) fn days(self) -> (i64, i64) {
        (day::of(self.from_ms), day::of(self.until_ms.saturating_sub(1)))
    }
}

/// The sealed results of series of one group inside a stretch, by series, each by time. Series without any are absent.
pub(super) fn sealed(
    connection: &Connection,
    group: i64,
    series: &[i64],
    stretch: Stretch,
) -> Result<BTreeMap<i64, Vec<Row>>, Trouble> {
    let mut found: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    let (first, last) = stretch.days();
    for day in blocks::days(connection, group, first, last)? {
        for level in Level::ALL {
            for block in blocks::of_day(connection, level, group, day)? {
                take(connection, &block, series, stretch, &mut found)?;
            }
        }
    }
    for rows in found.values_mut() {
        // Blocks of one day may interlace. Where they do not, this is one pass over the times.
        rows.sort_by_key(|row| row.time_ms);
    }
    if any_late(connection)? {
        for series in series {
            let late = late(connection, *series, stretch)?;
            if !late.is_empty() {
                let rows = found.remove(series).unwrap_or_default();
                found.insert(*series, overlay::overlay(rows, late));
            }
        }
    }
    Ok(found)
}

/// The days of a stretch for which the series have late results.
pub(super) fn late_days(connection: &Connection, series: &[i64], stretch: Stretch) -> rusqlite::Result<BTreeSet<i64>> {
    let mut days = BTreeSet::new();
    if any_late(connection)? {
        let mut late = connection
            .prepare_cached("SELECT time_ms FROM late WHERE series = ?1 AND time_ms >= ?2 AND time_ms < ?3")?;
        for series in series {
            let mut rows = late.query(params![series, stretch.from_ms, stretch.until_ms])?;
            while let Some(row) = rows.next()? {
                days.insert(day::of(row.get(0)?));
            }
        }
    }
    Ok(days)
}

/// The results of series of one group inside a stretch, sealed or not.
pub(super) fn all(
    connection: &Connection,
    tail: &Tail,
    group: i64,
    series: &[i64],
    stretch: Stretch,
) -> Result<BTreeMap<i64, Vec<Row>>, Trouble> {
    let mut found = sealed(connection, group, series, stretch)?;
    for series in series {
        let hot = tail.within(*series, stretch.from_ms, stretch.until_ms);
        if !hot.is_empty() {
            found.entry(*series).or_default().extend_from_slice(hot);
        }
    }
    Ok(found)
}

/// What judging needs of the sealed results of series of one group inside a stretch, by series, each by time.
pub(super) fn sealed_briefs(
    connection: &Connection,
    group: i64,
    series: &[i64],
    stretch: Stretch,
) -> Result<BTreeMap<i64, Vec<Brief>>, Trouble> {
    if !late_days(connection, series, stretch)?.is_empty() {
        let rows = sealed(connection, group, series, stretch)?;
        return Ok(rows.into_iter().map(|(series, rows)| (series, rows.iter().map(Brief::of).collect())).collect());
    }
    let mut found: BTreeMap<i64, Vec<Brief>> = BTreeMap::new();
    let (first, last) = stretch.days();
    for day in blocks::days(connection, group, first, last)? {
        for level in Level::ALL {
            for block in blocks::of_day(connection, level, group, day)? {
                let wanted =
                    |id: i64| series.contains(&id) && block.head.reaches(id, stretch.from_ms, stretch.until_ms);
                if !block.head.sections.iter().any(|part| wanted(part.series)) {
                    continue;
                }
                for (series, rows) in block::briefs(&block.head, &block.data(connection)?, wanted)? {
                    found.entry(series).or_default().extend(rows.iter().filter(|row| stretch.holds(row.time_ms)));
                }
            }
        }
    }
    found.values_mut().for_each(|rows| rows.sort_by_key(|row| row.time_ms));
    Ok(found)
}

/// The same of those that are not sealed as well, each series inside a stretch of its own.
pub(super) fn all_briefs(
    connection: &Connection,
    tail: &Tail,
    group: i64,
    wanted: &[(i64, Stretch)],
) -> Result<BTreeMap<i64, Vec<Brief>>, Trouble> {
    // The newest day has a block for each epoch: they are looked through only for what may be inside.
    let mut sealed: Vec<i64> = Vec::with_capacity(wanted.len());
    let mut hull: Option<Stretch> = None;
    for (series, stretch) in wanted {
        if sealed_ms(connection, *series)?.is_some_and(|sealed_ms| stretch.from_ms <= sealed_ms) {
            sealed.push(*series);
            hull = Some(hull.map_or(*stretch, |hull| hull.hull(*stretch)));
        }
    }
    let mut found = match hull {
        Some(hull) => sealed_briefs(connection, group, &sealed, hull)?,
        None => BTreeMap::new(),
    };
    for (series, stretch) in wanted {
        let hot = tail.within(*series, stretch.from_ms, stretch.until_ms);
        if !hot.is_empty() {
            found.entry(*series).or_default().extend(hot.iter().map(Brief::of));
        }
    }
    Ok(found)
}

/// Whether there are late results at all.
pub(super) fn any_late(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT EXISTS(SELECT 1 FROM late)")?.query_row(params![], |row| row.get(0))
}

fn take(
    connection: &Connection,
    block: &Stored,
    series: &[i64],
    stretch: Stretch,
    found: &mut BTreeMap<i64, Vec<Row>>,
) -> Result<(), Trouble> {
    let wanted = |id: i64| series.contains(&id) && block.head.reaches(id, stretch.from_ms, stretch.until_ms);
    if !block.head.sections.iter().any(|part| wanted(part.series)) {
        return Ok(());
    }
    for Section { series, rows } in block.decode(connection, wanted)? {
        found.entry(series).or_default().extend(rows.into_iter().filter(|row| stretch.holds(row.time_ms)));
    }
    Ok(())
}

/// Start of the newest result of a series that is sealed; late ones that are in force there are no newer.
fn sealed_ms(connection: &Connection, series: i64) -> rusqlite::Result<Option<i64>> {
    let newest = connection
        .prepare_cached("SELECT sealed_ms FROM series WHERE id = ?1")?
        .query_row(params![series], |row| row.get(0))
        .optional()?;
    Ok(newest.flatten())
}

/// The late results of a series inside a stretch that are not newer than what is sealed of it.
fn late(connection: &Connection, series: i64, stretch: Stretch) -> rusqlite::Result<Vec<Row>> {
    let Some(sealed_ms) = sealed_ms(connection, series)? else { return Ok(Vec::new()) };
    let late = late::between(connection, series, stretch.from_ms, sealed_ms.min(stretch.until_ms.saturating_sub(1)))?;
    Ok(late.into_iter().map(|late| late.row).collect())
}
