//! What is left of an error budget, over time.

use plotters::element::{PathElement, Rectangle};
use plotters::style::Color;
use storage::window::Window;

use super::axis::{Axis, step};
use super::drawing::{Drawing, Words};
use super::frame::{HEAD, Look, WIDTH, caption, foot, heading, line, names, plot};
use super::ink::Ink;
use super::rail;
use super::scene::Scene;
use super::words::{self, percent};
use crate::input::shift;
use crate::settings::Slo;
use crate::slo::sum::spent;
use crate::slo::{Judged, defined};
use crate::tally::Tally;

const HEIGHT: u32 = 700;
/// Most steps that are drawn, for objectives that do not count in slices.
const STEPS: i64 = 400;
/// Most slices that are looked at; an objective with more is drawn in steps.
const MOST_SLICES: i128 = 100_000;
/// What the axis shows at most of an overspent budget.
const DEEPEST: f64 = -4.0;

/// What was spent and planned in a slice.
#[derive(Clone, Copy)]
struct Spending {
    /// End of the slice in milliseconds.
    at: i64,
    spent: f64,
    planned: f64,
}

/// What is left at a moment in milliseconds, as a share of the budget.
type Left = (i64, f64);

/// The chart of one objective; nothing where nothing was planned.
pub(super) fn draw(scene: &Scene<'_>, slo: &Slo, judged: &Judged, tally: &Tally<'_>, name: String) -> Option<Drawing> {
    let shown = scene.window.cut(judged.window)?;
    let end = judged.window.until.as_millisecond();
    let period = judged.window.length();
    let before = defined(slo, Window { from: shift(judged.window.from, -period), ..judged.window });
    let spending = spending(slo, tally, before, shown);
    let mut cumulative = cumulative(&spending, slo, judged.window);
    let mut rolling = rolling(&spending, slo, judged.window);
    for line in [&mut cumulative, &mut rolling] {
        line.retain(|(at, _)| (shown.from.as_millisecond()..shown.until.as_millisecond().min(end)).contains(at));
        // Both end with what the report says.
        line.extend(judged.budget.remaining.map(|left| (shown.until.as_millisecond(), left)));
    }
    let left = judged.budget.remaining?;
    let values = || cumulative.iter().chain(&rolling).map(|(_, left)| *left);
    let lowest = values().fold(0.0, f64::min).max(DEEPEST);
    let objective = words::short(&judged.name, 40);
    let title = format!("Error budget of {objective}");
    let length = words::length(i64::try_from(period.as_millis()).unwrap_or(i64::MAX));
    let aims = percent(judged.objective);
    let told = match left {
        left if left < 0.0 => format!("overspent: {} of the budget for {aims} is gone", percent(1.0 - left)),
        left => format!("{} of the budget for {aims} is left", percent(left)),
    };
    let says = format!("{told}; {}", words::window(judged.window));
    let least = percent(values().fold(f64::MAX, f64::min));
    let alt = format!("Error budget of {objective}: {told}; the least that was left was {least}.");
    Drawing::new(Words { name, title: title.clone(), alt }, (WIDTH, HEIGHT), |area| {
        let axis = Axis::new(shown);
        let rolls = format!("rolling: left of the {length} that end here");
        let legend = [
            (Look::Line, Ink::Green, "cumulative: left since the window began"),
            (Look::Line, Ink::Purple, rolls.as_str()),
            (Look::Surface, Ink::Vermilion, "overspent"),
            (Look::Surface, Ink::Orange, "incident"),
        ];
        heading(area, &title, &says, &legend)?;
        let (top, bottom) = (HEAD + rail::HEIGHT, HEIGHT as i32 - 90);
        let left_out = rail::above(area, scene, axis, HEAD, bottom)?;
        let floor = if lowest < 0.0 { lowest * 1.08 } else { 0.0 };
        let mut plot = plot(area, (top, bottom), axis, floor..1.06, 6, &|left| percent(*left), true)?;
        caption(area, top, &["error budget", "left"])?;
        if values().any(|left| left < DEEPEST) {
            caption(area, bottom - 32, &[&format!("cut off at {}", percent(DEEPEST))])?;
        }
        foot(area, &left_out)?;
        if floor < 0.0 {
            let (from, until) = (shown.from.as_millisecond(), shown.until.as_millisecond());
            let below = Rectangle::new([(from, 0.0), (until, floor)], Ink::Vermilion.colour().mix(0.16).filled());
            plot.draw_series([below])?;
            plot.draw_series([PathElement::new(vec![(from, 0.0), (until, 0.0)], line(Ink::Vermilion, 3))])?;
        }
        let mut ends = Vec::new();
        // Where the two are one line, the first is seen as its border.
        let lines = [(&rolling, Ink::Purple, 10, "rolling"), (&cumulative, Ink::Green, 4, "cumulative")];
        for (points, ink, width, word) in lines {
            let points: Vec<Left> = points.iter().map(|(at, left)| (*at, left.max(floor))).collect();
            let Some(last) = points.last().copied() else { continue };
            plot.draw_series([PathElement::new(points, line(ink, width))])?;
            ends.push((plot.backend_coord(&last).1, ink, word.to_owned()));
        }
        names(area, ends, bottom)
    })
}

