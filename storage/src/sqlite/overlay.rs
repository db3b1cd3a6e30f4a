//! Lays results over others: both by time, and of two of one time the upper one holds.

use super::row::Row;

/// `lower` and `upper` in one, strictly increasing in time as both of them are.
pub(super) fn overlay(lower: Vec<Row>, upper: impl IntoIterator<Item = Row>) -> Vec<Row> {
    let mut upper = upper.into_iter().peekable();
    if upper.peek().is_none() {
        return lower;
    }
    let mut rows = Vec::with_capacity(lower.len() + upper.size_hint().0);
    for row in lower {
        while let Some(over) = upper.next_if(|over| over.time_ms < row.time_ms) {
            rows.push(over);
        }
        rows.push(upper.next_if(|over| over.time_ms == row.time_ms).unwrap_or(row));
    }
    rows.extend(upper);
    rows
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn of_two_results_of_one_time_the_upper_one_holds(
            lower in btree_map(0..20_i64, 0..1_i64, 0..15),
            upper in btree_map(0..20_i64, 1..2_i64, 0..15),
        ) {
            let mut expected = lower.clone();
            expected.extend(upper.clone());
            let found = overlay(lower.into_iter().map(row).collect(), upper.into_iter().map(row));
            prop_assert_eq!(found, expected.into_iter().map(row).collect::<Vec<Row>>());
        }
    }

    fn row((time_ms, took_us): (i64, i64)) -> Row {
        Row {
            time_ms,
            kind: 0,
            expect: 0,
            variant: 0,
            outcome: 0,
            reason: None,
            status: None,
            took_us,
            phases_us: None,
            every_ms: None,
            detail: None,
        }
    }
}
