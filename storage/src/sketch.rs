//! Quantiles of durations, off by at most one in a hundred, from sketches that add up.
//!
//! Buckets grow by a constant factor, as in DDSketch (Masson, Rim and Lee, VLDB 2019). Every count is exact, so merging
//! in any order gives the same sketch, and what was added can be taken away again.

use crate::binary::{put, take};
use crate::damage::Damage;

/// Largest relative error of a quantile, besides its rounding to whole microseconds.
const ERROR: f64 = 0.01;

/// From the upper end of one bucket to the next.
const GROWTH: f64 = (1.0 + ERROR) / (1.0 - ERROR);

/// Stored numbers below this one are their own single byte.
const ONE_BYTE: u8 = 0x80;

/// Buckets above zero, up to the one that holds the largest number.
const BUCKETS: usize = 2219;

/// The largest number of each bucket. Only multiplied, never a logarithm: that gives the same on every machine.
static LIMITS: [u64; BUCKETS] = powers(1.0, 0.0);

/// The number that stands for each bucket: as far, relatively, from its lower as from its upper end.
static MIDDLES: [u64; BUCKETS] = powers(2.0 / (GROWTH + 1.0), 0.5);

/// How many durations fell into each bucket.
#[derive(Debug, Clone, Default)]
pub struct Sketch {
    count: u64,
    /// Of the bucket of zero, then of those above. Buckets behind the last may be missing.
    counts: Vec<u64>,
}

impl Sketch {
    /// Counts a duration of `us` microseconds.
    pub fn add(&mut self, us: u64) {
        let bucket = bucket(us);
        self.reach(bucket);
        self.counts[bucket] += 1;
        self.count += 1;
    }

    /// Takes away a duration that was added.
    ///
    /// # Errors
    ///
    /// When none of its bucket is there. The sketch is then as before.
    pub(crate) fn remove(&mut self, us: u64) -> Result<(), Damage> {
        let count = self.counts.get_mut(bucket(us)).filter(|count| **count > 0).ok_or(MISSING)?;
        *count -= 1;
        self.count -= 1;
        Ok(())
    }

    /// Adds all that `other` holds. Counts end at the largest number.
    pub fn merge(&mut self, other: &Self) {
        self.reach(other.counts.len().saturating_sub(1));
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.count = self.count.saturating_add(other.count);
    }

    /// How many durations it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The duration in microseconds that a share `q` of all do not exceed, by nearest rank: of `n` that of rank `q`·`n`,
    /// rounded up and at least 1. None when there are no durations.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let rank = rank(q, self.count);
        let mut below = 0u64;
        let bucket = self.counts.iter().position(|count| {
            below = count.saturating_add(below);
            below >= rank
        })?;
        Some(bucket.checked_sub(1).map_or(0, |bucket| MIDDLES[bucket]))
    }

    /// Appends the stored form: the first bucket, then the count of it and of each that follows. A count of 0 stands for
    /// empty buckets, and how many follows it. All are variable-length numbers; an empty sketch has no bytes.
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        let mut empty = 0u64;
        let mut first = true;
        for count in &self.counts {
            if *count == 0 {
                empty += 1;
                continue;
            }
            if first || empty > 0 {
                if !first {
                    put(&0u64, bytes);
                }
                put(&empty, bytes);
            }
            put(count, bytes);
            first = false;
            empty = 0;
        }
    }

    /// Adds what stored bytes hold. After an error the sketch may hold a part of it.
    pub(crate) fn merge_encoded(&mut self, mut bytes: &[u8]) -> Result<(), Damage> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut bucket: u64 = take(&mut bytes)?;
        // A report of many series reads millions of counts, nearly all of them of one byte.
        while let Some((first, rest)) = bytes.split_first() {
            let count = if *first < ONE_BYTE {
                bytes = rest;
                u64::from(*first)
            } else {
                take(&mut bytes)?
            };
            if count == 0 {
                bucket = bucket.saturating_add(take(&mut bytes)?);
                continue;
            }
            if bucket > BUCKETS as u64 {
                return Err(Damage("a sketch has a bucket too many"));
            }
            // No count is above their sum, so none overflows when the sum does not.
            self.count = self.count.checked_add(count).ok_or(Damage("a sketch counts too much"))?;
            self.reach(bucket as usize);
            self.counts[bucket as usize] += count;
            bucket += 1;
        }
        Ok(())
    }

    fn reach(&mut self, bucket: usize) {
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
    }
}

