//! Probes by time: what happened to each when.

use std::cmp::Reverse;

use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::{Color, TextStyle};
use plotters_backend::text_anchor::{HPos, VPos};
use storage::window::Window;

use super::axis::{Axis, step};
use super::drawing::{Area, Drawing, Drawn, Words};
use super::frame::{FOOT, HEAD, LEFT, Look, RIGHT, WIDTH, foot, heading, line, placed, plot};
use super::ink::Ink;
use super::rail::{self, place};
use super::scene::Scene;
use super::words::{self, percent, several};
use crate::tally::{Counts, Tally};

/// Most probes that get a row.
const ROWS: usize = 30;
/// Most stretches that a row is cut into.
const BUCKETS: i64 = 240;
/// Height of a row, and of what is drawn in it.
const ROW: i32 = 36;
const CELL: i32 = 26;
/// Most characters of a name, and how wide it may be.
const NAME: usize = 40;
const NAME_WIDTH: u32 = LEFT as u32 - 36;

/// What is drawn of a stretch of a row: that something failed, else what holds for half of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// Most of what was planned succeeded, and nothing failed.
    Good,
    /// Something failed: how tall that is drawn, from 0 to 4.
    Failed(u8),
    /// The prober's own fault.
    Invalid,
    /// Planned, but not executed.
    Missing,
}

/// A probe with what happened to it.
struct Row {
    name: String,
    counts: Counts,
    /// By the bucket's number.
    cells: Vec<(i64, Cell)>,
}

