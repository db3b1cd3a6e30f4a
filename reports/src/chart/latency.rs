//! How long successes took, over time.

use jiff::Timestamp;
use plotters::element::{Circle, PathElement};
use plotters::style::Color;
use storage::record::Outcome;
use storage::window::Window;

use super::axis::{Axis, step};
use super::drawing::{Drawing, Words};
use super::frame::{HEAD, Look, RIGHT, WIDTH, caption, foot, heading, line, names, plot};
use super::ink::Ink;
use super::rail;
use super::scene::Scene;
use super::words::{self, duration};
use crate::input::{Input, after};
use crate::series::Series;
use crate::slo::latency::Latency;

const HEIGHT: u32 = 680;
/// Most buckets that are drawn.
const BUCKETS: i64 = 160;
/// From this ratio of the highest to the lowest on, the axis counts in powers.
const WIDE: f64 = 12.0;

/// Quantiles of a stretch, in microseconds.
struct Point {
    window: Window,
    quantiles: [f64; 3],
}

/// How each quantile is drawn: the slower, the darker.
const LINES: [(&str, Ink, u32); 3] = [("p50", Ink::Sky, 4), ("p90", Ink::Purple, 4), ("p99", Ink::Text, 4)];

/// The chart; nothing where nothing succeeded.
pub(super) fn draw(scene: &Scene<'_>, every_ms: Option<i64>) -> Option<Drawing> {
    let (step, points) = if scene.input.course.is_empty() {
        let step = step(scene.window, BUCKETS, every_ms.unwrap_or(1_000));
        (step, of_results(scene.input, scene.window, step))
    } else {
        let first = scene.input.course.first().map_or(0, |(whole, _)| whole.length().as_millis());
        (i64::try_from(first).unwrap_or(i64::MAX), of_sketches(scene.input, scene.window))
    };
    let values = || points.iter().flat_map(|point| point.quantiles);
    let (lowest, highest) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    let last = points.last()?;
    let name = "latency".to_owned();
    let title = "Latency over time".to_owned();
    let says = format!("how long successes took, of all probes together; {}", words::window(scene.window));
    let alt = format!(
        "Half of the successes took between {} and {}, and the slowest of a hundred up to {}.",
        duration(points.iter().map(|point| point.quantiles[0]).fold(f64::MAX, f64::min)),
        duration(points.iter().map(|point| point.quantiles[0]).fold(0.0, f64::max)),
        duration(highest),
    );
    Drawing::new(Words { name, title: title.clone(), alt }, (WIDTH, HEIGHT), |area| {
        let axis = Axis::new(scene.window);
        let legend = [
            (Look::Line, Ink::Sky, "p50: half are faster"),
            (Look::Line, Ink::Purple, "p90"),
            (Look::Line, Ink::Text, "p99: one in 100 is slower"),
            (Look::Surface, Ink::Orange, "incident"),
            (Look::Line, Ink::Blue, "change"),
        ];
        heading(area, &title, &says, &legend)?;
        let (top, bottom) = (HEAD + rail::HEIGHT, HEIGHT as i32 - 90);
        let left_out = rail::above(area, scene, axis, HEAD, bottom)?;
        let powers = highest > lowest.max(1.0) * WIDE;
        let height = |us: f64| if powers { us.max(1.0).log10() } else { us };
        let range = if powers { height(lowest).floor()..height(highest) + 0.1 } else { 0.0..highest.max(1.0) * 1.08 };
        let says = |value: &f64| duration(if powers { 10_f64.powf(*value) } else { *value });
        let marks = if powers { (range.end - range.start).ceil() as usize + 1 } else { 5 };
        let mut plot = plot(area, (top, bottom), axis, range, marks, &says, true)?;
        caption(area, top, &["duration,", &format!("by {}", words::length(step))])?;
        if powers {
            caption(area, bottom - 32, &["in powers of ten"])?;
        }
        foot(area, &left_out)?;
        let mut ends = Vec::new();
        for (number, (word, ink, width)) in LINES.into_iter().enumerate() {
            let value = |point: &Point| height(point.quantiles.get(number).copied().unwrap_or_default());
            let middle = |point: &Point| (point.window.from.as_millisecond() + point.window.until.as_millisecond()) / 2;
            for run in points.chunk_by(|a, b| a.window.until == b.window.from) {
                match run {
                    [one] => plot.draw_series([Circle::new((middle(one), value(one)), 4, ink.colour().filled())])?,
                    run => {
                        let line = PathElement::new(
                            run.iter().map(|point| (middle(point), value(point))).collect::<Vec<_>>(),
                            line(ink, width),
                        );
                        plot.draw_series([line])?
                    }
                };
            }
            let (_, y) = plot.backend_coord(&(middle(last), value(last)));
            let us = last.quantiles.get(number).copied().unwrap_or_default();
            ends.push((y, ink, format!("{word} {}", duration(us))));
        }
        // Of lines that end together, the slowest is named first.
        ends.reverse();
        let (x, _) = plot.backend_coord(&(last.window.until.as_millisecond(), 0.0));
        // The names stand at the end of the plot, so that they belong to lines that reach it.
        if RIGHT - x < 200 { names(area, ends, bottom) } else { Ok(()) }
    })
}

/// From the single results: exact.
fn of_results(input: &Input, window: Window, step: i64) -> Vec<Point> {
    let number = |at: Timestamp| at.as_millisecond().div_euclid(step);
    let mut took: Vec<(i64, u64)> = Vec::new();
    for series in &input.series {
        let successes = series.singles(window).filter(|sample| sample.outcome == Outcome::Success);
        took.extend(successes.map(|sample| (number(sample.time), sample.took_us)));
    }
    took.sort_unstable();
    let buckets = took.chunk_by(|(a, _), (b, _)| a == b).filter_map(|bucket| {
        let from = Timestamp::from_millisecond(bucket.first()?.0.saturating_mul(step)).ok()?;
        let sorted: Vec<u64> = bucket.iter().map(|(_, us)| *us).collect();
        let Latency { p50, p90, p99, .. } = Latency::of_sorted(&sorted);
        let whole = Window { from, until: after(from, step) };
        Some(Point { window: whole.cut(window)?, quantiles: [p50? as f64, p90? as f64, p99? as f64] })
    });
    buckets.collect()
}

/// From the sketches that the store keeps: within one in a hundred.
fn of_sketches(input: &Input, window: Window) -> Vec<Point> {
    let points = input.course.iter().filter_map(|(whole, sketch)| {
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|quantile| sketch.quantile(quantile));
        Some(Point { window: whole.cut(window)?, quantiles: [p50? as f64, p90? as f64, p99? as f64] })
    });
    points.collect()
}

/// The stretches whose latencies a caller hands in where results are known as counts: some series is, and there are whole
/// days enough for a line.
#[must_use]
pub fn wanted(input: &Input, window: Window) -> Vec<Window> {
    if !input.series.iter().any(Series::is_counted) {
        return Vec::new();
    }
    let step = step(window, BUCKETS, DAY_MS);
    let first = window.from.as_millisecond().div_euclid(step);
    let start = |number: i64| Timestamp::from_millisecond(number.saturating_mul(step)).ok();
    let whole = |number: i64| Some(Window { from: start(number)?, until: start(number + 1)? });
    let windows = (first..=first + BUCKETS).filter_map(whole);
    windows.take_while(|whole| whole.from < window.until).collect()
}

/// Days are what the store keeps sketches of.
const DAY_MS: i64 = 86_400_000;