/// The largest number that the highest bucket of stored bytes may hold; 0 where there is none.
pub(crate) fn highest(mut bytes: &[u8]) -> Result<u64, Damage> {
    if bytes.is_empty() {
        return Ok(0);
    }
    let mut next: u64 = take(&mut bytes)?;
    let mut highest = 0;
    while let Some((first, rest)) = bytes.split_first() {
        let count = if *first < ONE_BYTE {
            bytes = rest;
            u64::from(*first)
        } else {
            take(&mut bytes)?
        };
        if count == 0 {
            next = next.saturating_add(take(&mut bytes)?);
        } else {
            highest = next;
            next = next.saturating_add(1);
        }
    }
    match usize::try_from(highest).ok().and_then(|bucket| bucket.checked_sub(1)) {
        None if highest == 0 => Ok(0),
        bucket => bucket.and_then(|bucket| LIMITS.get(bucket)).copied().ok_or(Damage("a sketch has a bucket too many")),
    }
}

/// Two sketches are equal when they hold the same, whatever they once held.
impl PartialEq for Sketch {
    fn eq(&self, other: &Self) -> bool {
        let (shorter, longer) = if self.counts.len() <= other.counts.len() { (self, other) } else { (other, self) };
        let (same, beyond) = longer.counts.split_at(shorter.counts.len());
        shorter.counts == same && beyond.iter().all(|count| *count == 0)
    }
}

impl Eq for Sketch {}

const MISSING: Damage = Damage("what is to be taken away is not there");

/// The rank of the quantile `q` of `count` numbers, from 1: `q`·`count`, rounded up, of what is no quantile the nearest
/// one.
pub(crate) fn rank(q: f64, count: u64) -> u64 {
    let share = q * count as f64;
    // 0.07 · 100 is a little more than 7 in floating point, and yet not of rank 8.
    ((share - share * 1e-12).ceil() as u64).clamp(1, count.max(1))
}

/// The bucket of zero is 0.
fn bucket(us: u64) -> usize {
    if us == 0 { 0 } else { 1 + LIMITS.partition_point(|limit| *limit < us) }
}

