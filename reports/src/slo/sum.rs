//! Good, bad and unseen of a window, by each of the three methods of counting.

use storage::window::Window;

use crate::period;
use crate::settings::{Method, Missing, Slo, ratio};
use crate::tally::{Counts, Event, Tally};

/// What the three methods come to.
pub(crate) struct Sum {
    /// Events, or slices.
    pub(crate) counts: Counts,
    /// Share of good.
    pub(crate) sli: Option<f64>,
    /// The same if all that was not seen had been bad.
    pub(super) low: Option<f64>,
    /// The same if all that was not seen had been good.
    pub(super) high: Option<f64>,
    /// The same without corrections.
    pub(super) raw: Option<f64>,
    /// Bad events or slices that are allowed.
    pub(crate) allowed: f64,
    /// Share of what is allowed that was used up.
    pub(crate) consumed: Option<f64>,
}

impl Sum {
    /// Counts a window as the objective's method says.
    pub(crate) fn of(slo: &Slo, tally: &Tally<'_>, window: Window) -> Sum {
        match slo.method {
            Method::Occurrences => Sum::of_events(slo, tally, window),
            Method::Timeslices => Sum::of_slices(slo, tally, window),
            Method::RatioTimeslices => Sum::of_ratios(slo, tally, window),
        }
    }

    fn of_events(slo: &Slo, tally: &Tally<'_>, window: Window) -> Sum {
        let counts = tally.count(window);
        let (low, high) = bounds(&counts);
        let allowed = slo.tolerance() * counts.expected() as f64;
        let consumed = share(effective(slo, &counts).1, allowed);
        let as_if_uncorrected = if counts.excluded == 0 { counts } else { tally.count_raw(window) };
        Sum { sli: sli(slo, &counts), low, high, raw: sli(slo, &as_if_uncorrected), allowed, consumed, counts }
    }

    fn of_slices(slo: &Slo, tally: &Tally<'_>, window: Window) -> Sum {
        let mut counts = Counts::default();
        let mut unadjusted = Counts::default();
        each_slice(slo, tally, window, |slice, raw| {
            match verdict(slo, slice) {
                Some(event) => counts.add(event, 1),
                None => counts.excluded += 1,
            }
            verdict(slo, raw).into_iter().for_each(|event| unadjusted.add(event, 1));
        });
        let (low, high) = bounds(&counts);
        // A slice inside a correction is neutral: the budget in time stays what it was.
        let allowed = slo.tolerance() * (counts.expected() + counts.excluded) as f64;
        let consumed = share(effective(slo, &counts).1, allowed);
        Sum { sli: sli(slo, &counts), low, high, raw: sli(slo, &unadjusted), allowed, consumed, counts }
    }

    fn of_ratios(slo: &Slo, tally: &Tally<'_>, window: Window) -> Sum {
        let counts = tally.count(window);
        let [mut sum, mut low, mut high, mut raw] = [Mean::default(); 4];
        let (mut spent, mut planned) = (0.0, 0_u32);
        each_slice(slo, tally, window, |slice, unadjusted| {
            raw.add(sli(slo, unadjusted));
            if slice.expected() > 0 {
                let (lowest, highest) = bounds(slice);
                let good = sli(slo, slice);
                spent += good.map_or(0.0, |good| 1.0 - good);
                planned += 1;
                sum.add(good);
                low.add(lowest);
                high.add(highest);
            }
        });
        Sum {
            counts,
            low: low.share(),
            high: high.share(),
            raw: raw.share(),
            allowed: slo.tolerance() * counts.expected() as f64,
            // Each slice weighs the same, however many events it holds.
            consumed: share(spent, slo.tolerance() * f64::from(planned)),
            sli: sum.share(),
        }
    }
}

/// The mean of some shares.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    fn share(self) -> Option<f64> {
        share(self.sum, f64::from(self.count))
    }
}

/// Hands every slice that holds an event to `each`, as it is and as if there were no corrections: what was excluded of it
/// is counted again.
fn each_slice(slo: &Slo, tally: &Tally<'_>, window: Window, mut each: impl FnMut(&Counts, &Counts)) {
    let Some(slice) = slo.slice else { return };
    let slice_ms = i64::try_from(slice.as_millis()).unwrap_or(i64::MAX).max(1);
    tally.each_slice(window, slice_ms, |number, counts| {
        let cut = period::slice(number, slice_ms).and_then(|whole| whole.cut(window));
        let raw = cut.filter(|_| counts.excluded > 0).map_or(counts, |window| tally.count_raw(window));
        each(&counts, &raw);
    });
}

/// What a slice is: good when its share of good events reaches the target; nothing when corrections cover it.
fn verdict(slo: &Slo, slice: &Counts) -> Option<Event> {
    match sli(slo, slice) {
        Some(share) if slice.good + slice.bad > 0 => {
            Some(if share >= slo.slice_target { Event::Good } else { Event::Bad })
        }
        _ if slice.no_data > 0 => Some(Event::NoData),
        _ if slice.invalid > 0 => Some(Event::Invalid),
        _ => None,
    }
}

/// Good and bad, with missing events counted as the objective says.
pub(crate) fn effective(slo: &Slo, counts: &Counts) -> (f64, f64) {
    let (good, bad, missing) = (counts.good as f64, counts.bad as f64, counts.no_data as f64);
    match slo.missing {
        Missing::Exclude => (good, bad),
        Missing::Bad => (good, bad + missing),
        Missing::Good => (good + missing, bad),
    }
}

/// What a slice spends of an error budget, and what is planned in it, in the unit that the objective's method counts in.
/// Spent ÷ (tolerance × planned), summed over the slices of a window, is the share of its budget that is used up.
pub(crate) fn spent(slo: &Slo, slice: &Counts) -> (f64, f64) {
    match slo.method {
        Method::Occurrences => (effective(slo, slice).1, slice.expected() as f64),
        Method::Timeslices => {
            let mut one = Counts::default();
            verdict(slo, slice).into_iter().for_each(|event| one.add(event, 1));
            (effective(slo, &one).1, 1.0)
        }
        Method::RatioTimeslices if slice.expected() > 0 => (sli(slo, slice).map_or(0.0, |good| 1.0 - good), 1.0),
        Method::RatioTimeslices => (0.0, 0.0),
    }
}

pub(super) fn sli(slo: &Slo, counts: &Counts) -> Option<f64> {
    let (good, bad) = effective(slo, counts);
    share(good, good + bad)
}

fn bounds(counts: &Counts) -> (Option<f64>, Option<f64>) {
    let (good, all, unseen) = (counts.good as f64, counts.expected() as f64, (counts.no_data + counts.invalid) as f64);
    (share(good, all), share(good + unseen, all))
}

pub(super) fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| ratio(part / whole))
}
