//! What the results of one series on one day sum up to.

use std::collections::BTreeMap;
use std::ops::Range;

use super::row::Row;
use crate::binary::{put, take};
use crate::damage::Damage;
use crate::record::Outcome;
use crate::sketch::{self, Sketch};

const HOUR_MS: i64 = 60 * 60 * 1000;
const HOURS: usize = 24;

/// No two results of a series begin in the same millisecond.
const MOST_RESULTS: u64 = HOUR_MS as u64;

const MORE_FAILURES: Damage = Damage("more failures than results");

/// A day in UTC.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Day {
    hours: [Hour; HOURS],
    /// The durations of the results that succeeded.
    sketch: Sketch,
}

/// A part of the stored counts.
enum Piece {
    /// Hours, one after the other, that have the same counts each.
    Run { hours: Range<usize>, results: u64, covered_ms: u64 },
    /// Results of an hour that did not succeed.
    Others { hour: usize, kind: (u8, Option<u8>), count: u64 },
}

/// The results that began within an hour, or in several hours together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Hour {
    pub(crate) results: u64,
    /// Milliseconds that the results stand for: the sum of their schedules. Wraps where it does not fit, so that what
    /// was added can be taken away.
    pub(crate) covered_ms: u64,
    /// How many did not succeed, by outcome and reason.
    pub(crate) others: BTreeMap<(u8, Option<u8>), u64>,
}

impl Day {
    /// Counts a result of the day.
    pub(crate) fn add(&mut self, row: &Row) {
        self.hours[hour_of(row)].add(row.outcome, row.reason, row.every_ms);
        if row.succeeded() {
            self.sketch.add(row.took_us.unsigned_abs());
        }
    }

    /// Takes away a result that was counted. When it is not there, nothing is done.
    pub(crate) fn remove(&mut self, row: &Row) -> Result<(), Damage> {
        let missing = Damage("a result to be taken away is not there");
        let hour = &mut self.hours[hour_of(row)];
        if row.succeeded() {
            if hour.results == hour.bad() {
                return Err(missing);
            }
            self.sketch.remove(row.took_us.unsigned_abs())?;
        } else {
            let kind = (row.outcome, row.reason);
            let count = hour.others.get_mut(&kind).ok_or(missing)?;
            *count -= 1;
            if *count == 0 {
                hour.others.remove(&kind);
            }
        }
        hour.results -= 1;
        hour.covered_ms = hour.covered_ms.wrapping_sub(covered(row));
        Ok(())
    }

    /// Adds another part of the day.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (hour, more) in self.hours.iter_mut().zip(&other.hours) {
            hour.merge(more);
        }
        self.sketch.merge(&other.sketch);
    }

    /// The results by the hour in which they began.
    pub(crate) fn hours(&self) -> &[Hour; HOURS] {
        &self.hours
    }

    /// The results of all hours together.
    pub(crate) fn whole(&self) -> Hour {
        let mut whole = Hour::default();
        self.hours.iter().for_each(|hour| whole.merge(hour));
        whole
    }

    /// The stored form: the length of the counts, the counts, the sketch.
    ///
    /// The counts are the usual schedule; how many runs of equal hours, and for each the number of hours, their results,
    /// and what they cover beyond that many schedules; then for each kind of failure of an hour the hour, the outcome,
    /// the reason, and the number.
    pub(crate) fn encode(&self) -> Vec<u8> {
        // What an hour with many results covers on average is most likely the schedule.
        let fullest = self.hours.iter().max_by_key(|hour| hour.results);
        let every = fullest.and_then(|hour| hour.covered_ms.checked_div(hour.results)).unwrap_or(0);
        let beyond = |hour: &Hour| hour.covered_ms.wrapping_sub(hour.results.wrapping_mul(every)) as i64;
        let until = self.hours.iter().rposition(|hour| *hour != Hour::default()).map_or(0, |last| last + 1);
        let plain: Vec<(u64, i64)> = self.hours[..until].iter().map(|hour| (hour.results, beyond(hour))).collect();
        let runs = plain.chunk_by(|hour, next| hour == next);

        let mut counts = Vec::new();
        put(&every, &mut counts);
        put(&(runs.clone().count() as u8), &mut counts);
        for run in runs {
            put(&(run.len() as u8, run[0]), &mut counts);
        }
        for (hour, Hour { others, .. }) in (0u8..).zip(&self.hours) {
            for (kind, count) in others {
                put(&(hour, kind, count), &mut counts);
            }
        }
        let mut bytes = Vec::new();
        put(&(counts.len() as u64), &mut bytes);
        bytes.extend(counts);
        self.sketch.encode(&mut bytes);
        bytes
    }

    /// Reads the stored form.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let (hours, sketch) = read_hours(bytes)?;
        let mut day = Self { hours, sketch: Sketch::default() };
        day.sketch.merge_encoded(sketch)?;
        let Hour { results, others, .. } = day.whole();
        let succeeded = results - others.values().sum::<u64>();
        if succeeded == day.sketch.count() { Ok(day) } else { Err(Damage("durations do not fit the results")) }
    }
}

