//! Charts of a report: each is drawn once and written as SVG, to stand in a page, or as PNG.

use jiff::Timestamp;

use crate::input::Input;
use crate::period;
use crate::report::{self, Report, Request};
use crate::settings::Settings;
use crate::slo::Judged;
use crate::tally::Tally;

use drawing::Drawing;
use scene::Scene;

mod axis;
pub mod bitmap;
mod budget;
mod burn;
pub mod drawing;
mod font;
mod frame;
pub mod ink;
pub mod latency;
mod rail;
mod rollout;
mod scene;
mod sheet;
mod strip;
mod success;
mod svg;
mod words;

/// A chart, drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Fit for the name of a file, and unique in a report.
    pub name: String,
    /// Its heading.
    pub title: String,
    /// One sentence that tells what is seen, for those who do not see it.
    pub alt: String,
    /// An `svg` element that can stand in a page. Its colours follow the page's [`ink::style_sheet`], if there is one.
    pub svg: String,
}

/// Most objectives that get charts, two each.
pub const OBJECTIVES: usize = 12;

/// The charts of a report, in the order in which they are shown.
#[must_use]
pub fn of_report(input: &Input, settings: &Settings, request: &Request, report: &Report) -> Vec<Chart> {
    drawings(input, settings, request, report).iter().map(Drawing::chart).collect()
}

/// The same before they are written as SVG or PNG. Without a result in the window there are none.
#[must_use]
pub fn drawings(input: &Input, settings: &Settings, request: &Request, report: &Report) -> Vec<Drawing> {
    let Some(scene) = Scene::new(input, settings, request, report) else { return Vec::new() };
    let every = scene::every_probe();
    let horizon = report::horizon(input, request);
    let tally = Tally::new(&every, settings, input, horizon);
    let mut drawings = Vec::new();
    match report {
        Report::Slo(judged) => {
            drawings.extend(success::draw(&scene, &tally));
            drawings.extend(objectives(&scene, &judged.slos, horizon));
            drawings.extend(latency::draw(&scene, tally.every_ms()));
            drawings.extend(strip::draw(&scene, &tally));
        }
        Report::Incidents(_) | Report::Timeline(_) => {
            drawings.extend(strip::draw(&scene, &tally));
            drawings.extend(success::draw(&scene, &tally));
            drawings.extend(latency::draw(&scene, tally.every_ms()));
            drawings.extend(rollout::draw(&scene));
        }
    }
    drawings
}

/// Two charts of each objective, up to so many.
fn objectives(scene: &Scene<'_>, judged: &[Judged], horizon: Timestamp) -> Vec<Drawing> {
    let mut drawings = Vec::new();
    for (number, judged) in (1..=OBJECTIVES).zip(judged) {
        let Some(slo) = scene.settings.slos.iter().find(|slo| slo.name == judged.name) else { continue };
        let tally = Tally::new(slo, scene.settings, scene.input, horizon);
        let own = words::file_name(&slo.name);
        let name = |of: &str| format!("{of}-{number}-{own}").trim_end_matches('-').to_owned();
        drawings.extend(budget::draw(scene, slo, judged, &tally, name("budget")));
        if let Some(period_s) = period::seconds(&slo.window, judged.window.until) {
            drawings.extend(burn::draw(scene, slo, judged, &tally, (period_s, name("burn"))));
        }
    }
    drawings
}
