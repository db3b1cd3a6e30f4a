//! What the sums of days say: which days are known without their results, and which have to be read.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use storage::error::Error;
use storage::record::Outcome;
use storage::sqlite::reader::outlines::Outline;
use storage::sqlite::reader::{self, Reader, SeriesKey};
use storage::window::Window;

use super::DAY_MS;
use crate::condense::{AROUND, Alarm, NEAR, Watch};
use crate::input::milliseconds;
use crate::plan::Plan;
use crate::series::{Piece, Quiet, Sample};

/// The part of an interval by which a start may lie off the beat without being counted on the wrong side of a border.
const OFF_BEAT: i64 = 64;
/// Intervals within which two probes that fail twice in a row may be one incident.
const TOGETHER: i64 = 10;

/// The days and the flaws of every series.
pub(super) struct Sums {
    pub(super) series: Vec<(Vec<Outline>, Vec<Sample>)>,
}

/// Two executions in a row of one series that failed.
struct Pair {
    at_ms: i64,
    every_ms: i64,
    position: usize,
}

impl Sums {
    pub(super) fn read(reader: &Reader, plan: &Plan, far: Window, known: &[reader::Series]) -> Result<Sums, Error> {
        let mut outlines: HashMap<SeriesKey, Vec<Outline>> =
            reader.outlines(far, plan.has_limits())?.into_iter().collect();
        let flaws = super::flaws(reader, far, known)?;
        let days = known.iter().map(|series| outlines.remove(&series.key()).unwrap_or_default());
        Ok(Sums { series: days.zip(flaws).collect() })
    }

    /// How many results there are, besides those that have no sum yet.
    pub(super) fn results(&self) -> u64 {
        self.series.iter().flat_map(|(days, _)| days).map(|day| day.count).sum()
    }

    /// The days of each series whose results have to be read.
    pub(super) fn marks(&self, plan: &Plan, known: &[reader::Series]) -> Vec<BTreeSet<i64>> {
        let mut pairs = Vec::new();
        let mut marks = Vec::with_capacity(known.len());
        for (position, (known, (days, flaws))) in known.iter().zip(&self.series).enumerate() {
            let mut own = BTreeSet::new();
            let limit_us = plan.limit_us(&format!("{}/{}", known.target, known.probe));
            for day in days {
                let slow = limit_us.is_some_and(|limit| day.slowest_us.is_none_or(|slowest| slowest > limit));
                if slow || slots(day, of_day(flaws, day)).is_none() || near_border(day, &plan.borders) {
                    own.insert(day.day);
                }
            }
            let every_ms = milliseconds(known.every_s).or(plan.every_ms(&known.target)).unwrap_or(1).max(1);
            mark_clusters(flaws, every_ms, |at_ms, alarm| match alarm {
                Alarm::Lonely => {}
                Alarm::Pair => pairs.push(Pair { at_ms, every_ms, position }),
                Alarm::Many => mark_around(at_ms, every_ms, &mut own),
            });
            marks.push(own);
        }
        pairs.sort_unstable_by_key(|pair| pair.at_ms);
        for two in pairs.windows(2) {
            let [a, b] = two else { continue };
            if a.position != b.position && b.at_ms - a.at_ms <= a.every_ms.max(b.every_ms) * TOGETHER {
                for pair in [a, b] {
                    if let Some(own) = marks.get_mut(pair.position) {
                        mark_around(pair.at_ms, pair.every_ms, own);
                    }
                }
            }
        }
        marks
    }
}

/// The flaws of a day, out of those of its series.
pub(super) fn of_day<'a>(flaws: &'a [Sample], day: &Outline) -> &'a [Sample] {
    let from = flaws.partition_point(|flaw| flaw.time.as_millisecond() < day.day.saturating_mul(DAY_MS));
    let until = flaws.partition_point(|flaw| flaw.time.as_millisecond() <= day.last_ms);
    flaws.get(from..until).unwrap_or_default()
}

/// The pieces of a day that is known without its results.
pub(super) fn pieces(day: &Outline, flaws: &[Sample], mut each: impl FnMut(Piece)) {
    let Some(slots) = slots(day, flaws) else { return };
    let every_ms = day.every_ms.unwrap_or(0);
    // Starts that are known: number of the slot, and the moment.
    let known = slots.iter().copied().zip(flaws.iter().map(|flaw| flaw.time.as_millisecond()));
    let mut before = (-1, day.first_ms.saturating_sub(every_ms));
    for ((slot, at_ms), flaw) in known.zip(flaws) {
        quiet(before, (slot, at_ms), day, every_ms).into_iter().for_each(|quiet| each(Piece::Quiet(quiet)));
        each(Piece::Single(Sample { every_ms, ..flaw.clone() }));
        before = (slot, at_ms);
    }
    let end = (day.count as i64, day.last_ms.saturating_add(every_ms));
    quiet(before, end, day, every_ms).into_iter().for_each(|quiet| each(Piece::Quiet(quiet)));
}

