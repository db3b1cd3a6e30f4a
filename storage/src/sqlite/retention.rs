//! Drops what is older than it is to be kept, and keeps less of what has become old.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::blocks::{self, Level};
use super::day::{self, DAY_MS};
use super::fold;
use super::head::{self, Precision};
use super::memory::Memory;
use super::rollups::Difference;
use super::rounding;
use super::seal;
use crate::error::Trouble;

/// How long what is kept. Days are dropped as a whole, in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Single results; none: for ever.
    pub results: Option<Duration>,
    /// Hourly and daily sums, changes, gaps and verdicts; none: for ever. Sums stay as long as the results that they are of.
    pub rollups: Option<Duration>,
    /// Bytes of the store beyond which the oldest results go, however young they are. The newest day stays, and today.
    pub max_size: Option<u64>,
    /// Age from which on durations keep ten significant bits: an error of at most 0.1 %.
    pub round_after: Option<Duration>,
}

/// What one piece of work dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// Results.
    pub results: u64,
    /// Results whose durations were rounded.
    pub rounded: u64,
    /// Days of a series of which nothing is known any more.
    pub rollups: u64,
    /// Changes and gaps.
    pub records: u64,
    /// A further piece is due now.
    pub more: bool,
}

/// What a piece did that dropped nothing itself.
const PREPARED: Retained = Retained { results: 0, rounded: 0, rollups: 0, records: 0, more: true };

/// Blocks that are dropped in one transaction.
const BLOCKS: i64 = 64;

/// Rows that are dropped in one transaction.
const ROWS: usize = 8192;

/// The retention's clock goes on by no more than this at once, so that a wrong clock of the machine drops little before
/// it is noticed.
const STRIDE_MS: i64 = DAY_MS;

/// Lets the retention's clock follow `now_ms`, by one stride at most, and never backwards.
pub(super) fn follow(connection: &Connection, memory: &mut Memory, now_ms: i64) -> rusqlite::Result<()> {
    let next = match memory.standing.retention_ms {
        Some(clock) => now_ms.min(clock.saturating_add(STRIDE_MS)).max(clock),
        None => now_ms,
    };
    memory.standing.retention_ms = Some(next);
    memory.standing.write(connection)
}

/// Does one piece of what `retention` asks for.
pub(super) fn piece(connection: &Connection, memory: &mut Memory, retention: &Retention) -> Result<Retained, Trouble> {
    let Some(clock) = memory.standing.retention_ms else { return Ok(Retained::default()) };
    let before = |age: Option<Duration>| age.map(|age| day::of(clock.saturating_sub(milliseconds(age))));
    if let Some(day) = before(retention.results) {
        set_dropped(connection, memory, day)?;
    }
    if let Some(day) = memory.standing.dropped_day
        && let Some(retained) = drop_results(connection, memory, day)?
    {
        return Ok(retained);
    }
    if let Some(day) = before(retention.rollups)
        && let Some(retained) = drop_sums(connection, memory, day)?
    {
        return Ok(retained);
    }
    // Before rounding, so that a block that cannot be rounded does not let the store grow.
    if let Some(size) = retention.max_size
        && size < used(connection)?
        && shorten(connection, memory, day::of(clock))?
    {
        return Ok(PREPARED);
    }
    if let Some(day) = before(retention.round_after)
        && let Some(retained) = round(connection, memory, day)?
    {
        return Ok(retained);
    }
    Ok(Retained::default())
}

/// From here on no result of days before `day` is taken in, and those that are there are dropped.
fn set_dropped(connection: &Connection, memory: &mut Memory, day: i64) -> rusqlite::Result<()> {
    if memory.standing.dropped_day < Some(day) {
        memory.standing.dropped_day = Some(day);
        memory.standing.write(connection)?;
    }
    Ok(())
}

/// Drops some results of days before `day`, or makes ready for it; none when there are none.
fn drop_results(connection: &Connection, memory: &mut Memory, day: i64) -> Result<Option<Retained>, Trouble> {
    // Only what stands in blocks can be dropped: a result and what took its place go at once.
    if memory.standing.frozen {
        seal::seal(connection, memory)?;
        return Ok(Some(PREPARED));
    }
    let cut_ms = day::start(day);
    if memory.hot.oldest_ms().is_some_and(|oldest| oldest < cut_ms) {
        seal::freeze(connection, memory)?;
        return Ok(Some(PREPARED));
    }
    if fold::fold_before(connection, memory, day)? {
        return Ok(Some(PREPARED));
    }
    for level in Level::ALL {
        let dropped = drop_blocks(connection, level, day)?;
        if dropped > 0 {
            return Ok(Some(Retained { results: dropped, ..PREPARED }));
        }
    }
    let noted = connection
        .prepare_cached(
            "DELETE FROM noted WHERE (time_ms, series) IN (SELECT time_ms, series FROM noted WHERE time_ms < ?1 LIMIT ?2)",
        )?
        .execute(params![cut_ms, ROWS])?;
    if noted == 0 {
        return Ok(None);
    }
    if noted < ROWS {
        // These were the last. Every result with a detail has a row in `noted`, but for those that another result took
        // the place of: in a block nobody reads their details any more, elsewhere they stand until they are sealed.
        connection
            .prepare_cached(
                "DELETE FROM detail WHERE id NOT IN (
                     SELECT detail FROM noted WHERE detail IS NOT NULL
                     UNION ALL SELECT detail FROM hot0 WHERE detail IS NOT NULL
                     UNION ALL SELECT detail FROM hot1 WHERE detail IS NOT NULL
                     UNION ALL SELECT detail FROM late WHERE detail IS NOT NULL)",
            )?
            .execute(params![])?;
        memory.names.forget_details();
    }
    Ok(Some(PREPARED))
}

