//! The share of executions that succeed, over time.

use plotters::element::{PathElement, Rectangle};
use plotters::style::Color;
use storage::window::Window;

use super::axis::{Axis, step};
use super::drawing::{Drawing, Words};
use super::frame::{HEAD, Look, WIDTH, caption, foot, heading, line, plot};
use super::ink::Ink;
use super::rail;
use super::scene::Scene;
use super::words::{self, percent};
use crate::tally::{Counts, Tally};

const HEIGHT: u32 = 720;
/// Most buckets that are drawn.
const BUCKETS: i64 = 240;
/// Where the axis of shares may begin.
const FLOORS: [f64; 6] = [0.99, 0.95, 0.9, 0.75, 0.5, 0.0];

/// The chart; nothing where nothing was executed.
pub(super) fn draw(scene: &Scene<'_>, tally: &Tally<'_>) -> Option<Drawing> {
    let least = tally.every_ms().unwrap_or(1_000);
    let step = step(scene.window, BUCKETS, least);
    let mut shares: Vec<(i64, f64)> = Vec::new();
    let mut sum = Counts::default();
    tally.each_slice(scene.window, step, |number, counts| {
        sum.good += counts.good;
        sum.bad += counts.bad;
        if counts.good + counts.bad > 0 {
            shares.push((number, counts.good as f64 / (counts.good + counts.bad) as f64));
        }
    });
    let lowest = shares.iter().map(|(_, share)| *share).reduce(f64::min)?;
    let floor = FLOORS.into_iter().find(|floor| *floor < lowest).unwrap_or(0.0);
    let whole = percent(sum.good as f64 / (sum.good + sum.bad) as f64);
    let title = "Success over time".to_owned();
    let says = format!("{whole} of {} executions succeeded; {}", sum.good + sum.bad, words::window(scene.window));
    let alt = format!(
        "{whole} of the executions succeeded, in the worst {} {}; {} and {} in this time.",
        words::length(step),
        percent(lowest),
        words::several(scene.incidents.len(), "incident"),
        words::several(scene.changes.len(), "change"),
    );
    let name = "success".to_owned();
    Drawing::new(Words { name, title: title.clone(), alt }, (WIDTH, HEIGHT), |area| {
        let axis = Axis::new(scene.window);
        let failed = format!("failed, by {}", words::length(step));
        let legend = [
            (Look::Line, Ink::Green, "succeeded"),
            (Look::Surface, Ink::Vermilion, failed.as_str()),
            (Look::Surface, Ink::Orange, "incident"),
            (Look::Line, Ink::Blue, "change"),
        ];
        heading(area, &title, &says, &legend)?;
        let (top, bottom) = (HEAD + rail::HEIGHT, HEIGHT as i32 - 90);
        let left_out = rail::above(area, scene, axis, HEAD, bottom)?;
        let room = (1.0 - floor) * 0.04;
        let mut plot = plot(area, (top, bottom), axis, floor..1.0 + room, 6, &|share| percent(*share), true)?;
        caption(area, top, &["share of", "executions"])?;
        if floor > 0.0 {
            caption(area, bottom - 32, &[&format!("begins at {}", percent(floor))])?;
        }
        foot(area, &left_out)?;
        let span = |number: i64| {
            let from = number.saturating_mul(step);
            let Window { from: first, until } = scene.window;
            (from.max(first.as_millisecond()), from.saturating_add(step).min(until.as_millisecond()))
        };
        // Surfaces that touch would show a seam.
        let level = shares.chunk_by(|(a, one), (b, other)| a + 1 == *b && one == other);
        let failing = level.filter_map(|run| match (run.first(), run.last()) {
            (Some((first, share)), Some((last, _))) if *share < 1.0 => {
                let corners = [(span(*first).0, *share), (span(*last).1, 1.0)];
                Some(Rectangle::new(corners, Ink::Vermilion.colour().filled()))
            }
            _ => None,
        });
        plot.draw_series(failing)?;
        let runs = shares.chunk_by(|(a, _), (b, _)| a + 1 == *b).map(|run| {
            let corners = run.iter().flat_map(|(number, share)| {
                let (from, until) = span(*number);
                [(from, *share), (until, *share)]
            });
            PathElement::new(corners.collect::<Vec<_>>(), line(Ink::Green, 4))
        });
        plot.draw_series(runs)?;
        Ok(())
    })
}
