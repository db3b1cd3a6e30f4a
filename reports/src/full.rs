//! A report together with what its pages show beside it: how each incident went, how objectives stand, shares over time.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use storage::record::Reason;
use storage::sqlite::reader::Reader;
use storage::window::Window;

use crate::alerts::history::Firing;
use crate::chart::{self, drawing::Drawing};
use crate::formats::Format;
use crate::incident::Incident;
use crate::input::{Input, after, shift};
use crate::period;
use crate::report::{self, Error, Report, Request};
use crate::settings::{Settings, Slo};
use crate::slo::Judged;
use crate::slo::sum::Sum;
use crate::tally::{Counts, Tally};
use crate::timeline::{Item, Role, Told, bound};

/// A report and what stands beside it. The same input gives the same, whatever the clock says.
#[derive(Clone)]
pub struct FullReport {
    /// The report.
    pub report: Report,
    /// How the latest incidents of the report went, in their order, at most [`MOST_STORIES`].
    pub stories: Vec<Story>,
    /// How objectives stand, beside incidents.
    pub objectives: Vec<Judged>,
    /// The success of each objective of a report of objectives, in their order.
    pub trends: Vec<Strip>,
    /// The days of objectives, in their order; the days of one objective by time.
    pub days: Vec<Day>,
    /// Charts in the order in which they are shown.
    pub charts: Vec<Drawing>,
}

/// How one incident went.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// What happened around it, the earliest first, at most [`MOST_ITEMS`].
    pub items: Vec<Item>,
    /// Items that are left out: first those that only may be of use.
    pub left_out: usize,
    /// Success before, during and after, of each of its episodes in their order, at most [`MOST_STRIPS`]; nothing of
    /// those that are slow, for slow executions succeed.
    pub strips: Vec<Option<Strip>>,
}

/// The success of something over a stretch of time, in slices of one length.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// What was looked at.
    pub name: String,
    /// The stretch.
    pub window: Window,
    /// Share of good executions of each slice; nothing where none was seen.
    pub shares: Vec<Option<f64>>,
}

/// One day of an objective, in UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Day {
    /// Name of the objective.
    pub slo: String,
    /// The day, which the window may cut.
    pub date: Date,
    /// Events, or slices.
    pub counts: Counts,
    /// Share of good; absent without events.
    pub sli: Option<f64>,
    /// Share of the budget of the whole window that the day used up; absent where nothing was planned.
    pub consumed: Option<f64>,
}

/// Incidents whose story is told; of more, a page would be read by nobody.
pub const MOST_STORIES: usize = 50;
/// Things that happened on a page of a timeline, for the same reason.
pub const MOST_LISTED: usize = 1_000;
/// Items of an incident that are told.
pub const MOST_ITEMS: usize = 300;
/// Episodes of an incident whose success over time is shown.
pub const MOST_STRIPS: usize = 20;

/// Slices of a strip at most.
const MOST_SLICES: i32 = 48;
/// Days of one objective: eleven years, more than anything is kept.
const MOST_DAYS: usize = 4_018;

/// Builds a report for a format from a store: only pages get more than the report itself. Charts are `drawn` for a page
/// that shows them, and where they are asked for.
///
/// # Errors
/// When the store cannot be read, or the incident that was asked for does not exist.
pub fn build(
    reader: &Reader,
    settings: &Settings,
    request: &Request,
    format: Format,
    drawn: bool,
) -> Result<FullReport, Error> {
    let mut input = report::load(reader, settings, request)?;
    let report = report::build_from(&input, settings, request)?;
    if drawn || format == Format::Html {
        report::load_course(reader, &mut input, &report)?;
    }
    let mut full = complete(report, &input, settings, request, format);
    if drawn && format != Format::Html {
        full.charts = chart::drawings(&input, settings, request, &full.report);
    }
    Ok(full)
}

/// Builds a report for a format from an input that reaches as far as [`report::reach`] says.
///
/// # Errors
/// When the incident that was asked for does not exist.
pub fn build_from(input: &Input, settings: &Settings, request: &Request, format: Format) -> Result<FullReport, Error> {
    Ok(complete(report::build_from(input, settings, request)?, input, settings, request, format))
}

/// Sets beside a report what its format shows.
fn complete(report: Report, input: &Input, settings: &Settings, request: &Request, format: Format) -> FullReport {
    let mut full = FullReport::from(report);
    if format == Format::Json {
        return full;
    }
    if format == Format::Html {
        full.charts = chart::drawings(input, settings, request, &full.report);
    }
    match &mut full.report {
        Report::Slo(report) => {
            for judged in &report.slos {
                let Some(slo) = settings.slos.iter().find(|slo| slo.name == judged.name) else { continue };
                let tally = Tally::new(slo, settings, input, report::horizon(input, request));
                let seen = Window { until: report.watermark.unwrap_or(judged.window.until), ..judged.window };
                let seen = tally.first().map_or(seen, |first| Window { from: seen.from.max(first), ..seen });
                let seen = seen.cut(judged.window).unwrap_or(judged.window);
                full.trends.push(strip(&judged.name, seen, tally.every_ms(), |slice| {
                    let counts = tally.count(slice);
                    (counts.good, counts.bad)
                }));
                if format != Format::Text {
                    let whole = Sum::of(slo, &tally, judged.window);
                    full.days.extend(utc_days(seen).map(|(date, day)| {
                        let sum = Sum::of(slo, &tally, day);
                        let part = (whole.allowed > 0.0).then(|| sum.allowed / whole.allowed);
                        Day {
                            slo: judged.name.clone(),
                            date,
                            counts: sum.counts,
                            sli: sum.sli,
                            consumed: sum.consumed.zip(part).map(|(consumed, part)| consumed * part),
                        }
                    }));
                }
            }
        }
        Report::Incidents(report) => {
            let earlier = report.incidents.len().saturating_sub(MOST_STORIES);
            let told = report.incidents.iter().skip(earlier);
            let window = report.head.window;
            let paged = matches!(format, Format::Markdown | Format::Html);
            let firings = if paged { report::firings(input, settings, request, window) } else { Vec::new() };
            if format != Format::Csv {
                let others = paged.then_some(report.incidents.as_slice());
                full.stories =
                    told.map(|incident| story(incident, others, input, settings, &firings, window)).collect();
            }
            if paged {
                full.objectives = report::objectives(input, settings, &report.incidents, request);
            }
        }
        Report::Timeline(report) => {
            if format != Format::Csv {
                bound::shorten(&mut report.items, &mut report.left_out, MOST_LISTED);
            }
        }
    }
    full
}

