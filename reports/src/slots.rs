//! The planned starts of a series at which nothing was recorded.

use jiff::Timestamp;
use storage::window::Window;

use crate::input::after;
use crate::series::Series;

/// A row of planned starts without a result: `count` of them, spread evenly between two neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    from_ms: i64,
    length_ms: i64,
    parts: i64,
}

/// Everything that is missing in a series up to `horizon`, the last moment that the store can know of.
///
/// Between two results lie as many planned starts as the interval fits in, rounded, less one: a start may be late by
/// half an interval and still be the planned one. Where the interval changes, the longer one counts.
/// `every_ms` is the interval for results that carry none.
#[must_use]
pub fn holes(series: &Series, every_ms: Option<i64>, horizon: Timestamp) -> Vec<Hole> {
    let mut holes = Vec::new();
    for pair in series.pieces.windows(2) {
        let [earlier, later] = pair else { continue };
        let Some(every) = earlier.every_ms().max(later.every_ms()).or(every_ms) else { continue };
        let from_ms = earlier.last().as_millisecond();
        let length_ms = later.first().as_millisecond() - from_ms;
        let parts = (length_ms + every / 2) / every;
        if parts > 1 {
            holes.push(Hole { from_ms, length_ms, parts });
        }
    }
    if let Some(last) = series.pieces.last()
        && let Some(every) = last.every_ms().or(every_ms)
    {
        let from_ms = last.last().as_millisecond();
        let known_ms = horizon.as_millisecond() - every / 2 - from_ms;
        let parts = known_ms.div_euclid(every) + 1;
        if parts > 1 {
            holes.push(Hole { from_ms, length_ms: parts * every, parts });
        }
    }
    holes
}

impl Hole {
    /// How many of its starts lie in a window.
    #[must_use]
    pub fn count(&self, window: Window) -> u64 {
        let first = self.first_at_or_after(window.from.as_nanosecond()).max(1);
        let end = self.first_at_or_after(window.until.as_nanosecond()).min(i128::from(self.parts));
        u64::try_from(end - first).unwrap_or(0)
    }

    /// The stretch from its first start to just behind its last.
    #[must_use]
    pub fn window(&self) -> Window {
        let at =
            |part: i64| self.from_ms + (i128::from(self.length_ms) * i128::from(part) / i128::from(self.parts)) as i64;
        let moment = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        Window { from: moment(at(1)), until: after(moment(at(self.parts - 1)), 1) }
    }

    /// Number of the first start that is not before a moment: the least k with from + k·length/parts ≥ moment.
    fn first_at_or_after(&self, nanosecond: i128) -> i128 {
        let distance = (nanosecond - i128::from(self.from_ms) * 1_000_000) * i128::from(self.parts);
        let length = i128::from(self.length_ms) * 1_000_000;
        -((-distance).div_euclid(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use storage::record::Record;

    /// Missing starts of a series with results at these seconds, every ten seconds, up to second 100.
    fn missing(seconds: &[f64]) -> u64 {
        let line = |second: &f64| {
            let time = Timestamp::from_millisecond((second * 1000.0) as i64).unwrap();
            let text = format!(
                r#"{{"type":"result","time":"{time}","target":"a","probe":"login","kind":"login","outcome":"success","every_s":10}}"#
            );
            serde_json::from_str::<Record>(&text).unwrap()
        };
        let input = Input::from_records(seconds.iter().map(line));
        let series = input.series.first().unwrap();
        let second = |second| Timestamp::from_second(second).unwrap();
        let window = Window { from: second(0), until: second(100) };
        holes(series, series.every_ms, second(100)).iter().map(|hole| hole.count(window)).sum()
    }

    #[test]
    fn a_start_that_is_late_is_not_missing() {
        assert_eq!(missing(&[0.0, 10.3, 24.9, 30.0, 40.1, 50.0, 60.0, 70.0, 80.0, 90.0]), 0);
    }

    #[test]
    fn starts_between_and_behind_results_are_missing() {
        assert_eq!(missing(&[0.0, 10.0, 40.0]), 2 + 5);
        assert_eq!(missing(&[60.0]), 3);
    }

    #[test]
    fn the_slot_that_may_still_come_is_not_missing() {
        assert_eq!(missing(&[60.0, 70.0, 80.0, 86.0]), 0);
    }

    #[test]
    fn a_run_by_hand_between_two_slots_takes_nothing_away() {
        assert_eq!(missing(&[0.0, 10.0, 13.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]), 0);
    }
}