/// The results of a stored day by the hour in which they began, without how long they took; and what stands behind them.
pub(crate) fn read_hours(bytes: &[u8]) -> Result<([Hour; HOURS], &[u8]), Damage> {
    let mut all: [Hour; HOURS] = Default::default();
    let sketch = read_counts(bytes, |piece| match piece {
        Piece::Run { hours, results, covered_ms } => {
            for hour in &mut all[hours] {
                *hour = Hour { results, covered_ms, others: BTreeMap::new() };
            }
        }
        Piece::Others { hour, kind, count } => {
            all[hour].others.insert(kind, count);
        }
    })?;
    if all.iter().any(|hour| hour.bad() > hour.results) { Err(MORE_FAILURES) } else { Ok((all, sketch)) }
}

impl Hour {
    /// Counts a result.
    pub(crate) fn add(&mut self, outcome: u8, reason: Option<u8>, every_ms: Option<i64>) {
        self.results += 1;
        self.covered_ms = self.covered_ms.wrapping_add(every_ms.map_or(0, i64::unsigned_abs));
        if outcome != Outcome::Success.code() {
            *self.others.entry((outcome, reason)).or_default() += 1;
        }
    }

    /// How many of the results did not succeed.
    pub(crate) fn bad(&self) -> u64 {
        self.others.values().sum()
    }

    /// Adds the results of another hour.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.results += other.results;
        self.covered_ms = self.covered_ms.wrapping_add(other.covered_ms);
        for (kind, more) in &other.others {
            *self.others.entry(*kind).or_default() += more;
        }
    }
}

/// Adds the durations of an encoded day to `sketch`, without reading its counts. After an error the sketch may hold a
/// part of them.
pub(crate) fn merge_sketch(bytes: &[u8], sketch: &mut Sketch) -> Result<(), Damage> {
    let (_, durations) = cut(bytes)?;
    sketch.merge_encoded(durations)
}

/// What no success of an encoded day took longer than, in microseconds, by less than 3 % too much.
pub(crate) fn slowest(bytes: &[u8]) -> Result<u64, Damage> {
    let (_, durations) = cut(bytes)?;
    sketch::highest(durations)
}

/// Hands the counts of an encoded day to `each` and gives back the bytes of its sketch.
fn read_counts(bytes: &[u8], mut each: impl FnMut(Piece)) -> Result<&[u8], Damage> {
    let (mut counts, sketch) = cut(bytes)?;
    let every: u64 = take(&mut counts)?;
    let runs: u8 = take(&mut counts)?;
    let mut start = 0;
    for _ in 0..runs {
        let (length, results, beyond): (u8, u64, i64) = take(&mut counts)?;
        let hours = start..start + usize::from(length);
        if hours.end > HOURS || results > MOST_RESULTS {
            return Err(Damage("more hours or results than there are"));
        }
        start = hours.end;
        let covered_ms = results.wrapping_mul(every).wrapping_add(beyond as u64);
        each(Piece::Run { hours, results, covered_ms });
    }
    let mut before = None;
    while !counts.is_empty() {
        let (hour, kind, count): (u8, (u8, Option<u8>), u64) = take(&mut counts)?;
        let (outcome, _) = kind;
        if usize::from(hour) >= HOURS || outcome == Outcome::Success.code() || !(1..=MOST_RESULTS).contains(&count) {
            return Err(Damage("failures that cannot be"));
        }
        if before.replace((hour, kind)) >= Some((hour, kind)) {
            return Err(Damage("failures out of order"));
        }
        each(Piece::Others { hour: usize::from(hour), kind, count });
    }
    Ok(sketch)
}

/// The counts and the sketch of an encoded day.
fn cut(mut bytes: &[u8]) -> Result<(&[u8], &[u8]), Damage> {
    let length: u64 = take(&mut bytes)?;
    let length = usize::try_from(length).map_err(|_| Damage("counts are too long"))?;
    bytes.split_at_checked(length).ok_or(Damage("counts are missing"))
}

/// The hour of the UTC day in which the row began.
fn hour_of(row: &Row) -> usize {
    (row.time_ms.rem_euclid(HOURS as i64 * HOUR_MS) / HOUR_MS) as usize
}

