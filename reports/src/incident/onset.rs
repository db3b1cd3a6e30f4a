//! When an incident began, from all its episodes together.

use jiff::{SignedDuration, Timestamp};
use storage::record::Reason;
use storage::window::Window;

use super::group::kin;
use crate::cause::Cause;
use crate::detect::luck;
use crate::episode::{DOWN, Episode};
use crate::input::{Input, after, shift};
use crate::interval::Interval;

/// Intervals behind the first failure in which it shows whether everything broke at once.
const SHOWS: i64 = 6;
/// Intervals before the first failure at which the search for the onset ends.
const LONGEST: i64 = 10;
/// Tenths of an interval for which the first pods may go unseen.
const UNSEEN_TENTHS: i64 = 15;
/// Names of the delays of what takes hold pod by pod, or as one cached answer after the other is forgotten.
const BY_AND_BY: [&str; 11] = [
    "volume",
    "unknown_mount",
    "rollout",
    "activation",
    "api_key",
    "rbac",
    "jwks_switch",
    "jwks_remove",
    "certificate",
    "upstream",
    "expiry",
];
/// Most successes in a row that are put down to luck.
const MOST_LUCK: u64 = 40;

/// The onset of the earliest episode, narrowed by those that fail in the same way and began with it. Where everything
/// broke at once, the last success of any of them lies before it. Where replicas broke one after the other, successes
/// go on for a while, and so may some have before the first failure: as many as are lucky once in twenty times at the
/// share that failed at first.
pub(super) fn onset(episodes: &[Episode], input: &Input) -> Interval {
    let earliest = episodes.iter().min_by_key(|episode| (episode.start.hi, episode.start.lo));
    let Some(first) = earliest else { return Interval::at(Timestamp::MIN) };
    if first.share < DOWN || first.reason == Some(Reason::Slow) {
        return first.start;
    }
    let hi = first.start.hi;
    let every_ms = first.every_ms.max(1);
    let near =
        |episode: &&Episode| kin(first, episode) && episode.start.lo <= after(hi, every_ms.saturating_mul(LONGEST));
    let members: Vec<&Episode> = episodes.iter().filter(near).collect();
    let behind = pooled(&members, input, Window { from: hi, until: after(hi, every_ms.saturating_mul(SHOWS)) });
    let Some(last_well) = behind.iter().rposition(|(_, failed)| !failed) else {
        let lo = members.iter().map(|episode| episode.start.lo).filter(|lo| *lo < hi).max();
        return Interval { lo: lo.unwrap_or(first.start.lo), hi };
    };
    let step = behind.get(..=last_well).unwrap_or_default();
    let failed = step.iter().filter(|(_, failed)| *failed).count() as f64;
    let share = failed / (step.len() as f64 + 1.0);
    let lucky = luck::run(share, MOST_LUCK) as usize;
    let from = shift(hi, -SignedDuration::from_millis(every_ms.saturating_mul(LONGEST)));
    let before = pooled(&members, input, Window { from, until: hi });
    let reached = before.iter().rev().filter(|(_, failed)| !failed).nth(lucky - 1).map(|(at, _)| *at);
    Interval { lo: reached.unwrap_or(from).min(first.start.lo), hi }
}

/// The onset once a cause is named. A secret in a volume, a rollout, a restart take hold pod by pod, a revoked key or role
/// as caches forget it: whoever asked the others until then saw nothing, so the onset may lie earlier, but not before the
/// cause.
pub(super) fn with_cause(start: Interval, episodes: &[Episode], cause: &Cause) -> Interval {
    let every_ms = episodes.iter().map(|episode| episode.every_ms).max().unwrap_or(0);
    if !BY_AND_BY.contains(&cause.lag) {
        return start;
    }
    let earlier = shift(start.lo, -SignedDuration::from_millis(every_ms.saturating_mul(UNSEEN_TENTHS) / 10));
    Interval { lo: earlier.max(cause.at.lo).min(start.lo), hi: start.hi }
}

/// The executions of several series in a window, by time, and whether they failed.
fn pooled(members: &[&Episode], input: &Input, window: Window) -> Vec<(Timestamp, bool)> {
    let series = members.iter().filter_map(|episode| input.find(&episode.target, &episode.probe, &episode.agent));
    let mut executed: Vec<(Timestamp, bool)> = series
        .flat_map(|series| series.singles(window))
        .filter(|sample| sample.executed())
        .map(|sample| (sample.time, sample.failed()))
        .collect();
    executed.sort_unstable();
    executed
}
