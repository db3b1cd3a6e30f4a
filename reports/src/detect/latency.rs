//! Finds where a probe became slower than it was itself, whatever an objective says.
//!
//! A success counts as slow when it takes a quarter longer than all but one in twenty of those before it. What the
//! detector finds is held against the durations before it: the rank test of Mann and Whitney and the shift of Hodges
//! and Lehmann must say so too. Quiet stretches carry no durations: what lies in them is not seen.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use storage::record::{Outcome, Reason};

use super::evidence::Scale;
use super::watch::Watch;
use crate::episode::Episode;
use crate::series::{Piece, Sample, Series};

/// The durations that are usual, in microseconds.
#[derive(Debug, Default)]
struct Baseline {
    /// Of the block that is being filled.
    filling: Vec<u64>,
    /// The 95 % quantile of each of the last blocks.
    quantiles: VecDeque<u64>,
}

/// Successes of a block.
const BLOCK: usize = 120;
/// Blocks that are remembered.
const BLOCKS: usize = 4;
/// How much longer than usual is slow.
const LONGER: f64 = 1.25;
/// Least shift that matters to anybody, in microseconds.
const LEAST_SHIFT_US: f64 = 5_000.0;
/// Least number of slow executions: a pod that starts is slow for some.
const LEAST_SLOW: u64 = 10;
/// Most durations on either side that are compared.
const COMPARED: usize = 100;
/// Time without a duration, in a gap or a quiet stretch, after which what was usual need not be so any more.
const STALE: SignedDuration = SignedDuration::from_hours(1);
/// Normal quantile that the rank test must exceed: one in two thousand by chance.
const SURE: f64 = 3.3;

/// The stretches in which a series succeeds more slowly than it did before.
pub(crate) fn slower(series: &Series, every_ms: Option<i64>) -> Vec<Episode> {
    let mut baseline = Baseline::default();
    let mut watch = Watch::of_latency(series, series.every_ms.or(every_ms));
    let mut newest = series.first;
    for sample in successes(series) {
        if sample.time.duration_since(newest) > STALE {
            baseline = Baseline::default();
        }
        newest = sample.time;
        let Some(limit) = baseline.limit() else {
            baseline.push(sample.took_us);
            continue;
        };
        let slow = sample.took_us as f64 > limit;
        let (outcome, reason) = match slow {
            true => (Outcome::Failure, Some(Reason::Slow)),
            false => (Outcome::Success, None),
        };
        watch.push(&Piece::Single(Sample { outcome, reason, detail: None, ..sample.clone() }));
        if !watch.suspects() {
            baseline.push(sample.took_us);
        }
    }
    watch.episodes().into_iter().filter(|episode| episode.open_at.is_some() && confirmed(episode, series)).collect()
}

impl Baseline {
    fn push(&mut self, took_us: u64) {
        self.filling.push(took_us);
        if self.filling.len() == BLOCK {
            self.filling.sort_unstable();
            self.quantiles.extend(self.filling.get(BLOCK * 95 / 100));
            self.filling.clear();
            if self.quantiles.len() > BLOCKS {
                self.quantiles.pop_front();
            }
        }
    }

    /// What is slow, in microseconds; nothing before a block is full.
    fn limit(&self) -> Option<f64> {
        self.quantiles.iter().max().map(|usual| *usual as f64 * LONGER)
    }
}

fn successes(series: &Series) -> impl Iterator<Item = &Sample> {
    series.pieces.iter().filter_map(|piece| match piece {
        Piece::Single(sample) => (sample.outcome == Outcome::Success).then_some(sample),
        Piece::Quiet(_) => None,
    })
}

/// Whether the durations as a whole moved, not only the longest of them.
fn confirmed(episode: &Episode, series: &Series) -> bool {
    let durations = |sample: &Sample| sample.took_us as f64;
    let earlier: Vec<f64> =
        successes(series).take_while(|sample| sample.time <= episode.start.lo).map(durations).collect();
    let before: Vec<f64> = earlier.iter().rev().take(COMPARED).copied().collect();
    let until = episode.end.map_or(Timestamp::MAX, |end| end.lo);
    let during = successes(series).filter(|sample| sample.time >= episode.start.hi && sample.time <= until);
    let during: Vec<f64> = during.take(COMPARED).map(durations).collect();
    let Some((shift, usual)) = shift(&before, &during).zip(median(before.clone())) else { return false };
    episode.failed >= LEAST_SLOW
        && rank_test(&before, &during) >= SURE
        && shift >= LEAST_SHIFT_US
        && shift >= usual * (LONGER - 1.0)
}

/// How far the second sample lies above the first by ranks, as a normal quantile.
fn rank_test(before: &[f64], during: &[f64]) -> f64 {
    let above: f64 = during.iter().map(|one| before.iter().map(|other| wins(*one, *other)).sum::<f64>()).sum();
    let (n, m) = (before.len() as f64, during.len() as f64);
    (above - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

fn wins(one: f64, other: f64) -> f64 {
    match one.total_cmp(&other) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    }
}

/// The shift of Hodges and Lehmann: the median of all differences.
fn shift(before: &[f64], during: &[f64]) -> Option<f64> {
    median(during.iter().flat_map(|one| before.iter().map(move |other| one - other)).collect())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    values.sort_by(f64::total_cmp);
    values.get(middle).copied()
}

impl Scale {
    /// Of successes that are slower than usual: one in twenty is by definition.
    pub(super) const LATENCY: Scale = Scale { null: 0.08, shares: [0.2, 0.33, 0.67, 0.99], before: (4.0, 50.0) };
}
