//! How fast an objective's budget burns, over the windows of its alerts.

use plotters::element::{PathElement, Polygon};
use plotters::style::Color;
use storage::window::Window;

use super::axis::{Axis, step};
use super::drawing::{Drawing, Words};
use super::frame::{HEAD, LEFT, LINE, Look, RIGHT, WIDTH, caption, foot, heading, line, names, plot};
use super::ink::Ink;
use super::rail;
use super::scene::Scene;
use super::words;
use crate::alerts::{self, Pair, Severity};
use crate::input::shift;
use crate::settings::Slo;
use crate::slo::sum::effective;
use crate::slo::{Judged, defined};
use crate::tally::Tally;

/// Height of the plot of one window.
const PANEL: i32 = 120;
/// Room between two plots.
const BETWEEN: i32 = 26;
/// Slices of the shortest window.
const SLICES: i64 = 12;
/// Most slices that are counted.
const MOST: i64 = 40_000;
/// Points along a plot: one in three halves of a pixel.
const POINTS: i64 = (RIGHT - LEFT) as i64 / 3;
/// Burn, as a power of ten, that stands at the bottom: what is slower is drawn there.
const BOTTOM: f64 = -1.0;

/// Burn over the window that ends at a moment.
#[derive(Clone, Copy)]
struct Point {
    at: i64,
    burn: f64,
    /// Whether it is above what the alert allows, with failures enough for it.
    above: bool,
}

/// Good and bad events up to a slice, by the slice's number.
#[derive(Clone, Copy, Default)]
struct UpTo {
    number: i64,
    good: f64,
    bad: f64,
}

/// The chart of one objective; nothing where no burn is worth an alert, or nothing was seen.
pub(super) fn draw(
    scene: &Scene<'_>,
    slo: &Slo,
    judged: &Judged,
    tally: &Tally<'_>,
    (period_s, name): (f64, String),
) -> Option<Drawing> {
    let shown = scene.window.cut(judged.window)?;
    let pairs = alerts::pairs(slo, period_s);
    let longest = pairs.iter().map(|one| one.length).max()?;
    let seen = defined(slo, Window { from: shift(shown.from, -longest), until: shown.until });
    let shortest = pairs.iter().map(|one| one.length.as_millis()).min()?;
    let slice = step(seen, MOST, i64::try_from(shortest).ok()? / SLICES);
    let sums = sums(slo, tally, seen, slice);
    if sums.len() < 2 {
        return None;
    }
    let courses: Vec<(Pair, Vec<Point>)> =
        pairs.into_iter().map(|one| (one, course(slo, &sums, slice, &one, shown))).collect();
    let peak = |course: &[Point]| course.iter().map(|point| point.burn).fold(0.0, f64::max);
    let highest = courses.iter().map(|(one, course)| peak(course).max(one.factor)).fold(1.0, f64::max);
    let objective = words::short(&judged.name, 40);
    let title = format!("Burn rates of {objective}");
    let over: Vec<String> = courses
        .iter()
        .filter(|(_, course)| course.iter().any(|point| point.above))
        .map(|(one, course)| format!("{} ({} at most)", one.long, times(peak(course))))
        .collect();
    let alt = match over.as_slice() {
        [] => format!("The budget of {objective} never burned faster than an alert allows."),
        over => format!("The budget of {objective} burned faster than an alert allows over {}.", over.join(", ")),
    };
    let says = format!("1× spends the budget exactly by the end of its period; {}", words::window(shown));
    let height = HEAD + rail::HEIGHT + courses.len() as i32 * (PANEL + BETWEEN) - BETWEEN + 90;
    Drawing::new(Words { name, title: title.clone(), alt }, (WIDTH, height as u32), |area| {
        let axis = Axis::new(shown);
        let legend = [
            (Look::Surface, Ink::Blue, "burn over the window"),
            (Look::Surface, Ink::Vermilion, "above what an alert allows"),
            (Look::Line, Ink::Text, "threshold of the alert"),
            (Look::Surface, Ink::Orange, "incident"),
        ];
        heading(area, &title, &says, &legend)?;
        let left_out = rail::above(area, scene, axis, HEAD, height - 90)?;
        foot(area, &left_out)?;
        let last = courses.len() - 1;
        for (number, (one, course)) in courses.iter().enumerate() {
            let top = HEAD + rail::HEIGHT + number as i32 * (PANEL + BETWEEN);
            let range = BOTTOM..highest.log10() + 0.25;
            let marks = (range.end.floor() - BOTTOM) as usize + 1;
            let part = (top, top + PANEL);
            let mut plot = plot(area, part, axis, range, marks, &|power| times(10_f64.powf(*power)), number == last)?;
            let word = match one.severity {
                Severity::Page => "page",
                Severity::Ticket => "ticket",
            };
            let limit = times(one.factor);
            caption(area, top, &[&format!("over {}", one.long), &format!("{word} above {limit}")])?;
            caption(area, top + 2 * LINE, &[&format!("highest {}", times(peak(course)))])?;
            let height = |burn: f64| burn.max(0.1).log10();
            let mut rest = course.as_slice();
            while let [first, ..] = rest {
                let length = rest.iter().take_while(|point| point.above == first.above).count();
                // Up to the first point of what follows, so that nothing is open between the two.
                let run = rest.get(..(length + 1).min(rest.len())).unwrap_or(rest);
                let ink = if first.above { Ink::Vermilion } else { Ink::Blue };
                let along: Vec<(i64, f64)> = run.iter().map(|point| (point.at, height(point.burn))).collect();
                let ends = [run.last().map_or(first.at, |last| last.at), first.at].map(|at| (at, BOTTOM));
                let surface: Vec<(i64, f64)> = along.iter().copied().chain(ends).collect();
                plot.draw_series([Polygon::new(surface, ink.colour().mix(0.35).filled())])?;
                plot.draw_series([PathElement::new(along, line(ink, 4))])?;
                rest = rest.get(length..).unwrap_or_default();
            }
            let limit_at = height(one.factor);
            let ends = vec![(shown.from.as_millisecond(), limit_at), (shown.until.as_millisecond(), limit_at)];
            let (_, y) = plot.backend_coord(&(shown.until.as_millisecond(), limit_at));
            plot.draw_series([PathElement::new(ends, line(Ink::Text, 2))])?;
            names(area, vec![(y, Ink::Text, limit)], top + PANEL)?;
        }
        Ok(())
    })
}

