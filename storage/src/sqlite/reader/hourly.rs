//! Counts the results of a few series by the hour, over months in little time.

use std::collections::BTreeMap;
use std::ops::Range;

use rustc_hash::FxHashMap;

use super::tally;
use super::{Reader, SeriesKey};
use crate::error::Error;
use crate::record::Outcome;
use crate::sqlite::day::HOUR_MS;
use crate::sqlite::rollup::{Hour, read_hours};
use crate::window::Window;

/// How the results of an hour ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// All of them.
    pub results: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that were skipped, and the prober's own faults.
    pub unclear: u64,
}

impl Reader {
    /// Counts the results of every hour that a window touches, in UTC, of some series: for each in their order, by the
    /// number of the hour since 1970. Hours without results are left out.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn hourly(&self, series: &[SeriesKey], window: Window) -> Result<Vec<BTreeMap<i64, Ended>>, Error> {
        let stretch = super::stretch(Some(window));
        let hours = stretch.from_ms.div_euclid(HOUR_MS)..stretch.until_ms.saturating_sub(1).div_euclid(HOUR_MS) + 1;
        let names: FxHashMap<SeriesKey, usize> =
            series.iter().enumerate().map(|(position, key)| (key.clone(), position)).collect();
        let members = self.members(None)?;
        let wanted = members.iter().filter_map(|member| Some((member, *names.get(&member.key)?)));
        let wanted: Vec<_> = wanted.collect();
        self.snapshot(|connection| {
            let mut counts = vec![BTreeMap::new(); series.len()];
            let tail = self.tail(connection)?;
            for (member, position) in &wanted {
                let Some(counts) = counts.get_mut(*position) else { continue };
                let days = hours.start.div_euclid(24)..(hours.end - 1).div_euclid(24) + 1;
                tally::rollups(connection, std::slice::from_ref(*member), days.start, days.end, |_, row| {
                    let day: i64 = row.get(0)?;
                    let (sums, _) = read_hours(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)?;
                    (day * 24..).zip(&sums).for_each(|(hour, sum)| add(counts, &hours, hour, sum));
                    Ok(())
                })?;
                for row in tail.of(member.series) {
                    let mut one = Hour::default();
                    one.add(row.outcome, row.reason, row.every_ms);
                    add(counts, &hours, row.time_ms.div_euclid(HOUR_MS), &one);
                }
            }
            Ok(counts)
        })
    }
}

fn add(counts: &mut BTreeMap<i64, Ended>, hours: &Range<i64>, hour: i64, sum: &Hour) {
    if sum.results == 0 || !hours.contains(&hour) {
        return;
    }
    let others: u64 = sum.others.values().sum();
    let failures = sum.others.iter().filter(|((outcome, _), _)| *outcome == Outcome::Failure.code());
    let failed: u64 = failures.map(|(_, count)| count).sum();
    let ended = counts.entry(hour).or_default();
    ended.results += sum.results;
    ended.failed += failed;
    ended.unclear += others - failed;
}