impl FullReport {
    /// The incidents that a page tells in full, the latest in their order, with how they went as far as that is known.
    pub(crate) fn told<'a>(
        &'a self,
        incidents: &'a [Incident],
    ) -> impl Iterator<Item = (&'a Incident, Option<&'a Story>)> {
        let earlier = incidents.len().saturating_sub(MOST_STORIES);
        incidents.iter().skip(earlier).enumerate().map(|(number, incident)| (incident, self.stories.get(number)))
    }
}

impl From<Report> for FullReport {
    /// A report with nothing beside it.
    fn from(report: Report) -> FullReport {
        FullReport {
            report,
            stories: Vec::new(),
            objectives: Vec::new(),
            trends: Vec::new(),
            days: Vec::new(),
            charts: Vec::new(),
        }
    }
}

/// What happened is told where the `others` of the report are given.
fn story(
    incident: &Incident,
    others: Option<&[Incident]>,
    input: &Input,
    settings: &Settings,
    firings: &[(&Slo, Firing)],
    window: Window,
) -> Story {
    let told = others.map(|others| report::told_of(incident, others, input, settings, firings, window));
    let Told { mut items, left_out } = told.unwrap_or(Told { items: Vec::new(), left_out: Vec::new() });
    let useful = left_out.iter().filter(|part| part.role != Role::Unrelated).map(|part| part.count);
    let all = items.len() + useful.sum::<usize>();
    if items.len() > MOST_ITEMS {
        items.retain(|item| item.role != Role::Context);
        items.truncate(MOST_ITEMS);
    }
    let left_out = all - items.len();
    let around = stretch(incident, input, window);
    let strips = incident.episodes.iter().take(MOST_STRIPS).map(|episode| {
        let series = input.find(&episode.target, &episode.probe, &episode.agent);
        let series = series.filter(|_| episode.reason != Some(Reason::Slow))?;
        let every_ms = settings.every_ms(&episode.target).or(series.every_ms);
        Some(strip(&episode.path(), around, every_ms, |slice| {
            let executed = series.executed(slice);
            (executed.all - executed.failed, executed.failed)
        }))
    });
    Story { strips: strips.collect(), items, left_out }
}

/// An incident with half of its length, or ten executions, on either side, as far as anything was seen.
fn stretch(incident: &Incident, input: &Input, window: Window) -> Window {
    let known = input.watermark.unwrap_or(window.until);
    let end = incident.end.map_or(known, |end| end.hi).max(after(incident.start.lo, 1));
    let every_ms = incident.episodes.iter().map(|episode| episode.every_ms).max().unwrap_or(0);
    let beside =
        (end.duration_since(incident.start.lo) / 2).max(SignedDuration::from_millis(every_ms.saturating_mul(10)));
    let seen = incident.episodes.iter().filter_map(|one| input.find(&one.target, &one.probe, &one.agent));
    let first = seen.map(|series| series.first).min().unwrap_or(incident.start.lo).min(incident.start.lo);
    Window { from: shift(incident.start.lo, -beside).max(first), until: shift(end, beside).min(known.max(end)) }
}

/// Cuts a stretch into slices and takes good and bad of each. A slice is long enough for two executions, so that one
/// without any tells of a gap.
fn strip(name: &str, window: Window, every_ms: Option<i64>, count: impl Fn(Window) -> (u64, u64)) -> Strip {
    let shortest = every_ms.unwrap_or(0).saturating_mul(2).max(1);
    let fitting = window.length().as_millis() / i128::from(shortest);
    let slices = i32::try_from(fitting).unwrap_or(MOST_SLICES).clamp(1, MOST_SLICES);
    let border = |number: i32| match number {
        last if last == slices => window.until,
        number => shift(window.from, window.length() / slices * number),
    };
    let share = |number| {
        let (good, bad) = count(Window { from: border(number), until: border(number + 1) });
        (good + bad > 0).then(|| good as f64 / (good + bad) as f64)
    };
    Strip { name: name.to_owned(), window, shares: (0..slices).map(share).collect() }
}

/// The days in UTC that a window touches, cut to it.
fn utc_days(window: Window) -> impl Iterator<Item = (Date, Window)> {
    const DAY_MS: i64 = 86_400_000;
    let (first, behind) = period::slices(window, DAY_MS);
    (first..behind).take(MOST_DAYS).filter_map(move |number| {
        let day = period::slice(number, DAY_MS)?;
        Some((date(day.from), day.cut(window)?))
    })
}

fn date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}