/// A burn rate as people write it.
fn times(burn: f64) -> String {
    match burn {
        burn if burn >= 99.95 => format!("{burn:.0}×"),
        burn => {
            let text = format!("{burn:.1}");
            format!("{}×", text.strip_suffix(".0").unwrap_or(&text))
        }
    }
}

/// Good and bad events up to the end of each slice that holds any, beginning with none.
fn sums(slo: &Slo, tally: &Tally<'_>, window: Window, slice: i64) -> Vec<UpTo> {
    let mut sums = vec![UpTo { number: i64::MIN, ..UpTo::default() }];
    let mut sum = UpTo::default();
    tally.each_slice(window, slice, |number, counts| {
        let (good, bad) = effective(slo, &counts);
        sum = UpTo { number, good: sum.good + good, bad: sum.bad + bad };
        sums.push(sum);
    });
    sums
}

/// Burn over the window of an alert that ends with each point; of the slices that one point stands for, the fastest.
fn course(slo: &Slo, sums: &[UpTo], slice: i64, alert: &Pair, shown: Window) -> Vec<Point> {
    let up_to = |number: i64| {
        let position = sums.partition_point(|sum| sum.number <= number);
        sums.get(position.saturating_sub(1)).copied().unwrap_or_default()
    };
    let slices = i64::try_from(alert.length.as_millis()).unwrap_or(i64::MAX) / slice;
    let (from, until) = (shown.from.as_millisecond(), shown.until.as_millisecond());
    let (first, behind) = (from.div_euclid(slice), until.div_euclid(slice).saturating_add(1));
    let together = ((behind - first) / POINTS + 1).max(1);
    // The first failure ever would burn as if nothing else was planned: a little has to be known.
    let known =
        sums.get(1).map_or(first, |sum| sum.number).saturating_add((slices / SLICES).min((behind - first) / 20));
    let mut course: Vec<Point> = Vec::new();
    let mut number = first.max(known);
    while number < behind {
        let end = behind.min(number + together);
        let mut point = Point { at: end.saturating_mul(slice).clamp(from, until), burn: 0.0, above: false };
        for number in number..end {
            let (now, then) = (up_to(number), up_to(number - slices));
            let (good, bad) = (now.good - then.good, now.bad - then.bad);
            let burn = bad / ((good + bad) * slo.tolerance());
            if burn.is_finite() {
                point.burn = point.burn.max(burn);
                point.above |= burn > alert.factor && bad >= alert.guard_long as f64;
            }
        }
        course.push(point);
        number = end;
    }
    course
}
