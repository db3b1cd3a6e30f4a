//! Incidents and changes above a plot, and where they cross it.

use plotters::coord::ranged1d::Ranged;
use plotters::element::{PathElement, Polygon, Rectangle, Text};
use plotters::style::Color;
use plotters_backend::text_anchor::{HPos, VPos};
use storage::window::Window;

use super::axis::Axis;
use super::drawing::{Area, Drawn};
use super::frame::{LEFT, LINE, RIGHT, caption, line, placed};
use super::ink::Ink;
use super::scene::{Mark, Part, Scene};
use super::words::{self, several};
use crate::stretches::Stretches;

/// Lines that the names of changes may stand on.
const LANES: i32 = 3;
/// Most changes that are named.
const NAMED: usize = 9;
/// Most changes for whose names a place is looked for.
const TRIED: usize = 300;
/// Room between two names.
const GAP: i32 = 16;

/// Height of what stands above a plot.
pub(super) const HEIGHT: i32 = LANES * LINE + LINE + 16;

/// A change with its name on a lane.
struct Label {
    x: i32,
    lane: i32,
    from: i32,
    until: i32,
    text: String,
    left: bool,
    part: Part,
}

/// Where a moment stands.
pub(super) fn place(axis: Axis, ms: i64) -> i32 {
    axis.map(&ms, (LEFT, RIGHT))
}

/// Shades the incidents behind a plot, and draws them and the changes above it. To be called before the lines are drawn.
/// Tells what was left out.
pub(super) fn above(area: &Area<'_>, scene: &Scene<'_>, axis: Axis, top: i32, bottom: i32) -> Drawn<String> {
    let rail = top + LANES * LINE;
    let plot = rail + LINE + 16;
    let nameless = incidents(area, scene, axis, rail, (plot, bottom))?;
    let labels = labels(area, scene, axis)?;
    caption(area, top, &["changes"])?;
    caption(area, rail + 4, &["incidents"])?;
    for x in ticks(scene, axis) {
        area.draw(&PathElement::new(vec![(x, rail - 8), (x, rail)], line(Ink::Blue, 3)))?;
    }
    for label in &labels {
        let (ink, width, alpha) = match label.part {
            Part::Cause => (Ink::Vermilion, 4, 1.0),
            Part::Suspect => (Ink::Blue, 3, 1.0),
            Part::Other => (Ink::Blue, 2, 0.3),
        };
        let y = top + label.lane * LINE;
        // The line leaves out the names of incidents.
        for (from, until) in [(y + 4, rail), (plot, bottom)] {
            area.draw(&PathElement::new(
                vec![(label.x, from), (label.x, until)],
                ink.colour().mix(alpha).stroke_width(width),
            ))?;
        }
        let tip = vec![(label.x - 9, rail - 12), (label.x + 9, rail - 12), (label.x, rail + 2)];
        area.draw(&Polygon::new(tip, ink.colour().filled()))?;
        let (x, side) = if label.left { (label.x - 10, HPos::Right) } else { (label.x + 10, HPos::Left) };
        area.draw(&Text::new(label.text.clone(), (x, y + LINE / 2), placed(ink, side, VPos::Center)))?;
    }
    let told = [(scene.changes.len() - labels.len(), "change"), (nameless, "incident")].into_iter();
    let told = told.filter(|(count, _)| *count > 0).map(|(count, what)| several(count, &format!("more {what}")));
    let told: Vec<String> = told.collect();
    Ok(if told.is_empty() { String::new() } else { format!("{} without a name", told.join(" and ")) })
}

/// Tells how many have no name.
fn incidents(area: &Area<'_>, scene: &Scene<'_>, axis: Axis, rail: i32, (top, bottom): (i32, i32)) -> Drawn<usize> {
    let windows: Vec<Window> =
        scene.incidents.iter().filter_map(|incident| incident.failing().cut(scene.window)).collect();
    let edges = |window: Window| {
        let from = place(axis, window.from.as_millisecond());
        (from, place(axis, window.until.as_millisecond()).max(from + 3))
    };
    // Two at one time are not shaded twice.
    for (from, until) in Stretches::union(windows).iter().map(edges) {
        area.draw(&Rectangle::new([(from, top), (until, bottom)], Ink::Orange.colour().mix(0.22).filled()))?;
        area.draw(&Rectangle::new([(from, rail + LINE), (until, rail + LINE + 12)], Ink::Orange.colour().filled()))?;
    }
    let (mut free, mut unnamed) = (i32::MIN, 0);
    for incident in &scene.incidents {
        let Some((from, _)) = incident.failing().cut(scene.window).map(edges) else { continue };
        let text = words::short(&incident.id, 16);
        let style = placed(Ink::Text, HPos::Left, VPos::Center);
        let width = i32::try_from(area.estimate_text_size(&text, &style)?.0).unwrap_or(0);
        if from >= free && from + width <= RIGHT + 150 {
            area.draw(&Text::new(text, (from, rail + 16), style))?;
            free = from + width + GAP;
        } else {
            unnamed += 1;
        }
    }
    Ok(unnamed)
}

fn ticks(scene: &Scene<'_>, axis: Axis) -> Vec<i32> {
    let mut ticks: Vec<i32> = scene.changes.iter().map(|mark| place(axis, mark.at.as_millisecond())).collect();
    ticks.sort_unstable();
    // Changes that stand closer than a tick is wide are one tick.
    ticks.dedup_by_key(|x| *x / 4);
    ticks
}

/// Finds a place for as many names as there is room for, those first that the reader looks for.
fn labels(area: &Area<'_>, scene: &Scene<'_>, axis: Axis) -> Drawn<Vec<Label>> {
    let mut labels: Vec<Label> = Vec::new();
    for Mark { change, at, part } in scene.changes.iter().take(TRIED) {
        if labels.len() >= NAMED {
            break;
        }
        let x = place(axis, at.as_millisecond());
        let says = words::change(change);
        let text = if *part == Part::Cause { format!("cause: {says}") } else { says };
        let (width, _) = area.estimate_text_size(&text, &placed(Ink::Text, HPos::Left, VPos::Top))?;
        let width = i32::try_from(width).unwrap_or(0) + 10;
        let places = (0..LANES).flat_map(|lane| [(lane, false), (lane, true)]);
        let mut fits = places.map(|(lane, left)| {
            let (from, until) = if left { (x - width, x) } else { (x, x + width) };
            Label { x, lane, from, until, text: text.clone(), left, part: *part }
        });
        labels.extend(fits.find(|label| fits_among(label, &labels)));
    }
    Ok(labels)
}

fn fits_among(label: &Label, others: &[Label]) -> bool {
    let inside = LEFT - 200 <= label.from && label.until <= RIGHT + 150;
    inside
        && others.iter().all(|other| {
            let apart = label.until + GAP <= other.from || other.until + GAP <= label.from;
            // The line of the one on the upper lane runs down through the lower ones.
            let (upper, lower) = if label.lane < other.lane { (label, other) } else { (other, label) };
            let crossed = lower.from - GAP / 2 < upper.x && upper.x < lower.until + GAP / 2;
            if label.lane == other.lane { apart } else { !crossed && (label.x - other.x).abs() > 3 }
        })
}