/// The successes between two slots, those not included. The first and the last start of a day are known exactly.
fn quiet(before: (i64, i64), next: (i64, i64), day: &Outline, every_ms: i64) -> Option<Quiet> {
    let count = u64::try_from(next.0 - before.0 - 1).ok().filter(|count| *count > 0)?;
    let first_ms = if before.0 < 0 { day.first_ms } else { before.1 + every_ms };
    let last_ms = if next.0 == day.count as i64 { day.last_ms } else { next.1 - every_ms };
    let first = Timestamp::from_millisecond(first_ms).ok()?;
    let length_ms = if count == 1 { 0 } else { last_ms.saturating_sub(first_ms).max(0) };
    Some(Quiet { first, length_ms, count, every_ms })
}

/// The numbers of the slots of the flaws of a day in which every planned start was made, once; nothing for another day.
fn slots(day: &Outline, flaws: &[Sample]) -> Option<Vec<i64>> {
    let Outline { first_ms, last_ms, count, every_ms, covered_ms, others, settled, .. } = *day;
    if !settled || count == 0 || others != flaws.len() as u64 {
        return None;
    }
    let last_slot = i64::try_from(count).ok()? - 1;
    let Some(every_ms) = every_ms.filter(|every_ms| *every_ms > 0) else {
        // Without a schedule nothing is known of single starts, and nothing need be where all succeeded.
        return (covered_ms == 0 && others == 0).then(Vec::new);
    };
    let nearest = |at_ms: i64| (at_ms - first_ms + every_ms / 2).div_euclid(every_ms);
    if covered_ms != count.checked_mul(every_ms.unsigned_abs())? || nearest(last_ms) != last_slot {
        return None;
    }
    let slots: Vec<i64> = flaws.iter().map(|flaw| nearest(flaw.time.as_millisecond())).collect();
    let inside = slots.iter().all(|slot| (0..=last_slot).contains(slot));
    let ends = flaws.iter().zip(&slots).all(|(flaw, slot)| {
        let at_ms = flaw.time.as_millisecond();
        (*slot > 0 || at_ms == first_ms) && (*slot < last_slot || at_ms == last_ms)
    });
    (inside && ends && slots.is_sorted_by(|a, b| a < b)).then_some(slots)
}

/// Whether a start of a day may lie on either side of a border. The first and the last are known exactly.
fn near_border(day: &Outline, borders: &[Timestamp]) -> bool {
    let every_ms = day.every_ms.unwrap_or(0);
    let first = borders.partition_point(|border| border.as_millisecond() <= day.first_ms);
    let inside = borders.iter().skip(first).map(|border| border.as_millisecond());
    inside.take_while(|border_ms| *border_ms <= day.last_ms).any(|border_ms| {
        let off = (border_ms - day.first_ms).rem_euclid(every_ms.max(1));
        off.min(every_ms - off) <= every_ms / OFF_BEAT
    })
}

/// Hands every failed execution to `each`, with what it may be the beginning of.
fn mark_clusters(flaws: &[Sample], every_ms: i64, mut each: impl FnMut(i64, Alarm)) {
    let mut watch = Watch::default();
    let mut before = None;
    for flaw in flaws.iter().filter(|flaw| flaw.outcome == Outcome::Failure) {
        let at_ms = flaw.time.as_millisecond();
        if let Some(before) = before.replace(at_ms) {
            let slots = (at_ms - before + every_ms / 2) / every_ms;
            watch.good(u64::try_from(slots - 1).unwrap_or(0));
        }
        each(at_ms, watch.bad(flaw.reason));
    }
}

/// Marks the days around a failure that may belong to an episode.
fn mark_around(at_ms: i64, every_ms: i64, days: &mut BTreeSet<i64>) {
    let executions = |number: u64| every_ms.saturating_mul(i64::try_from(number).unwrap_or(i64::MAX));
    let from = at_ms.saturating_sub(executions(AROUND + NEAR)).div_euclid(DAY_MS);
    let until = at_ms.saturating_add(executions(AROUND)).div_euclid(DAY_MS);
    days.extend(from..=until.min(from.saturating_add(MOST_DAYS)));
}

/// Most days that one failure makes worth reading: those of a probe that runs once a day.
const MOST_DAYS: i64 = 2 * (AROUND + NEAR) as i64;
