//! What all charts of a report show beside their own lines: the window, the incidents, the changes.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use storage::record::Change;
use storage::window::Window;

use crate::cause::{Cause, Verdict};
use crate::incident::{Incident, incidents};
use crate::input::{Input, after, shift};
use crate::report::{Report, Request};
use crate::settings::{Method, Missing, Period, Settings, Slo};

/// What is shown.
pub(super) struct Scene<'a> {
    pub(super) input: &'a Input,
    pub(super) settings: &'a Settings,
    /// The stretch that is drawn: of what was asked for, that of which anything is known.
    pub(super) window: Window,
    /// The incidents of the window, the earliest first.
    pub(super) incidents: Vec<Incident>,
    /// The changes of the window, those first that the reader looks for.
    pub(super) changes: Vec<Mark<'a>>,
}

/// A change on a chart.
pub(super) struct Mark<'a> {
    pub(super) change: &'a Change,
    pub(super) at: Timestamp,
    pub(super) part: Part,
}

/// What part a change plays in the incidents of a chart; in the order in which changes get a place for their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// An incident is put down to it.
    Cause,
    /// It may be behind an incident, or ended one.
    Suspect,
    /// Neither.
    Other,
}

impl<'a> Scene<'a> {
    /// Nothing where nothing is known of the window.
    pub(super) fn new(
        input: &'a Input,
        settings: &'a Settings,
        request: &Request,
        report: &Report,
    ) -> Option<Scene<'a>> {
        let asked = report.window();
        let mut incidents = match report {
            Report::Incidents(report) => report.incidents.clone(),
            Report::Slo(_) | Report::Timeline(_) => incidents(input, settings, &settings.model),
        };
        incidents.retain(|incident| {
            let wanted = request.incident.as_ref().is_none_or(|id| *id == incident.id);
            wanted && incident.window().overlaps(asked)
        });
        let known = known(input, asked)?;
        let one = incidents.first().filter(|_| request.incident.is_some());
        let window = one.map_or(known, |incident| around(incident, known));
        let changes = changes(input, &incidents, window);
        Some(Scene { input, settings, window, incidents, changes })
    }
}

impl Incident {
    /// From the middle of its start to the last moment at which it may have lasted.
    pub(super) fn failing(&self) -> Window {
        Window { from: self.start.middle(), until: self.window().until }
    }
}

/// An objective that every probe belongs to and every execution counts in.
pub(super) fn every_probe() -> Slo {
    Slo {
        name: String::new(),
        probes: vec!["**".into()],
        objective: 99.0,
        window: Period::default(),
        latency: None,
        method: Method::Occurrences,
        slice: None,
        slice_target: 1.0,
        missing: Missing::Exclude,
        min_coverage: 0.0,
        since: None,
    }
}

/// What of a window the store knows anything of.
fn known(input: &Input, window: Window) -> Option<Window> {
    let inside = |window: &Window, at: &Timestamp| window.contains(*at);
    let first = input.series.iter().filter_map(|series| series.pieces.first());
    let from = first.map(|piece| piece.first()).min()?.max(window.from);
    let newest = input.series.iter().filter_map(|series| Some(series.pieces.last()?.last())).max()?;
    let end = input.watermark.filter(|end| *end > newest).unwrap_or(after(newest, 1));
    let known = Window { from, until: end.min(window.until) };
    // The last interval of a fast probe ends soon after it began: a little room beside it.
    let room = shift(known.until, known.until.duration_since(known.from) / 50).min(window.until);
    (inside(&window, &known.from) && known.from < known.until).then_some(Window { until: room, ..known })
}

/// The stretch of an incident with half as much on both sides, half an hour at least.
fn around(incident: &Incident, known: Window) -> Window {
    let end = incident.closed_at.or(incident.end.map(|end| end.hi)).unwrap_or(known.until);
    let room = (end.duration_since(incident.start.lo) / 2).max(SignedDuration::from_mins(30));
    let wide = Window { from: shift(incident.start.lo, -room), until: shift(end, room) };
    wide.cut(known).unwrap_or(known)
}

fn changes<'a>(input: &'a Input, incidents: &[Incident], window: Window) -> Vec<Mark<'a>> {
    let named = incidents.iter().filter(|incident| incident.verdict == Verdict::Change);
    let causes = ids(named.filter_map(|incident| incident.causes.first()));
    let mut suspects = ids(incidents.iter().flat_map(|incident| &incident.causes));
    suspects.extend(incidents.iter().filter_map(|incident| Some(incident.mitigation.as_ref()?.change.as_str())));
    let mark = |change: &'a Change| {
        let at = change.lo().filter(|at| window.contains(*at))?;
        let part = match change.id.as_str() {
            id if causes.contains(id) => Part::Cause,
            id if suspects.contains(id) => Part::Suspect,
            _ => Part::Other,
        };
        Some(Mark { change, at, part })
    };
    let mut marks: Vec<Mark<'a>> = input.changes.iter().filter_map(mark).collect();
    marks.sort_by_key(|mark| (mark.part, mark.at));
    marks
}

fn ids<'c>(causes: impl Iterator<Item = &'c Cause>) -> BTreeSet<&'c str> {
    causes.flat_map(|cause| cause.changes.iter().map(String::as_str).chain(cause.trigger.as_deref())).collect()
}