/// What each slice spent, where something was planned in it.
fn spending(slo: &Slo, tally: &Tally<'_>, window: Window, shown: Window) -> Vec<Spending> {
    let own = slo
        .slice
        .and_then(|slice| i64::try_from(slice.as_millis()).ok())
        .filter(|slice| *slice > 0 && window.length().as_millis() / i128::from(*slice) < MOST_SLICES);
    let slice = own.unwrap_or_else(|| {
        let coarsest = i64::try_from(window.length().as_millis() / MOST_SLICES).unwrap_or(i64::MAX);
        step(shown, STEPS, tally.every_ms().unwrap_or(1_000).max(coarsest))
    });
    let mut slices = Vec::new();
    tally.each_slice(window, slice, |number, counts| {
        let (spent, planned) = spent(slo, &counts);
        if planned > 0.0 {
            slices.push(Spending { at: number.saturating_add(1).saturating_mul(slice), spent, planned });
        }
    });
    slices
}

/// Of the budget of the whole window, what is left at the end of each of its slices.
fn cumulative(spending: &[Spending], slo: &Slo, window: Window) -> Vec<Left> {
    let inside = || spending.iter().filter(|one| one.at > window.from.as_millisecond());
    let allowed = slo.tolerance() * inside().map(|one| one.planned).sum::<f64>();
    let mut spent = 0.0;
    let left = inside().map(|one| {
        spent += one.spent;
        (one.at, 1.0 - spent / allowed)
    });
    left.filter(|(_, left)| left.is_finite()).collect()
}

/// At the end of each slice, what is left of the budget of the period that ends there.
fn rolling(spending: &[Spending], slo: &Slo, window: Window) -> Vec<Left> {
    let period = i64::try_from(window.length().as_millis()).unwrap_or(i64::MAX);
    let of_window = |one: &&Spending| one.at > window.from.as_millisecond();
    let whole: f64 = spending.iter().filter(of_window).map(|one| one.planned).sum();
    let first = spending.first().map_or(i64::MAX, |one| one.at);
    let (mut spent, mut planned) = (0.0, 0.0);
    let mut oldest = spending.iter().peekable();
    let mut left = Vec::with_capacity(spending.len());
    for one in spending {
        spent += one.spent;
        planned += one.planned;
        while let Some(gone) = oldest.next_if(|old| old.at <= one.at.saturating_sub(period)) {
            spent -= gone.spent;
            planned -= gone.planned;
        }
        // While less than a period is stored, the budget is that of the window: else the first failure spent it all.
        let young = first > one.at.saturating_sub(period);
        let budget = slo.tolerance() * if young { whole.max(planned) } else { planned };
        left.push((one.at, 1.0 - spent / budget));
    }
    left.retain(|(_, left)| left.is_finite());
    left
}
