//! Checks how long records are kept.

use std::time::Duration;

use bytesize::ByteSize;
use storage::sqlite::retention::Retention;

use crate::config::file::Keep;
use crate::config::mistake::Findings;
use crate::config::spot::Spot;

/// Shortest and longest age. What a day holds is packed, rounded and dropped as a whole.
const AGE: (Duration, Duration) = (Duration::from_hours(24), Duration::from_hours(100 * 8766));
/// Smallest store that may be asked for: room for the write-ahead log and for some days of results.
const SIZE: ByteSize = ByteSize::mib(16);

/// Says what is wrong between the ages, and hands them to the store.
pub(in crate::config) fn check(keep: Keep, spot: &Spot<'_>, findings: &mut Findings) -> Retention {
    let Keep { results, rollups, max_size, round_after } = keep;
    let mut mistake = |key: &str, message: &str| findings.mistakes.push(spot.key(key).mistake(message));
    for (key, age) in [("results", results), ("rollups", rollups), ("round_after", round_after)] {
        match age {
            Some(age) if age < AGE.0 => mistake(key, "the shortest is `1d`: give that or more, or leave the key out"),
            Some(age) if age > AGE.1 => mistake(key, "the longest is `100y`: leave the key out, and nothing goes"),
            Some(_) | None => (),
        }
    }
    match (results, rollups) {
        (Some(results), Some(rollups)) if rollups < results => {
            mistake(
                "rollups",
                "sums are kept no shorter than the results they are of: give at least as much as `results`",
            );
        }
        // What is beyond a size goes whatever its age, so the sums may well have an age of their own.
        (None, Some(_)) if max_size.is_none() && !spot.key("results").given() => {
            mistake("rollups", "without `results` the results are kept for ever, and sums no shorter: give both keys");
        }
        (_, None) | (None, Some(_)) | (Some(_), Some(_)) => (),
    }
    if let (Some(results), Some(round_after)) = (results, round_after)
        && round_after >= results
    {
        mistake("round_after", "results are dropped before they are rounded: give less than `results`");
    }
    if max_size.is_some_and(|size| size < SIZE) {
        mistake("max_size", "the smallest is `16MiB`: give that or more, or leave the key out");
    }
    Retention { results, rollups, max_size: max_size.map(|size| size.as_u64()), round_after }
}