/// All powers of the growth, `times` each and `plus`, rounded down.
const fn powers(times: f64, plus: f64) -> [u64; BUCKETS] {
    let mut numbers = [0; BUCKETS];
    let mut power = 1.0;
    let mut bucket = 0;
    while bucket < BUCKETS {
        numbers[bucket] = (power * times + plus) as u64;
        power *= GROWTH;
        bucket += 1;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn duration() -> impl Strategy<Value = u64> {
        prop_oneof![4 => 0..2_000_000u64, 1 => 0..120u64, 1 => any::<u64>()]
    }

    fn durations() -> impl Strategy<Value = Vec<u64>> {
        vec(duration(), 0..200)
    }

    fn sketch(durations: &[u64]) -> Sketch {
        let mut sketch = Sketch::default();
        durations.iter().for_each(|us| sketch.add(*us));
        sketch
    }

    fn encoded(sketch: &Sketch) -> Vec<u8> {
        let mut bytes = Vec::new();
        sketch.encode(&mut bytes);
        bytes
    }

    fn decoded(bytes: &[u8]) -> Result<Sketch, Damage> {
        let mut sketch = Sketch::default();
        sketch.merge_encoded(bytes).map(|()| sketch)
    }

    proptest! {
        #[test]
        fn a_quantile_is_off_by_at_most_one_in_a_hundred(mut all in vec(duration(), 1..200), percent in 0..=100usize) {
            let sketch = sketch(&all);
            all.sort_unstable();
            let exact = all[(all.len() * percent).div_ceil(100).max(1) - 1];
            let off = sketch.quantile(percent as f64 / 100.0).unwrap().abs_diff(exact);
            prop_assert!(off as f64 <= exact as f64 * (ERROR + 1e-9) + 0.5, "{off} of {exact}");
        }

        #[test]
        fn merged_in_any_order_sketches_are_that_of_all(one in durations(), other in durations(), last in durations()) {
            let all = sketch(&[one.clone(), other.clone(), last.clone()].concat());
            let (one, other, last) = (sketch(&one), sketch(&other), sketch(&last));
            for order in [[&one, &other, &last], [&last, &one, &other], [&other, &last, &one]] {
                let mut merged = Sketch::default();
                let mut from_bytes = Sketch::default();
                for sketch in order {
                    merged.merge(sketch);
                    from_bytes.merge_encoded(&encoded(sketch)).unwrap();
                }
                prop_assert_eq!(&merged, &all);
                prop_assert_eq!(&from_bytes, &all);
                prop_assert_eq!((merged.count(), from_bytes.count()), (all.count(), all.count()));
            }
        }

        #[test]
        fn what_is_added_and_taken_away_leaves_nothing(some in durations(), more in durations()) {
            let before = sketch(&some);
            let mut after = before.clone();
            more.iter().for_each(|us| after.add(*us));
            for us in &more {
                prop_assert_eq!(after.remove(*us), Ok(()));
            }
            prop_assert_eq!(&after, &before);
            prop_assert_eq!(after.count(), before.count());
        }

        #[test]
        fn a_sketch_is_read_as_it_was_written(all in durations()) {
            let sketch = sketch(&all);
            prop_assert_eq!(decoded(&encoded(&sketch)), Ok(sketch));
        }

        #[test]
        fn any_bytes_are_a_sketch_or_damage(bytes in vec(any::<u8>(), 0..300)) {
            if let Ok(sketch) = decoded(&bytes) {
                prop_assert!(sketch.counts.len() <= BUCKETS + 1);
                prop_assert_eq!(sketch.counts.iter().sum::<u64>(), sketch.count());
                prop_assert_eq!(sketch.quantile(0.5).is_some(), sketch.count() > 0);
            }
        }
    }

    #[test]
    fn what_is_not_there_cannot_be_taken_away() {
        let mut small = sketch(&[7, 1000]);
        let before = small.clone();
        assert!(small.remove(8).is_err());
        assert!(small.remove(1 << 40).is_err());
        assert_eq!(small, before);
        assert_eq!(small.count(), 2);
    }

    #[test]
    fn the_least_and_the_largest_number_have_buckets() {
        assert_eq!([0, 1, u64::MAX].map(bucket), [0, 1, BUCKETS]);
        assert_eq!(LIMITS[BUCKETS - 1], u64::MAX);
        assert!(LIMITS[BUCKETS - 2] < u64::MAX);
    }

    #[test]
    fn buckets_lie_where_stores_have_them() {
        let numbers = [2, 50, 51, 1_000, 100_000, 12_345_678, 1 << 40, 1 << 62];
        assert_eq!(numbers.map(bucket), [36, 197, 198, 347, 577, 818, 1388, 2150]);
    }

    #[test]
    fn ranks_are_those_of_whole_percent() {
        let numbers: Vec<u64> = (1..=40).collect();
        for (length, q, rank) in
            [(20, 0.95, 19), (40, 0.95, 38), (40, 0.5, 20), (39, 0.5, 20), (40, 0.0, 1), (40, 1.0, 40)]
        {
            assert_eq!(sketch(&numbers[..length]).quantile(q), Some(rank), "{length} {q}");
        }
        assert_eq!(Sketch::default().quantile(0.5), None);
    }

    #[test]
    fn counts_end_at_the_largest_number() {
        let most = [[1].as_slice(), &[0xff; 9], &[1]].concat();
        let mut sketch = decoded(&most).unwrap();
        assert_eq!(sketch.count(), u64::MAX);
        assert!(sketch.merge_encoded(&most).is_err());
        sketch.merge(&sketch.clone());
        assert_eq!((sketch.count(), sketch.quantile(0.99)), (u64::MAX, Some(1)));
    }
}
