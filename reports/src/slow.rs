//! Stretches in which a probe succeeds, but slower than an objective allows or than it did before.

use std::collections::BTreeMap;
use std::time::Duration;

use rayon::prelude::*;
use storage::record::{Outcome, Reason};

use crate::detect::latency::slower;
use crate::episode::{Episode, episodes};
use crate::input::Input;
use crate::series::{Piece, Sample, Series};
use crate::settings::{Settings, Slo};

/// The slow stretches of every series: those that are slower than an objective allows, of several limits the lowest,
/// and those that are slower than they were before. `failing` are the stretches in which probes fail: a slow one that
/// overlaps them is left to them.
#[must_use]
pub fn slow(input: &Input, settings: &Settings, failing: &[Episode]) -> Vec<Episode> {
    let limited: Vec<_> = settings.slos.iter().filter_map(|slo| Some((slo.matchers(), slo.latency?))).collect();
    let mut failing_of: BTreeMap<(&str, &str, &str), Vec<&Episode>> = BTreeMap::new();
    for episode in failing {
        failing_of.entry((&episode.target, &episode.probe, &episode.agent)).or_default().push(episode);
    }
    let of_series = |series: &Series| {
        let path = series.path();
        let own = failing_of.get(&(series.target.as_str(), series.probe.as_str(), series.agent.as_str()));
        let every_ms = settings.every_ms(&series.target);
        let limits = limited.iter().filter(|(globs, _)| globs.iter().any(|glob| glob.is_match(&path)));
        let limit = limits.map(|(_, limit)| *limit).min();
        let limit = limit.filter(|limit| exceeded(series, *limit));
        let too_slow = limit.map(|limit| episodes(&judged_by_time(series, limit), every_ms)).unwrap_or_default();
        let mut found: Vec<Episode> =
            too_slow.into_iter().filter(|slow| own.into_iter().flatten().all(|other| apart(slow, other))).collect();
        let slower: Vec<Episode> = slower(series, every_ms)
            .into_iter()
            .filter(|slow| own.into_iter().flatten().all(|other| apart(slow, other)))
            .filter(|slow| found.iter().all(|other| apart(slow, other)))
            .collect();
        found.extend(slower);
        found
    };
    input.series.par_iter().flat_map_iter(of_series).collect()
}

fn apart(one: &Episode, other: &Episode) -> bool {
    other.until() < one.start.lo || one.until() < other.start.lo
}

/// Whether a success took longer than an objective allows.
#[must_use]
pub fn is_slow(slo: &Slo, sample: &Sample) -> bool {
    sample.outcome == Outcome::Success && slo.latency.is_some_and(|limit| exceeds(sample, limit))
}

/// The successes of a series, the slow ones as failures.
fn judged_by_time(series: &Series, limit: Duration) -> Series {
    let judged = |piece: &Piece| match piece {
        Piece::Single(sample) if sample.outcome != Outcome::Success => None,
        Piece::Single(sample) if exceeds(sample, limit) => {
            let slow = Sample { outcome: Outcome::Failure, reason: Some(Reason::Slow), ..sample.clone() };
            Some(Piece::Single(slow))
        }
        Piece::Single(_) | Piece::Quiet(_) => Some(piece.clone()),
    };
    let pieces = series.pieces.iter().filter_map(judged).collect();
    Series { pieces, ..series.clone() }
}

/// Whether any success took longer.
fn exceeded(series: &Series, limit: Duration) -> bool {
    series.pieces.iter().any(|piece| match piece {
        Piece::Single(sample) => sample.outcome == Outcome::Success && exceeds(sample, limit),
        Piece::Quiet(_) => false,
    })
}

fn exceeds(sample: &Sample, limit: Duration) -> bool {
    u128::from(sample.took_us) > limit.as_micros()
}
