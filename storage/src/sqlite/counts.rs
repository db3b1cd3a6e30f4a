//! What the sealed results of a group on a day count up to: few bytes, so that an availability over months reads little.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::day::DAY_MS;
use super::rollup::Hour;
use crate::binary::{put, take};
use crate::damage::Damage;
use crate::record::Outcome;

/// By series: the results of a day.
pub(crate) type Counts = BTreeMap<i64, Hour>;

/// The stored form: for each series its number, its results, the milliseconds that they stand for, in how many ways
/// some did not succeed; and for each of these the outcome, the reason, and how many.
pub(crate) fn encode(counts: &Counts) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (series, Hour { results, covered_ms, others }) in counts {
        put(&(series, results, covered_ms, others.len() as u64), &mut bytes);
        others.iter().for_each(|other| put(&other, &mut bytes));
    }
    bytes
}

/// Reads the stored form.
pub(crate) fn decode(bytes: &[u8]) -> Result<Counts, Damage> {
    let mut counts = Counts::new();
    read(bytes, |series, part| add(counts.entry(series).or_default(), part))?;
    Ok(counts)
}

/// Adds the stored form to the sums of those series that have one. After an error they may hold a part of it.
pub(crate) fn add_to(bytes: &[u8], sums: &mut FxHashMap<i64, Hour>) -> Result<(), Damage> {
    let mut last = None;
    read(bytes, |series, part| {
        // What did not succeed follows its series.
        if let Part::Results { .. } = part {
            last = sums.contains_key(&series).then_some(series);
        }
        if let Some(sum) = last.and_then(|series| sums.get_mut(&series)) {
            add(sum, part);
        }
    })
}

/// A part of what is known of a series.
enum Part {
    /// Its results, and the milliseconds that they stand for.
    Results { results: u64, covered_ms: u64 },
    /// Those that did not succeed in one way.
    Others { kind: (u8, Option<u8>), count: u64 },
}

fn add(sum: &mut Hour, part: Part) {
    match part {
        Part::Results { results, covered_ms } => {
            sum.results += results;
            sum.covered_ms = sum.covered_ms.wrapping_add(covered_ms);
        }
        Part::Others { kind, count } => *sum.others.entry(kind).or_default() += count,
    }
}

fn read(mut bytes: &[u8], mut each: impl FnMut(i64, Part)) -> Result<(), Damage> {
    let mut before = None;
    while !bytes.is_empty() {
        let (series, results, covered_ms, kinds): (i64, u64, u64, u64) = take(&mut bytes)?;
        if before.replace(series) >= Some(series) {
            return Err(Damage("series out of order"));
        }
        if results > DAY_MS.unsigned_abs() {
            return Err(Damage("a day with more results than milliseconds"));
        }
        each(series, Part::Results { results, covered_ms });
        let (mut last, mut left) = (None, results);
        for _ in 0..kinds {
            let (kind, count): ((u8, Option<u8>), u64) = take(&mut bytes)?;
            let (outcome, _) = kind;
            if outcome == Outcome::Success.code() || count == 0 || last.replace(kind) >= Some(kind) {
                return Err(Damage("failures that cannot be"));
            }
            left = left.checked_sub(count).ok_or(Damage("more failures than results"))?;
            each(series, Part::Others { kind, count });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    fn counts() -> impl Strategy<Value = Counts> {
        let others = btree_map((1..4u8, option::of(0..28u8)), 1..1000u64, 0..4);
        let hour =
            (0..DAY_MS.unsigned_abs() - 4000, any::<u64>(), others).prop_map(|(succeeded, covered_ms, others)| Hour {
                results: succeeded + others.values().sum::<u64>(),
                covered_ms,
                others,
            });
        btree_map(any::<i64>(), hour, 0..17)
    }

    proptest! {
        #[test]
        fn counts_are_read_as_they_were_written(counts in counts(), wanted: Index) {
            let bytes = encode(&counts);
            prop_assert_eq!(decode(&bytes), Ok(counts.clone()));
            let wanted: Vec<i64> = counts.keys().copied().take(wanted.index(counts.len() + 1)).collect();
            let mut sums: FxHashMap<i64, Hour> = wanted.iter().map(|series| (*series, Hour::default())).collect();
            prop_assert_eq!(add_to(&bytes, &mut sums), Ok(()));
            prop_assert!(wanted.iter().all(|series| sums[series] == counts[series]));
            prop_assert_eq!(sums.len(), wanted.len());
        }

        #[test]
        fn any_bytes_are_counts_or_damage(counts in counts(), noise in vec(any::<u8>(), 1..20), at: Index) {
            let mut bytes = encode(&counts);
            let at = at.index(bytes.len() + 1);
            bytes.iter_mut().skip(at).zip(&noise).for_each(|(byte, noise)| *byte = *noise);
            for bytes in [bytes, noise] {
                if let Ok(counts) = decode(&bytes) {
                    prop_assert!(counts.values().all(|sum| sum.bad() <= sum.results));
                }
            }
        }
    }
}
