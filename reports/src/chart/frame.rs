//! What the charts have in common: the heading, the legend, the place of the plot. Charts of one report share their axis of
//! time, so that what stands below each other happened at the same moment.

use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::style::{Color, ShapeStyle, TextStyle};
use plotters_backend::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::drawing::{Area, Drawn};
use super::font;
use super::ink::Ink;
use super::sheet::Sheet;

/// Width of every chart, in halves of a pixel like all lengths here.
pub(super) const WIDTH: u32 = 1920;
/// Where plots begin; names stand before it.
pub(super) const LEFT: i32 = 380;
/// Where plots end; the names of lines stand behind it.
pub(super) const RIGHT: i32 = WIDTH as i32 - 160;
/// Where a heading ends.
pub(super) const HEAD: i32 = 160;
/// Room for the words under an axis of time.
pub(super) const FOOT: u32 = 76;

/// Marks on an axis of time.
const MARKS: usize = 9;
/// Edge of everything.
const MARGIN: i32 = 28;
/// Height of a line of small text.
pub(super) const LINE: i32 = 32;

/// A plot with its axes.
pub(super) type Plot<'a, 'b> = ChartContext<'a, Sheet<'b>, Cartesian2d<Axis, RangedCoordf64>>;

/// How something in the legend looks.
#[derive(Clone, Copy)]
pub(super) enum Look {
    Line,
    Surface,
    Frame,
    Mark,
    Cross,
}

/// Small text.
pub(super) fn small(ink: Ink) -> TextStyle<'static> {
    font::text(ink, 27.0)
}

/// A line of an ink, in halves of a pixel.
pub(super) fn line(ink: Ink, width: u32) -> ShapeStyle {
    ink.colour().stroke_width(width)
}

/// The same small text, placed by another of its corners.
pub(super) fn placed(ink: Ink, side: HPos, height: VPos) -> TextStyle<'static> {
    small(ink).pos(Pos::new(side, height))
}

/// Writes the heading on a sheet.
pub(super) fn heading(area: &Area<'_>, title: &str, says: &str, legend: &[(Look, Ink, &str)]) -> Drawn {
    area.fill(&Ink::Paper.colour())?;
    area.draw(&Text::new(title.to_owned(), (MARGIN, 22), font::text(Ink::Text, 42.0)))?;
    area.draw(&Text::new(says.to_owned(), (MARGIN, 72), small(Ink::Muted)))?;
    let mut x = MARGIN;
    let y = 128;
    for (look, ink, words) in legend {
        match look {
            Look::Line => area.draw(&PathElement::new(vec![(x, y), (x + 30, y)], line(*ink, 5)))?,
            Look::Surface => area.draw(&Rectangle::new([(x, y - 11), (x + 30, y + 11)], ink.colour().filled()))?,
            Look::Frame => area.draw(&Rectangle::new([(x, y - 8), (x + 30, y + 8)], line(*ink, 2)))?,
            Look::Cross => {
                area.draw(&Rectangle::new([(x, y - 10), (x + 30, y + 10)], ink.colour().mix(0.35).filled()))?;
                area.draw(&PathElement::new(vec![(x, y + 10), (x + 30, y - 10)], line(*ink, 3)))?;
                area.draw(&PathElement::new(vec![(x, y - 10), (x + 30, y + 10)], line(*ink, 3)))?;
            }
            Look::Mark => area.draw(&Circle::new((x + 15, y), 8, ink.colour().filled()))?,
        }
        let style = placed(Ink::Text, HPos::Left, VPos::Center);
        area.draw(&Text::new((*words).to_owned(), (x + 40, y), style.clone()))?;
        let (width, _) = area.estimate_text_size(words, &style)?;
        x += 40 + i32::try_from(width).unwrap_or(0) + 44;
    }
    Ok(())
}

/// Sets up a plot between two heights of a sheet, with lines at round values, and with its times where it is the lowest.
pub(super) fn plot<'a, 'b>(
    area: &'a Area<'b>,
    (top, bottom): (i32, i32),
    axis: Axis,
    values: Range<f64>,
    marks: usize,
    word: &dyn Fn(&f64) -> String,
    times: bool,
) -> Drawn<Plot<'a, 'b>> {
    let (_, height) = area.dim_in_pixel();
    let foot = (i32::try_from(height).unwrap_or(i32::MAX) - bottom).max(0) as u32;
    let mut plot = ChartBuilder::on(area)
        .margin_top(top.max(0))
        .margin_right(WIDTH as i32 - RIGHT)
        .margin_bottom(foot.saturating_sub(FOOT))
        .x_label_area_size(FOOT.min(foot))
        .y_label_area_size(LEFT as u32)
        .build_cartesian_2d(axis, values)?;
    plot.configure_mesh()
        .disable_x_mesh()
        .x_labels(MARKS)
        .y_labels(marks)
        .y_max_light_lines(0)
        .bold_line_style(line(Ink::Grid, 1))
        .axis_style(line(Ink::Grid, 2))
        .label_style(small(Ink::Muted))
        .x_label_formatter(&|at| if times { axis.label(*at, MARKS) } else { String::new() })
        .y_label_formatter(word)
        .draw()?;
    Ok(plot)
}

/// Says what an axis of values counts, to the left of it.
pub(super) fn caption(area: &Area<'_>, top: i32, words: &[&str]) -> Drawn {
    for (number, words) in (0..).zip(words) {
        area.draw(&Text::new((*words).to_owned(), (MARGIN, top + number * LINE), small(Ink::Muted)))?;
    }
    Ok(())
}

/// Says beneath a plot what times are told in, and what was left out.
pub(super) fn foot(area: &Area<'_>, left_out: &str) -> Drawn {
    let (_, height) = area.dim_in_pixel();
    let y = i32::try_from(height).unwrap_or(i32::MAX) - 12;
    area.draw(&Text::new("times in UTC", (MARGIN, y), placed(Ink::Muted, HPos::Left, VPos::Bottom)))?;
    area.draw(&Text::new(left_out.to_owned(), (RIGHT, y), placed(Ink::Muted, HPos::Right, VPos::Bottom)))
}

/// Names lines where they end, one below the other where they end together.
pub(super) fn names(area: &Area<'_>, mut names: Vec<(i32, Ink, String)>, bottom: i32) -> Drawn {
    names.sort_by_key(|(y, ..)| *y);
    let mut next = i32::MIN;
    let mut rest = names.len() as i32;
    for (y, ink, name) in names {
        let y = y.max(next).min(bottom - (rest - 1) * (LINE - 2));
        area.draw(&Text::new(name, (RIGHT + 12, y), placed(ink, HPos::Left, VPos::Center)))?;
        next = y + LINE - 2;
        rest -= 1;
    }
    Ok(())
}
