//! How far a rollout was, and what share of the executions failed meanwhile.

use jiff::{SignedDuration, Timestamp};
use plotters::element::{Circle, PathElement, Rectangle};
use plotters::style::Color;
use storage::record::Change;
use storage::window::Window;

use super::axis::{Axis, step};
use super::drawing::{Drawing, Words};
use super::frame::{HEAD, Look, WIDTH, caption, foot, heading, line, names, plot};
use super::ink::Ink;
use super::scene::{Part, Scene};
use super::words::{self, percent};
use crate::input::{Input, after, shift};
use crate::series::Executed;

const HEIGHT: u32 = 560;
/// Most rollouts that are drawn.
const ROLLOUTS: usize = 4;
/// Most buckets in which failures are counted.
const BUCKETS: i64 = 90;
/// Shortest time that is shown before and after a rollout.
const ROOM: SignedDuration = SignedDuration::from_secs(60);

/// The rollouts whose progress is known: those that an incident is put down to, else the others that came during one or
/// shortly before.
pub(super) fn draw(scene: &Scene<'_>) -> Vec<Drawing> {
    let known = scene.changes.iter().filter(|mark| mark.change.progress.len() > 1);
    let near = |at: Timestamp| {
        let before = SignedDuration::from_mins(15);
        scene.incidents.iter().any(|one| shift(one.start.lo, -before) <= at && at < one.window().until)
    };
    let wanted = known.filter(|mark| mark.part == Part::Cause || near(mark.at));
    let drawn = wanted.enumerate().filter_map(|(number, mark)| one(scene, mark.change, number));
    drawn.take(ROLLOUTS).collect()
}

fn one(scene: &Scene<'_>, change: &Change, number: usize) -> Option<Drawing> {
    let begin = change.lo()?;
    let mut progress: Vec<(i64, f64)> = change
        .progress
        .iter()
        .filter(|(_, share)| share.is_finite())
        .map(|(at, share)| (at.as_millisecond(), share.clamp(0.0, 1.0)))
        .collect();
    progress.sort_by_key(|(at, _)| *at);
    let (last, reached) = *progress.last()?;
    let end = Timestamp::from_millisecond(last).ok()?.max(change.until.unwrap_or(begin));
    let room = end.duration_since(begin).max(ROOM);
    let shown = Window { from: shift(begin, -room), until: shift(end, room) }.cut(scene.window)?;
    let failing = failing(scene.input, change, shown)?;
    let highest = failing.1.iter().map(|(_, share)| *share).fold(0.0, f64::max);
    let object = words::change(change);
    let title = format!("Progress of {object}");
    let says = format!("began {} UTC; failures by {}", words::moment(begin), words::length(failing.0));
    let alt = format!(
        "While {object} came to {} of its pods, up to {} of the executions of what depends on it failed.",
        percent(reached),
        percent(highest)
    );
    let name = format!("rollout-{}-{}", number + 1, words::file_name(&change.object));
    Drawing::new(
        Words { name: name.trim_end_matches('-').into(), title: title.clone(), alt },
        (WIDTH, HEIGHT),
        |area| {
            let axis = Axis::new(shown);
            let legend = [
                (Look::Mark, Ink::Blue, "new pods that are ready"),
                (Look::Surface, Ink::Vermilion, "executions that failed"),
                (Look::Surface, Ink::Orange, "incident"),
            ];
            heading(area, &title, &says, &legend)?;
            let (top, bottom) = (HEAD + 10, HEIGHT as i32 - 90);
            let mut plot = plot(area, (top, bottom), axis, 0.0..1.06, 6, &|share| percent(*share), true)?;
            caption(area, top, &["share"])?;
            foot(area, "")?;
            let bands = scene.incidents.iter().filter_map(|incident| incident.failing().cut(shown)).map(|band| {
                let (from, until) = (band.from.as_millisecond(), band.until.as_millisecond());
                Rectangle::new([(from, 0.0), (until, 1.06)], Ink::Orange.colour().mix(0.22).filled())
            });
            plot.draw_series(bands)?;
            let (step, shares) = &failing;
            let (from, until) = (shown.from.as_millisecond(), shown.until.as_millisecond());
            let columns = shares.iter().map(|(at, share)| {
                let edges = ((*at).max(from), at.saturating_add(*step).min(until));
                Rectangle::new([(edges.0, 0.0), (edges.1, *share)], Ink::Vermilion.colour().mix(0.75).filled())
            });
            plot.draw_series(columns)?;
            let mut steps = vec![(from, 0.0), (begin.as_millisecond(), 0.0)];
            for (at, share) in &progress {
                let before = steps.last().map_or(0.0, |(_, share)| *share);
                steps.extend([(*at, before), (*at, *share)]);
            }
            steps.push((until, reached));
            plot.draw_series([PathElement::new(steps, line(Ink::Blue, 4))])?;
            plot.draw_series(progress.iter().map(|point| Circle::new(*point, 7, Ink::Blue.colour().filled())))?;
            let (_, y) = plot.backend_coord(&(until, reached));
            names(area, vec![(y, Ink::Blue, "pods".into())], bottom)
        },
    )
}

/// The share of executions that failed of the targets that a change concerns, by the beginning of each bucket, and the
/// length of a bucket; nothing where nothing was executed.
fn failing(input: &Input, change: &Change, window: Window) -> Option<(i64, Vec<(i64, f64)>)> {
    let concerned =
        || input.series.iter().filter(|series| change.targets.is_empty() || change.targets.contains(&series.target));
    let every = concerned().filter_map(|series| series.every_ms).max().unwrap_or(1_000);
    let step = step(window, BUCKETS, every);
    let first = window.from.as_millisecond().div_euclid(step);
    let mut shares = Vec::new();
    for number in first..=first + BUCKETS {
        let Ok(from) = Timestamp::from_millisecond(number.saturating_mul(step)) else { continue };
        let Some(bucket) = (Window { from, until: after(from, step) }).cut(window) else { continue };
        let (all, failed) = concerned()
            .map(|series| series.executed(bucket))
            .fold((0, 0), |(a, f), Executed { all, failed }| (a + all, f + failed));
        if all > 0 {
            shares.push((from.as_millisecond(), failed as f64 / all as f64));
        }
    }
    (!shares.is_empty()).then_some((step, shares))
}
