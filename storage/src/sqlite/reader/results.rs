//! Reads results one by one: of a series, or of all by time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::ControlFlow;

use rusqlite::{OptionalExtension, params};

use super::page::{self, Stretch};
use super::{Member, Reader, SeriesKey};
use crate::damage::Damage;
use crate::error::Error;
use crate::record::{ProbeResult, Record};
use crate::sqlite::day::{self, DAY_MS};
use crate::sqlite::row::Row;
use crate::window::Window;

/// About as many results as are held at once, as far as those of a day come evenly.
const PAGE: u64 = 65_536;

/// Results of one moment of the store, and the texts that they name.
struct Page {
    /// By position in the list of series.
    rows: Vec<(usize, Row)>,
    details: HashMap<i64, String>,
}

impl Reader {
    /// Gives `each` the results of one series by time, or of all series one after the other, until it breaks.
    /// They are read in pages and nothing is held open while `each` runs.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn results(
        &self,
        series: Option<&SeriesKey>,
        window: Option<Window>,
        mut each: impl FnMut(ProbeResult) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        for member in self.members(series)? {
            if self.read(std::slice::from_ref(&member), window, &mut each)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Gives `each` the results of all series by time, then target, probe and agent, until it breaks.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn results_by_time(
        &self,
        window: Option<Window>,
        mut each: impl FnMut(ProbeResult) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.read(&self.members(None)?, window, &mut each).map(|_| ())
    }

    /// Gives `each` everything, until it breaks: the results by time, then the changes, the gaps and the
    /// verdicts. What is written to another store in this order comes out of it in the same.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn records(
        &self,
        window: Option<Window>,
        mut each: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut flow = ControlFlow::Continue(());
        self.results_by_time(window, |result| {
            flow = each(Record::Result(result));
            flow
        })?;
        if flow.is_continue() {
            flow = self.changes(window)?.into_iter().map(Record::Change).try_for_each(&mut each);
        }
        if flow.is_continue() {
            flow = self.gaps(window)?.into_iter().map(Record::Gap).try_for_each(&mut each);
        }
        if flow.is_continue() {
            // The last part: whether it was broken off makes no difference any more.
            let _ = self.verdicts(window)?.into_iter().map(Record::Verdict).try_for_each(&mut each);
        }
        Ok(())
    }

