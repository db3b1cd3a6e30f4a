//! Compares a window with the one of the same length before it.

use schemars::JsonSchema;
use serde::Serialize;
use storage::window::Window;

use super::defined;
use super::sum::{Sum, effective};
use super::wilson;
use crate::input::shift;
use crate::schema;
use crate::settings::{Slo, ratio};
use crate::tally::Tally;

/// The window before, and whether the difference is more than chance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Compare {
    /// The stretch of the same length that ends where the judged one begins.
    #[schemars(with = "schema::Stretch")]
    pub window: Window,
    /// Its SLI.
    pub sli: f64,
    /// The SLI that is judged less that one.
    pub difference: f64,
    /// 95 % interval of the difference, after Newcombe's hybrid of two Wilson intervals (1998, method 10).
    pub difference95: [f64; 2],
    /// Whether the interval holds zero: nothing may have changed.
    pub within_noise: bool,
}

/// Compares what is judged with the window before it; nothing where one of them has no events.
pub(super) fn compare(slo: &Slo, tally: &Tally<'_>, window: Window, now: &Sum) -> Option<Compare> {
    let length = window.length();
    let before = defined(slo, Window { from: shift(window.from, -length), until: window.from });
    let sum = Sum::of(slo, tally, before);
    let (sli, past) = (now.sli?, sum.sli?);
    let interval = |sli: f64, sum: &Sum| {
        let (good, bad) = effective(slo, &sum.counts);
        wilson::interval(sli * (good + bad), good + bad)
    };
    let ([low, high], [past_low, past_high]) = (interval(sli, now)?, interval(past, &sum)?);
    let difference = sli - past;
    let down = (sli - low).hypot(past_high - past);
    let up = (high - sli).hypot(past - past_low);
    Some(Compare {
        window: before,
        sli: past,
        difference: ratio(difference),
        difference95: [ratio(difference - down), ratio(difference + up)],
        within_noise: difference - down <= 0.0 && 0.0 <= difference + up,
    })
}
