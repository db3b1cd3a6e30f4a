//! Latency quantiles: sketched over any window in little time, or exact.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rustc_hash::FxHashMap;

use super::page::{self, Stretch};
use super::tail::Tail;
use super::{Reader, SeriesKey, cut, tail, tally};
use crate::error::{Error, Trouble};
use crate::record::Outcome;
use crate::sketch::{Sketch, rank};
use crate::sqlite::block;
use crate::sqlite::blocks::{self, Level};
use crate::sqlite::day::DAY_MS;
use crate::sqlite::rollup::merge_sketch;
use crate::window::Window;

impl Reader {
    /// Sketches how long the successes of one series, or of each, in a window took: every quantile within 1 %. Series
    /// without successes are left out. Whole days are read from their sums, the rest from single results; where these
    /// have been dropped, only whole days count.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn latency(
        &self,
        series: Option<&SeriesKey>,
        window: Option<Window>,
    ) -> Result<Vec<(SeriesKey, Sketch)>, Error> {
        let members = self.members(series)?;
        let stretch = super::stretch(window);
        let mut sketches = self.snapshot(|connection| {
            let mut sketches: FxHashMap<i64, Sketch> =
                members.iter().map(|member| (member.series, Sketch::default())).collect();
            let (days, rest) = cut::whole(stretch, DAY_MS);
            tally::rollups(connection, &members, days.start, days.end, |series, row| {
                let body = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
                sketches.get_mut(&series).map_or(Ok(()), |sketch| Ok(merge_sketch(body, sketch)?))
            })?;
            let mut add = |series, took_us| {
                if let Some(sketch) = sketches.get_mut(&series) {
                    sketch.add(took_us);
                }
            };
            for rest in rest {
                for (group, series) in super::by_group(&members) {
                    durations(connection, group, &series, rest, &mut add)?;
                }
            }
            if page::any_late(connection)? {
                let tail = self.tail(connection)?;
                for member in &members {
                    unsealed(&tail, member.series, stretch, |took_us| add(member.series, took_us));
                }
            } else {
                tail::hot(connection, "outcome, took_us", stretch, |series, row| {
                    if row.get::<_, u8>(2)? == Outcome::Success.code() {
                        add(series, row.get::<_, i64>(3)?.unsigned_abs());
                    }
                    Ok(())
                })?;
            }
            Ok(sketches)
        })?;
        let sketched = members.into_iter().filter_map(|member| {
            let sketch = sketches.remove(&member.series).filter(|sketch| sketch.count() > 0)?;
            Some((member.key, sketch))
        });
        Ok(sketched.collect())
    }

    /// How long the successes of one series, or of each, in a window took, at `quantiles`: nearest rank, to the
    /// microsecond. Reads every result, and holds eight bytes for each of a group of series at once.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn exact_latency(
        &self,
        series: Option<&SeriesKey>,
        window: Option<Window>,
        quantiles: &[f64],
    ) -> Result<Vec<(SeriesKey, Vec<u64>)>, Error> {
        let members = self.members(series)?;
        let stretch = super::stretch(window);
        let mut exact: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
        for (group, series) in super::by_group(&members) {
            let found = self.snapshot(|connection| {
                let mut found: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
                durations(connection, group, &series, stretch, |series, took_us| {
                    found.entry(series).or_default().push(took_us);
                })?;
                let tail = self.tail(connection)?;
                for series in &series {
                    unsealed(&tail, *series, stretch, |took_us| found.entry(*series).or_default().push(took_us));
                }
                Ok(found)
            })?;
            for (series, mut took_us) in found {
                let at = quantiles.iter().filter_map(|quantile| nearest_rank(&mut took_us, *quantile)).collect();
                exact.insert(series, at);
            }
        }
        let named = members.into_iter().filter_map(|member| Some((member.key, exact.remove(&member.series)?)));
        Ok(named.collect())
    }
}

/// Hands `each` the durations of the sealed successes of series of one group inside a stretch.
fn durations(
    connection: &Connection,
    group: i64,
    series: &[i64],
    stretch: Stretch,
    mut each: impl FnMut(i64, u64),
) -> Result<(), Trouble> {
    let late = page::late_days(connection, series, stretch)?;
    let (first, last) = stretch.days();
    let mut days = late.clone();
    days.extend(blocks::days(connection, group, first, last)?);
    for day in days {
        let Some(part) = stretch.on(day) else { continue };
        if late.contains(&day) || part != Stretch::day(day) {
            for (series, rows) in page::sealed_briefs(connection, group, series, part)? {
                rows.iter().filter(|row| row.succeeded()).for_each(|row| each(series, row.took_us.unsigned_abs()));
            }
            continue;
        }
        // Of a whole day the starts need not be known.
        for level in Level::ALL {
            for stored in blocks::of_day(connection, level, group, day)? {
                let data = stored.data(connection)?;
                for series in series {
                    let took_us = block::durations(&stored.head, &data, *series)?;
                    took_us.into_iter().for_each(|took_us| each(*series, took_us));
                }
            }
        }
    }
    Ok(())
}

fn unsealed(tail: &Tail, series: i64, stretch: Stretch, mut each: impl FnMut(u64)) {
    let rows = tail.within(series, stretch.from_ms, stretch.until_ms);
    rows.iter().filter(|row| row.succeeded()).for_each(|row| each(row.took_us.unsigned_abs()));
}

/// The value at a quantile; none without values. Leaves the values in another order.
fn nearest_rank(values: &mut [u64], quantile: f64) -> Option<u64> {
    let position = rank(quantile, values.len() as u64) as usize - 1;
    (position < values.len()).then(|| *values.select_nth_unstable(position).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_at_a_whole_percent_of_a_hundred_is_the_one_of_that_rank() {
        let mut values: Vec<u64> = (1..=100).rev().collect();
        for percent in 1..=100_u32 {
            assert_eq!(nearest_rank(&mut values, f64::from(percent) / 100.0), Some(percent.into()));
        }
        assert_eq!(nearest_rank(&mut values, 0.0), Some(1));
        assert_eq!(nearest_rank(&mut [], 0.5), None);
    }
}