    fn read(
        &self,
        members: &[Member],
        window: Option<Window>,
        each: &mut impl FnMut(ProbeResult) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Error> {
        let stretch = self.known_stretch(members, window)?;
        let mut from_ms = stretch.from_ms;
        while let Some(day) = self.next_day(members, Stretch { from_ms, ..stretch })? {
            for part in self.parts(members, day)? {
                let Some(part) = part.cut(stretch) else { continue };
                let Page { rows, details } = self.page(members, part)?;
                for (position, row) in rows {
                    let Some(Member { key, .. }) = members.get(position) else { continue };
                    let detail = row.detail.and_then(|detail| details.get(&detail).cloned());
                    let result = row.result(key, detail).ok_or_else(|| self.damaged(UNKNOWN))?;
                    if each(result).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            from_ms = day::start(day.saturating_add(1));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The window, but not beyond the newest result that is there now: what comes while it is read would never end it.
    fn known_stretch(&self, members: &[Member], window: Option<Window>) -> Result<Stretch, Error> {
        let stretch = super::stretch(window);
        let newest = self.snapshot(|connection| {
            let tail = self.tail(connection)?;
            let mut sealed = connection.prepare_cached("SELECT sealed_ms FROM series WHERE id = ?1")?;
            let mut newest: Option<i64> = None;
            for member in members {
                let sealed: Option<i64> =
                    sealed.query_row(params![member.series], |row| row.get(0)).optional()?.flatten();
                newest = newest.max(sealed).max(tail.of(member.series).last().map(|row| row.time_ms));
            }
            Ok(newest)
        })?;
        let until_ms = newest.map_or(stretch.from_ms, |newest| newest.saturating_add(1));
        Ok(Stretch { until_ms: until_ms.min(stretch.until_ms), ..stretch })
    }

    /// The first day in a stretch for which the series have results, or their groups blocks.
    fn next_day(&self, members: &[Member], stretch: Stretch) -> Result<Option<i64>, Error> {
        if stretch.from_ms >= stretch.until_ms {
            return Ok(None);
        }
        self.snapshot(|connection| {
            let tail = self.tail(connection)?;
            let (from, to) = stretch.days();
            let mut days: Vec<i64> = Vec::new();
            let mut group = None;
            for member in members {
                if group.replace(member.group) != Some(member.group) {
                    for table in ["block0", "block1"] {
                        let sql = format!("SELECT min(day) FROM {table} WHERE grp = ?1 AND day BETWEEN ?2 AND ?3");
                        let day: Option<i64> = connection
                            .prepare_cached(&sql)?
                            .query_row(params![member.group, from, to], |row| row.get(0))?;
                        days.extend(day);
                    }
                }
                let hot = tail.within(member.series, stretch.from_ms, stretch.until_ms).first();
                days.extend(hot.map(|row| day::of(row.time_ms)));
            }
            if page::any_late(connection)? {
                let mut late = connection.prepare_cached(
                    "SELECT min(time_ms) FROM late WHERE series = ?1 AND time_ms >= ?2 AND time_ms < ?3",
                )?;
                for member in members {
                    let time_ms: Option<i64> =
                        late.query_row(params![member.series, stretch.from_ms, stretch.until_ms], |row| row.get(0))?;
                    days.extend(time_ms.map(day::of));
                }
            }
            Ok(days.into_iter().min())
        })
    }

    /// A day, cut so that about a page of results falls into each part.
    fn parts(&self, members: &[Member], day: i64) -> Result<Vec<Stretch>, Error> {
        let results = self.snapshot(|connection| {
            let tail = self.tail(connection)?;
            let whole = Stretch::day(day);
            let mut sealed = connection.prepare_cached(
                "SELECT total(n) FROM (SELECT n FROM block0 WHERE grp = ?1 AND day = ?2
                                       UNION ALL SELECT n FROM block1 WHERE grp = ?1 AND day = ?2)",
            )?;
            let mut results = 0;
            for (group, series) in super::by_group(members) {
                let sealed: f64 = sealed.query_row(params![group, day], |row| row.get(0))?;
                // A series has no more than one a millisecond, whatever is said of it.
                results += sealed.clamp(0.0, DAY_MS as f64 * series.len() as f64) as u64;
                let hot = |series: &i64| tail.within(*series, whole.from_ms, whole.until_ms).len() as u64;
                results += series.iter().map(hot).sum::<u64>();
            }
            Ok(results)
        })?;
        let parts = i64::try_from(results.div_ceil(PAGE)).unwrap_or(DAY_MS).clamp(1, DAY_MS);
        let length = (DAY_MS + parts - 1) / parts;
        let from = move |part: i64| day::start(day).saturating_add((part * length).min(DAY_MS));
        Ok((0..parts).map(|part| Stretch { from_ms: from(part), until_ms: from(part + 1) }).collect())
    }

    /// The results of a stretch, by time and then by the order of the series.
    fn page(&self, members: &[Member], stretch: Stretch) -> Result<Page, Error> {
        self.snapshot(|connection| {
            let tail = self.tail(connection)?;
            let mut page = Page { rows: Vec::new(), details: HashMap::new() };
            let position: HashMap<i64, usize> =
                members.iter().enumerate().map(|(position, member)| (member.series, position)).collect();
            for (group, series) in super::by_group(members) {
                for (series, rows) in page::all(connection, &tail, group, &series, stretch)? {
                    let Some(position) = position.get(&series) else { continue };
                    page.rows.extend(rows.into_iter().map(|row| (*position, row)));
                }
            }
            page.rows.sort_by_key(|(position, row)| (row.time_ms, *position));
            let mut text = connection.prepare_cached("SELECT text FROM detail WHERE id = ?1")?;
            for detail in page.rows.iter().filter_map(|(_, row)| row.detail) {
                if let Entry::Vacant(vacant) = page.details.entry(detail) {
                    let found: Option<String> = text.query_row(params![detail], |row| row.get(0)).optional()?;
                    vacant.insert(found.ok_or(Damage("a result names a detail that is not there"))?);
                }
            }
            Ok(page)
        })
    }
}

/// What a word that is in no list of this version is called.
pub(super) const UNKNOWN: Damage = Damage("a column holds what does not belong there");
