//! From an objective's period to the stretch of time that it means.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Unit};
use storage::window::Window;

use crate::input::shift;
use crate::series::{down_to_millisecond, up_to_millisecond};
use crate::settings::{Calendar, CalendarUnit, Period};

/// The stretch that a period means when it ends at `until`: for a calendar period, the one that holds the last moment
/// before `until`, cut there. Nothing where the time zone is not known or the calendar ends.
#[must_use]
pub fn window(period: &Period, until: Timestamp) -> Option<Window> {
    match period {
        Period::Rolling(length) => {
            let length = SignedDuration::try_from(*length).ok()?;
            Some(Window { from: shift(until, -length), until })
        }
        Period::Calendar(calendar) => {
            let whole = whole(calendar, shift(until, -SignedDuration::from_nanos(1)))?;
            Some(Window { from: whole.from, until })
        }
    }
}

/// The length that the budget of a period is spread over, in seconds. `until` says which calendar period is meant.
#[must_use]
pub fn seconds(period: &Period, until: Timestamp) -> Option<f64> {
    match period {
        Period::Rolling(length) => Some(length.as_secs_f64()),
        Period::Calendar(calendar) => {
            let whole = whole(calendar, shift(until, -SignedDuration::from_nanos(1)))?;
            Some(whole.until.duration_since(whole.from).as_secs_f64())
        }
    }
}

/// The whole calendar period that holds a moment. A day that a clock change shortens or lengthens stays one day.
fn whole(calendar: &Calendar, at: Timestamp) -> Option<Window> {
    let zone = TimeZone::get(&calendar.timezone).ok()?;
    let today = at.to_zoned(zone.clone()).date();
    let (first, next) = match calendar.calendar {
        CalendarUnit::Day => (today, today.checked_add(1.day()).ok()?),
        CalendarUnit::Week => {
            let since_monday = today.weekday().since(Weekday::Monday);
            let monday = today.checked_sub(i64::from(since_monday).days()).ok()?;
            (monday, monday.checked_add(1.week()).ok()?)
        }
        CalendarUnit::Month => (today.first_of_month(), today.first_of_month().checked_add(1.month()).ok()?),
        CalendarUnit::Quarter => {
            let first = Date::new(today.year(), (today.month() - 1) / 3 * 3 + 1, 1).ok()?;
            (first, first.checked_add(3.months()).ok()?)
        }
        CalendarUnit::Year => (today.first_of_year(), today.first_of_year().checked_add(1.year()).ok()?),
    };
    let start = |date: Date| Some(date.to_zoned(zone.clone()).ok()?.start_of_day().ok()?.timestamp());
    Some(Window { from: start(first)?, until: start(next)? })
}

/// Length of a window in seconds.
#[must_use]
pub fn length_s(window: Window) -> f64 {
    window.until.duration_since(window.from).as_secs_f64()
}

/// Whole multiples of a slice since the epoch that a window touches, as (first, one behind the last).
#[must_use]
pub fn slices(window: Window, slice_ms: i64) -> (i64, i64) {
    let first = down_to_millisecond(window.from).div_euclid(slice_ms);
    let behind = -((-up_to_millisecond(window.until)).div_euclid(slice_ms));
    (first, behind.max(first))
}

/// The window of one slice.
#[must_use]
pub fn slice(number: i64, slice_ms: i64) -> Option<Window> {
    let at = |number: i64| Timestamp::from_millisecond(number.checked_mul(slice_ms)?).ok();
    Some(Window { from: at(number)?, until: at(number + 1)? })
}

/// A duration in seconds, rounded to milliseconds.
#[must_use]
pub fn seconds_between(from: Timestamp, until: Timestamp) -> f64 {
    let rounded = until.duration_since(from).round(Unit::Millisecond).unwrap_or(until.duration_since(from));
    rounded.as_millis() as f64 / 1000.0
}