/// The chart; nothing where nothing was planned.
pub(super) fn draw(scene: &Scene<'_>, tally: &Tally<'_>) -> Option<Drawing> {
    let bucket = step(scene.window, BUCKETS, tally.every_ms().unwrap_or(1_000));
    let probes = tally.apart(|series| series.path());
    let all = probes.len();
    let mut ranked: Vec<(String, Counts, Tally<'_>)> = probes
        .into_iter()
        .map(|(name, own)| (name, own.count(scene.window), own))
        .filter(|(_, counts, _)| counts.expected() > 0)
        .collect();
    // The rows that tell something come first into the choice; what is chosen stands by name.
    ranked.sort_by_key(|(_, counts, _)| Reverse((counts.bad, counts.invalid, counts.no_data)));
    let known = ranked.len();
    let failing = ranked.iter().filter(|(_, counts, _)| counts.bad > 0).count();
    ranked.truncate(ROWS);
    ranked.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    let rows: Vec<Row> = ranked
        .into_iter()
        .map(|(name, counts, own)| Row { name, counts, cells: cells(&own, scene.window, bucket) })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let hidden = known - rows.len();
    let title = "What happened to each probe".to_owned();
    let says = format!(
        "{failing} of {} failed at some time; each cell is {}; {}",
        several(all, "probe"),
        words::length(bucket),
        words::window(scene.window)
    );
    let worst = rows.iter().filter(|row| row.counts.bad > 0).max_by_key(|row| row.counts.bad);
    let alt = match worst {
        None => format!("None of {} failed.", several(all, "probe")),
        Some(row) => format!(
            "{failing} of {} failed at some time, most often {}, {} times of {}.",
            several(all, "probe"),
            words::short(&row.name, 40),
            row.counts.bad,
            row.counts.good + row.counts.bad
        ),
    };
    let height = HEAD + rail::HEIGHT + rows.len() as i32 * ROW + FOOT as i32 + 20;
    Drawing::new(Words { name: "probes".into(), title: title.clone(), alt }, (WIDTH, height as u32), |area| {
        let axis = Axis::new(scene.window);
        let legend = [
            (Look::Line, Ink::Green, "succeeded"),
            (Look::Surface, Ink::Vermilion, "failed: the taller, the more of them"),
            (Look::Frame, Ink::Muted, "skipped or no data"),
            (Look::Cross, Ink::Purple, "invalid: the prober's own fault"),
        ];
        heading(area, &title, &says, &legend)?;
        let top = HEAD + rail::HEIGHT;
        let bottom = top + rows.len() as i32 * ROW;
        let mut left_out = rail::above(area, scene, axis, HEAD, bottom)?;
        if hidden > 0 {
            let shown = format!("{} with fewer failures not shown", several(hidden, "more probe"));
            left_out = if left_out.is_empty() { shown } else { format!("{shown}; {left_out}") };
        }
        plot(area, (top, bottom), axis, 0.0..1.0, 0, &|_| String::new(), true)?;
        for (number, row) in (0..).zip(&rows) {
            let middle = top + number * ROW + ROW / 2;
            area.draw(&PathElement::new(
                vec![(LEFT, middle + ROW / 2), (RIGHT, middle + ROW / 2)],
                line(Ink::Grid, 1),
            ))?;
            let style = placed(Ink::Text, HPos::Right, VPos::Center);
            area.draw(&Text::new(fitting(area, &row.name, &style)?, (LEFT - 14, middle), style))?;
            let share = row.counts.good as f64 / (row.counts.good + row.counts.bad).max(1) as f64;
            let share = if row.counts.good + row.counts.bad > 0 { percent(share) } else { "no data".into() };
            let ink = if row.counts.bad > 0 { Ink::Vermilion } else { Ink::Muted };
            area.draw(&Text::new(share, (RIGHT + 12, middle), placed(ink, HPos::Left, VPos::Center)))?;
            for run in row.cells.chunk_by(|(a, one), (b, other)| a + 1 == *b && one == other) {
                let [(first, cell), ..] = run else { continue };
                let edge = |number: i64| place(axis, number.saturating_mul(bucket)).clamp(LEFT, RIGHT);
                let (from, until) = (edge(*first), edge(first + run.len() as i64));
                draw_cell(area, *cell, (from, until.max(from + 2)), middle)?;
            }
        }
        foot(area, &left_out)
    })
}

fn cells(tally: &Tally<'_>, window: Window, bucket: i64) -> Vec<(i64, Cell)> {
    let mut cells = Vec::new();
    tally.each_slice(window, bucket, |number, counts| {
        let cell = match counts {
            Counts { bad, good, .. } if bad > 0 => Cell::Failed(level(bad, good + bad)),
            Counts { good, invalid, no_data, .. } if good > invalid + no_data => Cell::Good,
            Counts { invalid, no_data, .. } if invalid > no_data => Cell::Invalid,
            Counts { no_data, .. } if no_data > 0 => Cell::Missing,
            _ => return,
        };
        cells.push((number, cell));
    });
    cells
}

/// How tall failures are drawn: a few of a thousand are no more than a thickening, so that incidents stand out of them.
fn level(bad: u64, all: u64) -> u8 {
    match bad as f64 / all.max(1) as f64 {
        share if share <= 0.02 => 0,
        share if share <= 0.1 => 1,
        share if share <= 1.0 / 3.0 => 2,
        share if share <= 2.0 / 3.0 => 3,
        _ => 4,
    }
}

/// The name with its middle left out as far as there is no room: what tells two probes apart is often the end.
fn fitting(area: &Area<'_>, name: &str, style: &TextStyle<'_>) -> Drawn<String> {
    // A name may be as long as anything from outside: it is looked through once.
    let name = words::middle_out(name, 4 * NAME);
    let mut most = NAME;
    loop {
        let text = words::middle_out(&name, most);
        if most <= 8 || area.estimate_text_size(&text, style)?.0 <= NAME_WIDTH {
            return Ok(text);
        }
        most -= 1;
    }
}

/// Each kind has its own shape, so that it is told without its colour.
fn draw_cell(area: &Area<'_>, cell: Cell, (from, until): (i32, i32), middle: i32) -> Drawn {
    let half = CELL / 2;
    match cell {
        Cell::Good => {
            let thin = [(from, middle - 3), (until, middle + 3)];
            area.draw(&Rectangle::new(thin, Ink::Green.colour().filled()))
        }
        Cell::Failed(level) => {
            let half = half - 2 * (4 - i32::from(level.min(4)));
            let tall = [(from, middle - half), (until, middle + half)];
            let alpha = if level == 0 { 0.55 } else { 1.0 };
            area.draw(&Rectangle::new(tall, Ink::Vermilion.colour().mix(alpha).filled()))
        }
        Cell::Invalid => {
            let (top, bottom) = (middle - half + 3, middle + half - 3);
            area.draw(&Rectangle::new([(from, top), (until, bottom)], Ink::Purple.colour().mix(0.35).filled()))?;
            area.draw(&PathElement::new(vec![(from, bottom), (until, top)], line(Ink::Purple, 3)))?;
            area.draw(&PathElement::new(vec![(from, top), (until, bottom)], line(Ink::Purple, 3)))
        }
        Cell::Missing => {
            let frame = [(from, middle - half + 5), (until, middle + half - 5)];
            area.draw(&Rectangle::new(frame, line(Ink::Muted, 2)))
        }
    }
}