fn drop_blocks(connection: &Connection, level: Level, day: i64) -> Result<u64, Trouble> {
    let sql = format!("SELECT id, head FROM {} WHERE day < ?1 ORDER BY day LIMIT ?2", level.table());
    let mut select = connection.prepare_cached(&sql)?;
    let mut delete = connection.prepare_cached(&format!("DELETE FROM {} WHERE id = ?1", level.table()))?;
    let mut count = connection.prepare_cached("UPDATE series SET results = results - ?2 WHERE id = ?1")?;
    let mut dropped = 0;
    let blocks: Vec<(i64, Vec<u8>)> = select
        .query_map(params![day, BLOCKS], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (id, head) in blocks {
        for part in head::read(&head)?.sections {
            count.execute(params![part.series, part.rows])?;
            dropped += u64::from(part.rows);
        }
        delete.execute(params![id])?;
    }
    Ok(dropped)
}

/// Drops some sums of days before `day`, and records that ended before it; none when there are none. The sums of results
/// that are there stay.
fn drop_sums(connection: &Connection, memory: &Memory, day: i64) -> rusqlite::Result<Option<Retained>> {
    let oldest: Option<i64> =
        connection.prepare_cached("SELECT min(day) FROM rollup")?.query_row(params![], |row| row.get(0))?;
    let rollups = match oldest {
        Some(oldest) if oldest < day && Some(oldest) < memory.standing.dropped_day => {
            connection.prepare_cached("DELETE FROM tally WHERE day = ?1")?.execute(params![oldest])?;
            connection.prepare_cached("DELETE FROM rollup WHERE day = ?1")?.execute(params![oldest])?
        }
        _ => 0,
    };
    let cut_ms = day::start(day);
    let changes = connection
        .prepare_cached(
            "DELETE FROM change WHERE id IN (SELECT id FROM change WHERE lo_ms < ?1 AND hi_ms < ?1 LIMIT ?2)",
        )?
        .execute(params![cut_ms, ROWS])?;
    let gaps = connection
        .prepare_cached(
            "DELETE FROM gap WHERE body IN (SELECT body FROM gap WHERE from_ms < ?1 AND until_ms < ?1 LIMIT ?2)",
        )?
        .execute(params![cut_ms, ROWS])?;
    let verdicts = connection
        .prepare_cached(
            "DELETE FROM verdict WHERE id IN (SELECT id FROM verdict WHERE lo_ms < ?1 AND hi_ms < ?1 LIMIT ?2)",
        )?
        .execute(params![cut_ms, ROWS])?;
    let (rollups, records) = (rollups as u64, (changes + gaps + verdicts) as u64);
    Ok((rollups + records > 0).then_some(Retained { rollups, records, more: true, ..Retained::default() }))
}

/// Rounds the durations of one merged block of a day before `day`, or makes ready for it; none when there is none.
fn round(connection: &Connection, memory: &mut Memory, day: i64) -> Result<Option<Retained>, Trouble> {
    if fold::fold_before(connection, memory, day)? {
        // The rollups have what took the place of results, and would not find those.
        return Ok(Some(PREPARED));
    }
    let place: Option<(i64, i64, i64)> = connection
        .prepare_cached("SELECT id, grp, day FROM block1 WHERE rounded = 0 AND day < ?1 ORDER BY day LIMIT 1")?
        .query_row(params![day], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((id, group, day)) = place else { return Ok(None) };
    let Some(stored) = blocks::of_day(connection, Level::Days, group, day)?.into_iter().find(|block| block.id == id)
    else {
        return Ok(None);
    };
    let sections = stored.decode(connection, |_| true)?;
    let mut difference = Difference::default();
    for section in &sections {
        for row in section.rows.iter().filter(|row| row.succeeded()) {
            difference.add(section.series, &rounding::rounded(row));
            difference.remove(section.series, row.clone());
        }
    }
    difference.write(connection)?;
    stored.rewrite(connection, &sections, Precision::Rounded)?;
    Ok(Some(Retained { rounded: stored.head.results() as u64, more: true, ..Retained::default() }))
}

/// Gives up the oldest day that has blocks, unless it is the newest or `today`. False when it is.
fn shorten(connection: &Connection, memory: &mut Memory, today: i64) -> rusqlite::Result<bool> {
    let (oldest, newest): (Option<i64>, Option<i64>) = connection.query_row(
        "SELECT (SELECT min(day) FROM (SELECT min(day) AS day FROM block0 UNION ALL SELECT min(day) FROM block1)),
                (SELECT max(day) FROM rollup)",
        params![],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    match (oldest, newest) {
        // A result that came with a date ahead must not make today an old day.
        (Some(oldest), Some(newest)) if oldest < newest.min(today) => {
            set_dropped(connection, memory, oldest + 1)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Bytes of the file that are in use.
fn used(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row(
        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        params![],
        |row| row.get(0),
    )
}

fn milliseconds(age: Duration) -> i64 {
    i64::try_from(age.as_millis()).unwrap_or(i64::MAX)
}
