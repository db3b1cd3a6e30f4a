//! Cuts a stretch of time into whole days, whole hours, and what is left at its ends.

use std::ops::Range;

use super::page::Stretch;
use crate::sqlite::day::HOUR_MS;

/// The parts of a stretch. Together they are the stretch, and no two have a moment in common.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Days, since 1970, that lie inside.
    pub(super) days: Range<i64>,
    /// Hours, since 1970, that lie inside, before and after these days.
    pub(super) hours: Vec<Range<i64>>,
    /// Less than an hour at each end.
    pub(super) rest: Vec<Stretch>,
}

/// Cuts a stretch.
pub(super) fn cut(stretch: Stretch) -> Cut {
    let (hours, rest) = whole(stretch, HOUR_MS);
    let (first_day, end_day) = (up(hours.start, 24), hours.end.div_euclid(24));
    if first_day > end_day {
        return Cut { days: 0..0, hours: vec![hours], rest };
    }
    let hours = [hours.start..first_day * 24, end_day * 24..hours.end];
    Cut { days: first_day..end_day, hours: hours.into_iter().filter(|hours| !hours.is_empty()).collect(), rest }
}

/// The whole units of `unit_ms` milliseconds inside a stretch, counted from 1970, and what is left at its ends.
pub(super) fn whole(stretch: Stretch, unit_ms: i64) -> (Range<i64>, Vec<Stretch>) {
    let Stretch { from_ms, until_ms } = stretch;
    let (first, end) = (up(from_ms, unit_ms), until_ms.div_euclid(unit_ms));
    if first >= end {
        return (0..0, vec![stretch]);
    }
    let ends = [(from_ms, first.saturating_mul(unit_ms)), (end.saturating_mul(unit_ms), until_ms)];
    let rest = ends
        .into_iter()
        .filter(|(from_ms, until_ms)| from_ms < until_ms)
        .map(|(from_ms, until_ms)| Stretch { from_ms, until_ms })
        .collect();
    (first..end, rest)
}

/// The quotient, rounded up.
fn up(number: i64, by: i64) -> i64 {
    number.div_euclid(by) + i64::from(number.rem_euclid(by) != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sqlite::day::DAY_MS;

    fn stretches() -> impl Strategy<Value = Stretch> {
        let near = prop_oneof![0..3 * DAY_MS, (0..72_i64).prop_map(|hour| hour * HOUR_MS), Just(i64::MAX)];
        (prop_oneof![-3 * DAY_MS..3 * DAY_MS, Just(i64::MIN)], near).prop_map(|(from_ms, length)| Stretch {
            from_ms,
            until_ms: from_ms.saturating_add(length).max(from_ms + 1),
        })
    }

    proptest! {
        #[test]
        fn the_parts_are_the_stretch_and_meet_nowhere(stretch in stretches(), moments in proptest::collection::vec(-4 * DAY_MS..7 * DAY_MS, 64)) {
            let Cut { days, hours, rest } = cut(stretch);
            let (days_only, edges) = whole(stretch, DAY_MS);
            let ends = [stretch.from_ms, stretch.from_ms.saturating_sub(1), stretch.until_ms.saturating_sub(1), stretch.until_ms];
            for time_ms in moments.into_iter().chain(ends) {
                let hour = time_ms.div_euclid(HOUR_MS);
                let parts = usize::from(days.contains(&hour.div_euclid(24)))
                    + hours.iter().filter(|hours| hours.contains(&hour)).count()
                    + rest.iter().filter(|rest| rest.holds(time_ms)).count();
                prop_assert_eq!(parts, usize::from(stretch.holds(time_ms)));
                let parts = usize::from(days_only.contains(&hour.div_euclid(24)))
                    + edges.iter().filter(|rest| rest.holds(time_ms)).count();
                prop_assert_eq!(parts, usize::from(stretch.holds(time_ms)));
            }
        }
    }
}
