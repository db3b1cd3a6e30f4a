//! Durations with ten significant bits, for what is kept long: the error is at most one in a thousand.

use super::row::Row;

/// Significant bits that stay.
const BITS: u32 = 10;

/// Numbers below this one stay as they are.
const EXACT: i64 = 1 << BITS;

/// Buckets for each further power of two.
const HALF: i64 = EXACT / 2;

/// The bucket of a duration of at least 0: log-linear, as in HDR histograms, so the order is kept.
pub(super) fn bucket(duration: i64) -> i64 {
    if duration < EXACT {
        return duration;
    }
    let dropped = i64::from(duration.ilog2() + 1 - BITS);
    EXACT + (dropped - 1) * HALF + (duration >> dropped) - HALF
}

/// The middle of a bucket, which lies in the same bucket. None when there is no such bucket.
pub(super) fn middle(bucket: i64) -> Option<i64> {
    if bucket < EXACT {
        return (bucket >= 0).then_some(bucket);
    }
    let dropped = (bucket - EXACT) / HALF + 1;
    let significant = (bucket - EXACT) % HALF + HALF;
    if dropped > i64::from(i64::BITS - 1 - BITS) {
        return None;
    }
    Some((significant << dropped) + (1 << (dropped - 1)))
}

/// What `row` reads as after it was written rounded: its phases are rounded, what `took_us` holds beside them stays.
///
/// Where the rounded phases leave less than nothing of it, or the sum does not fit, `took_us` is 0.
pub(crate) fn rounded(row: &Row) -> Row {
    let Some(phases) = row.phases_us else { return row.clone() };
    let round = |duration| middle(bucket(duration)).unwrap_or_else(|| unreachable!("each duration has a bucket"));
    let phases = phases.map(round);
    let took = rest(row).wrapping_add(total(phases)).max(0);
    Row { phases_us: Some(phases), took_us: took, ..row.clone() }
}

/// What the duration holds beside the phases; wraps where a sum does not fit.
pub(super) fn rest(row: &Row) -> i64 {
    row.took_us.wrapping_sub(total(row.phases_us.unwrap_or_default()))
}

fn total(phases: [i64; 5]) -> i64 {
    phases.into_iter().fold(0, i64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn duration() -> impl Strategy<Value = i64> {
        (0..i64::MAX, 0..63).prop_map(|(number, shift)| number >> shift)
    }

    proptest! {
        #[test]
        fn a_rounded_duration_is_off_by_at_most_one_in_a_thousand(duration in duration()) {
            let off = middle(bucket(duration)).unwrap().abs_diff(duration);
            prop_assert!(u128::from(off) * 1000 <= duration as u128, "{off}");
        }

        #[test]
        fn the_middle_of_a_bucket_lies_in_it(duration in duration()) {
            let bucket = bucket(duration);
            prop_assert_eq!(super::bucket(middle(bucket).unwrap()), bucket);
        }

        #[test]
        fn buckets_keep_the_order(one in duration(), other in duration()) {
            prop_assert_eq!(bucket(one.min(other)), bucket(one).min(bucket(other)));
        }

        #[test]
        fn no_number_is_a_bucket_of_something_else(number: i64) {
            prop_assert!(middle(number).is_none_or(|middle| bucket(middle) == number));
        }
    }

    #[test]
    fn buckets_follow_each_other_without_a_hole() {
        assert_eq!([1023, 1024, 1025, 1026, 2047, 2048].map(bucket), [1023, 1024, 1024, 1025, 1535, 1536]);
        assert_eq!(middle(bucket(i64::MAX) + 1), None);
    }
}
