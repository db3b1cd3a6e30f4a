//! A change as a person reads it: when, how sure that is, what, and every fact that is known.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use storage::record::{Change, Known};

use crate::output::printable;

/// When it happened, in UTC: a moment, or from when to when it may have been.
pub(super) fn moment(change: &Change) -> String {
    let (Some(lo), Some(hi)) = (change.lo().map(utc), change.hi().map(utc)) else { return "?".into() };
    let begin = lo.strftime("%F %T");
    match (lo == hi, lo.date() == hi.date()) {
        (true, _) => begin.to_string(),
        (false, true) => format!("{begin}–{}", hi.strftime("%T")),
        (false, false) => format!("{begin}–{}", hi.strftime("%F %T")),
    }
}

/// How long ago it may have happened at the earliest.
pub(super) fn age(change: &Change, now: Timestamp) -> String {
    let Some(lo) = change.lo() else { return "?".into() };
    let age = now.duration_since(lo);
    if age.is_negative() { format!("in {}", about(age.abs())) } else { format!("{} ago", about(age)) }
}

/// What happened, and every fact that is known of it, in one line.
pub(super) fn facts(change: &Change) -> String {
    let mut facts = Vec::new();
    let mut tell = |fact: String| facts.push(fact);
    if !change.summary.is_empty() {
        tell(change.summary.clone());
    }
    if let Some(operation) = change.operation.filter(|operation| !change.summary.contains(operation.as_str())) {
        tell(operation.to_string());
    }
    if let Some(known) = change.data_changed {
        tell(match (known, change.keys.as_slice()) {
            (Known::Yes, []) => "data changed".into(),
            (Known::Yes, keys) => format!("data changed: {}", keys.join(", ")),
            (Known::No, _) => "data unchanged".into(),
            (Known::Unknown, []) => "data changed: unknown".into(),
            (Known::Unknown, keys) => format!("data changed: unknown, keys {}", keys.join(", ")),
        });
    }
    for mount in &change.mounts {
        tell(format!("{} of {}", mount.how, mount.workload));
    }
    if let Some(workload) = &change.workload {
        tell(format!("restarted {workload}"));
    }
    if let Some(known) = change.touches_probe {
        tell(format!("touches the prober: {known}"));
    }
    if let Some((_, share)) = change.progress.last() {
        tell(format!("{} ready", fraction(*share)));
    }
    if !change.secret_refs.is_empty() {
        tell(format!("now uses {}", change.secret_refs.join(", ")));
    }
    let named = [("revision", &change.revision), ("undoes", &change.reverts), ("by", &change.actor)];
    named.into_iter().filter_map(|(what, name)| name.as_ref().map(|name| format!("{what} {name}"))).for_each(&mut tell);
    if let Some(until) = change.until {
        tell(format!("until {}", utc(until).strftime("%F %T")));
    }
    printable(&facts.join("; "))
}

/// A share as people count pods: `2/3`.
fn fraction(share: f64) -> String {
    /// Shares are rounded to two places.
    const NEAR: f64 = 0.005;
    let near = |whole: &u32| ((share * f64::from(*whole)).round() / f64::from(*whole) - share).abs() <= NEAR;
    match (1..=100).find(near) {
        // Nothing and everything have no denominator of their own.
        Some(1) | None => format!("{:.0} %", share * 100.0),
        Some(whole) => format!("{:.0}/{whole}", share * f64::from(whole)),
    }
}

/// A duration in its largest unit.
fn about(long: SignedDuration) -> String {
    match long.as_secs() {
        seconds @ ..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

fn utc(at: Timestamp) -> Zoned {
    at.to_zoned(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(lo: &str, hi: &str) -> Change {
        Change { time_lo: lo.parse().ok(), time_hi: hi.parse().ok(), ..Change::default() }
    }

    #[test]
    fn a_moment_is_as_sure_as_it_is_known() {
        let at = change("2026-11-01T12:03:04Z", "2026-11-01T12:03:04Z");
        assert_eq!(moment(&at), "2026-11-01 12:03:04");
        let between = change("2026-11-01T12:03:04Z", "2026-11-01T12:04:04Z");
        assert_eq!(moment(&between), "2026-11-01 12:03:04–12:04:04");
        let overnight = change("2026-11-01T23:59:00Z", "2026-11-02T00:01:00Z");
        assert_eq!(moment(&overnight), "2026-11-01 23:59:00–2026-11-02 00:01:00");
        assert_eq!(moment(&Change::default()), "?");
    }

    #[test]
    fn an_age_has_one_unit() {
        let change = change("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z");
        let begin = change.lo().unwrap();
        for (seconds, told) in
            [(0, "0s ago"), (59, "59s ago"), (60, "1m ago"), (7200, "2h ago"), (172_800, "2d ago"), (-90, "in 1m")]
        {
            assert_eq!(age(&change, begin + SignedDuration::from_secs(seconds)), told);
        }
    }

    #[test]
    fn a_share_is_told_as_people_count_pods() {
        for (share, told) in [(0.0, "0 %"), (0.33, "1/3"), (0.67, "2/3"), (0.5, "1/2"), (0.9, "9/10"), (1.0, "100 %")] {
            assert_eq!(fraction(share), told);
        }
    }
}