fn covered(row: &Row) -> u64 {
    row.every_ms.map_or(0, i64::unsigned_abs)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    fn row() -> impl Strategy<Value = Row> {
        let outcome = prop_oneof![3 => Just((0, None)), 1 => (1..4u8, option::of(0..4u8))];
        let every = prop_oneof![Just(Some(30_000)), Just(None), (1..1_000_000_000_000_000i64).prop_map(Some)];
        let time = prop_oneof![3 => 0..4 * HOUR_MS, 1 => -1_000 * HOUR_MS..1_000 * HOUR_MS];
        let took = prop_oneof![0..1_000_000i64, 0..i64::MAX];
        (time, outcome, every, took).prop_map(|(time_ms, (outcome, reason), every_ms, took_us)| Row {
            time_ms,
            kind: 0,
            expect: 0,
            variant: 0,
            outcome,
            reason,
            status: None,
            took_us,
            phases_us: None,
            every_ms,
            detail: None,
        })
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        vec(row(), 0..60)
    }

    fn day(rows: &[Row]) -> Day {
        let mut day = Day::default();
        rows.iter().for_each(|row| day.add(row));
        day
    }

    /// A day of results every half minute, none of which failed.
    fn plain() -> Vec<Row> {
        let row = |run: i64| Row {
            time_ms: run * 30_000 + run % 40,
            kind: 0,
            expect: 0,
            variant: 0,
            outcome: 0,
            reason: None,
            status: Some(200),
            took_us: 150_000 + run * run * 7919 % 60_000,
            phases_us: None,
            every_ms: Some(30_000),
            detail: None,
        };
        (0..2880).map(row).collect()
    }

    proptest! {
        #[test]
        fn a_rollup_counts_what_its_results_are(rows in rows()) {
            let day = day(&rows);
            let whole = day.whole();
            prop_assert_eq!(whole.results, rows.len() as u64);
            prop_assert_eq!(whole.bad(), rows.iter().filter(|row| !row.succeeded()).count() as u64);
            prop_assert_eq!(day.sketch.count(), whole.results - whole.bad());
            for hour in 0..HOURS {
                let of_hour: Vec<&Row> = rows.iter().filter(|row| hour_of(row) == hour).collect();
                prop_assert_eq!(day.hours()[hour].results, of_hour.len() as u64);
                prop_assert_eq!(day.hours()[hour].covered_ms, of_hour.iter().map(|row| covered(row)).sum::<u64>());
                for (kind, count) in &day.hours()[hour].others {
                    let alike = of_hour.iter().filter(|row| !row.succeeded() && (row.outcome, row.reason) == *kind);
                    prop_assert_eq!(*count, alike.count() as u64);
                }
            }
        }

        #[test]
        fn parts_merged_in_any_order_are_the_day(rows in rows(), cuts: [Index; 2]) {
            let mut cuts = cuts.map(|cut| cut.index(rows.len() + 1));
            cuts.sort_unstable();
            let parts = [&rows[..cuts[0]], &rows[cuts[0]..cuts[1]], &rows[cuts[1]..]].map(day);
            for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
                let mut merged = Day::default();
                order.iter().for_each(|part| merged.merge(&parts[*part]));
                prop_assert_eq!(merged, day(&rows));
            }
        }

        #[test]
        fn what_is_added_and_taken_away_leaves_nothing(some in rows(), more in rows()) {
            let mut after = day(&[some.clone(), more.clone()].concat());
            for row in &more {
                prop_assert_eq!(after.remove(row), Ok(()));
            }
            prop_assert_eq!(&after, &day(&some));
            for row in more.iter().filter(|row| some.iter().all(|other| hour_of(other) != hour_of(row))) {
                prop_assert!(after.remove(row).is_err());
            }
            prop_assert_eq!(&after, &day(&some));
        }

        #[test]
        fn a_rollup_is_read_as_it_was_written(rows in rows()) {
            let day = day(&rows);
            let bytes = day.encode();
            prop_assert_eq!(Day::decode(&bytes), Ok(day.clone()));
            let mut sketch = Sketch::default();
            prop_assert_eq!(merge_sketch(&bytes, &mut sketch), Ok(()));
            prop_assert_eq!(&sketch, &day.sketch);
            let took = rows.iter().filter(|row| row.succeeded()).map(|row| row.took_us.unsigned_abs());
            let (most, bound) = (took.max().unwrap_or(0), slowest(&bytes).unwrap());
            prop_assert!(most <= bound && bound - most <= most / 32 + 1, "{} {}", most, bound);
        }

        #[test]
        fn any_bytes_are_a_rollup_or_damage(rows in rows(), noise in vec(any::<u8>(), 1..20), at: Index) {
            let mut bytes = day(&rows).encode();
            let at = at.index(bytes.len());
            bytes.iter_mut().skip(at).zip(&noise).for_each(|(byte, noise)| *byte = *noise);
            for bytes in [bytes, noise] {
                if let Ok(day) = Day::decode(&bytes) {
                    prop_assert!(day.whole().bad() <= day.whole().results);
                }
                let _ = merge_sketch(&bytes, &mut Sketch::default());
            }
        }
    }

    #[test]
    fn every_truncation_of_a_rollup_is_damage() {
        let rows: Vec<Row> = plain()
            .into_iter()
            .enumerate()
            .map(|(run, row)| if run % 100 > 0 { row } else { Row { outcome: 1, reason: Some(14), ..row } })
            .collect();
        let bytes = day(&rows).encode();
        for end in 0..bytes.len() {
            assert!(Day::decode(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn the_counts_of_a_plain_day_take_less_than_ten_bytes() {
        let day = day(&plain());
        let mut durations = Vec::new();
        day.sketch.encode(&mut durations);
        assert!(day.encode().len() - durations.len() < 10);
    }
}
