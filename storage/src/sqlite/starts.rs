//! The starts of a section's rows, kept as what they differ from a prediction.

use serde::{Deserialize, Serialize};

use super::row::Row;
use crate::damage::Damage;

/// Bits that a jump of the grid costs, as a rule: one byte each for where, how far and the rest of the coding.
const JUMP_BITS: u64 = 24;

/// Longest stretch in milliseconds, about 36 million years, in which the sums of a grid cannot overflow.
const LONGEST: i64 = 1 << 60;

/// What a start is predicted from. The first start of a section stands in the head of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Predictor {
    /// The start before.
    Before,
    /// The beat of the schedule, counted from the first start.
    Grid,
    /// The end of the same row of an earlier section of as many rows, so many sections before: a step of a run begins
    /// when an earlier one has ended.
    Chain(u8),
    /// The start of the same row of such a section: steps of a run that do not wait for each other begin together.
    Beside(u8),
}

/// What later sections may lean on: when the rows of a section started and ended, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) starts: Vec<i64>,
    pub(super) ends: Vec<i64>,
}

/// A row that does not follow the one before it after one beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Jump {
    /// Rows that do, since the jump before.
    skip: u32,
    /// Beats that it comes late; -1 when it shares the beat of the row before.
    beats: i64,
}

/// The starts of all rows but the first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Starts {
    pub(super) predictor: Predictor,
    /// Actual less predicted, in milliseconds.
    pub(super) off: Vec<i64>,
    pub(super) jumps: Vec<Jump>,
}

impl Marks {
    /// Those of `rows`.
    pub(super) fn of(rows: &[Row]) -> Self {
        let starts = rows.iter().map(|row| row.time_ms).collect();
        Self { starts, ends: rows.iter().map(|row| end(row.time_ms, row.took_us)).collect() }
    }
}

/// When something ended that began at `time_ms` and took `took_us`. Wraps where it does not fit.
pub(super) fn end(time_ms: i64, took_us: i64) -> i64 {
    time_ms.wrapping_add(took_us / 1000)
}

/// The starts of `rows` with the predictor that seems to cost least. `earlier` are the sections before.
pub(super) fn predict(rows: &[Row], every_ms: Option<i64>, earlier: &[Marks]) -> Starts {
    let times: Vec<i64> = rows.iter().map(|row| row.time_ms).collect();
    let mut best = before(&times);
    let mut least = cost(&best);
    let alike = (1u8..).zip(earlier.iter().rev()).filter(|(_, marks)| marks.starts.len() == times.len());
    let leaning = alike.flat_map(|(back, Marks { starts, ends })| {
        [lean(&times, Predictor::Chain(back), ends), lean(&times, Predictor::Beside(back), starts)]
    });
    for starts in every_ms.and_then(|every| grid(&times, every)).into_iter().chain(leaning) {
        let cost = cost(&starts);
        if cost < least {
            (best, least) = (starts, cost);
        }
    }
    best
}

/// The starts of a section from `first` on. `marks` are what they lean on, where they do.
pub(super) fn restore(
    starts: &Starts,
    first: i64,
    every_ms: Option<i64>,
    marks: Option<&[i64]>,
) -> Result<Vec<i64>, Damage> {
    let Starts { predictor, off, jumps } = starts;
    let mut times = Vec::with_capacity(off.len() + 1);
    times.push(first);
    match predictor {
        Predictor::Before => {
            let mut time = first;
            times.extend(off.iter().map(|off| {
                time = time.wrapping_add(*off);
                time
            }));
        }
        Predictor::Grid => {
            let every = every_ms.ok_or(Damage("a grid without a beat"))?;
            let mut beats = vec![1i64; off.len()];
            let mut left = beats.as_mut_slice();
            for jump in jumps {
                let beyond = Damage("a jump lies beyond the rows");
                let (_, from) = left.split_at_mut_checked(jump.skip as usize).ok_or(beyond)?;
                let (row, after) = from.split_first_mut().ok_or(beyond)?;
                *row = row.wrapping_add(jump.beats);
                left = after;
            }
            let mut beat = first;
            times.extend(off.iter().zip(beats).map(|(off, beats)| {
                beat = beat.wrapping_add(every.wrapping_mul(beats));
                beat.wrapping_add(*off)
            }));
        }
        Predictor::Chain(_) | Predictor::Beside(_) => {
            let marks =
                marks.filter(|marks| marks.len() == off.len() + 1).ok_or(Damage("starts without their like"))?;
            times.extend(off.iter().zip(&marks[1..]).map(|(off, mark)| mark.wrapping_add(*off)));
        }
    }
    if times.is_sorted_by(|time, next| time < next) { Ok(times) } else { Err(Damage("starts do not rise")) }
}

fn before(times: &[i64]) -> Starts {
    let off = times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    Starts { predictor: Predictor::Before, off, jumps: Vec::new() }
}

fn lean(times: &[i64], predictor: Predictor, marks: &[i64]) -> Starts {
    let off = times.iter().zip(marks).skip(1).map(|(time, mark)| time.wrapping_sub(*mark)).collect();
    Starts { predictor, off, jumps: Vec::new() }
}

/// None where the times or the beat are so far apart that sums could overflow.
fn grid(times: &[i64], every: i64) -> Option<Starts> {
    let (first, last) = (times.first()?, times.last()?);
    if last.checked_sub(*first)? > LONGEST || !(1..=LONGEST).contains(&every) {
        return None;
    }
    let mut starts = Starts { predictor: Predictor::Grid, off: Vec::new(), jumps: Vec::new() };
    let mut beat = 0;
    let mut skip = 0;
    for time in &times[1..] {
        let past = time - first;
        let nearest = (past + every / 2) / every;
        if nearest == beat + 1 {
            skip += 1;
        } else {
            starts.jumps.push(Jump { skip, beats: nearest - beat - 1 });
            skip = 0;
        }
        beat = nearest;
        starts.off.push(past - beat * every);
    }
    Some(starts)
}

/// Roughly the bits that they take: a column costs what its numbers lie away from their median.
fn cost(starts: &Starts) -> u64 {
    let mut off = starts.off.clone();
    let middle = off.len() / 2;
    if off.is_empty() {
        return 0;
    }
    let median = *off.select_nth_unstable(middle).1;
    let bits = |off: &i64| u64::from(i64::BITS - off.abs_diff(median).leading_zeros());
    starts.jumps.len() as u64 * JUMP_BITS + off.iter().map(bits).sum::<u64>()
}
