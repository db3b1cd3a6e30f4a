//! Stretches in which a probe succeeds, but slower than an objective allows.

use std::time::Duration;

use storage::record::{Outcome, Reason};

use crate::episode::{Episode, episodes};
use crate::input::Input;
use crate::series::{Piece, Sample, Series};
use crate::settings::{Settings, Slo};

/// The slow stretches of every series that an objective sets a limit for. Of several limits the lowest counts.
/// `failing` are the stretches in which probes fail: a slow one that overlaps them is left to them.
#[must_use]
pub fn slow(input: &Input, settings: &Settings, failing: &[Episode]) -> Vec<Episode> {
    let limited: Vec<_> = settings.slos.iter().filter_map(|slo| Some((slo.matchers(), slo.latency?))).collect();
    if limited.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for series in &input.series {
        let path = series.path();
        let limits = limited.iter().filter(|(globs, _)| globs.iter().any(|glob| glob.is_match(&path)));
        let Some(limit) = limits.map(|(_, limit)| *limit).min() else { continue };
        let every_ms = settings.every_ms(&series.target);
        let own = |episode: &&Episode| {
            (&episode.target, &episode.probe, &episode.agent) == (&series.target, &series.probe, &series.agent)
        };
        let free = |slow: &Episode| {
            failing.iter().filter(own).all(|other| other.until() < slow.start.lo || slow.until() < other.start.lo)
        };
        found.extend(episodes(&judged_by_time(series, limit), every_ms).into_iter().filter(free));
    }
    found
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

fn exceeds(sample: &Sample, limit: Duration) -> bool {
    u128::from(sample.took_us) > limit.as_micros()
}
