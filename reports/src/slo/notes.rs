//! What a reader should know before trusting the numbers of an objective.

use super::{Judged, Status, Stretch};
use crate::settings::{Method, Slo};
use crate::tally::Tally;
use crate::wording;

/// A budget of fewer events than this jumps with every single failure.
const SMALL: f64 = 20.0;
/// Events that a budget should have room for.
const ROOM: f64 = 40.0;

/// The warnings of an objective that is judged but for them.
pub(super) fn warnings(slo: &Slo, tally: &Tally<'_>, judged: &Judged, stretch: Stretch) -> Vec<String> {
    let mut warnings = Vec::new();
    if tally.is_empty() {
        warnings.push("no stored result belongs to this objective: check its globs over `target/probe`".to_owned());
    } else if judged.expected + judged.excluded == 0 {
        warnings.push(nothing(slo, tally, judged));
    } else if judged.expected == 0 {
        warnings.push("corrections cover all of this window: nothing is left to judge".to_owned());
    } else if judged.budget.events < SMALL {
        warnings.push(small(slo, tally, judged));
    }
    if judged.status == Status::NoData && judged.expected > 0 {
        warnings.push(format!("only {} of what was planned was seen", wording::percent(judged.coverage)));
    }
    if let Some(first) = judged.generations.first() {
        let when = judged.generations.iter().find(|later| later.from > first.from).unwrap_or(first);
        warnings.push(format!(
            "the interval of {}/{} changed: counts of different beats are added up; `since: {}` would begin anew",
            when.target, when.probe, when.from
        ));
    }
    if stretch.stale {
        warnings.push("no result came for three intervals: alerts are frozen until the next one".to_owned());
    }
    warnings
}

/// Why a window holds nothing that was planned.
fn nothing(slo: &Slo, tally: &Tally<'_>, judged: &Judged) -> String {
    let until = judged.window.until;
    match (slo.since.filter(|since| *since >= until), tally.first().filter(|first| *first >= until)) {
        (Some(since), _) => format!("the definition holds from {} UTC on, behind this window", wording::moment(since)),
        (None, Some(first)) => {
            format!("the first result is of {} UTC: nothing was planned in this window", wording::moment(first))
        }
        (None, None) => "nothing was planned in this window, as far as is known".to_owned(),
    }
}

/// That a budget is small, and what would make it large enough.
fn small(slo: &Slo, tally: &Tally<'_>, judged: &Judged) -> String {
    let room = judged.budget.events;
    let (what, unit) = match slo.method {
        Method::Occurrences | Method::RatioTimeslices => ("events", "interval"),
        Method::Timeslices => ("slices", "slice"),
    };
    let beat_s = match slo.method {
        Method::Occurrences | Method::RatioTimeslices => tally.every_ms().map(|every| every as f64 / 1000.0),
        Method::Timeslices => slo.slice.map(|slice| slice.as_secs_f64()),
    };
    // A probe has at least a second, a slice at least the interval of the probes.
    let least_s = match slo.method {
        Method::Occurrences | Method::RatioTimeslices => 1.0,
        Method::Timeslices => tally.every_ms().map_or(1.0, |every| every as f64 / 1000.0),
    };
    let better_s = beat_s.map(|beat| (beat * room / ROOM).floor()).filter(|better| *better >= least_s);
    let shorter = better_s.map_or(format!("a shorter {unit}"), |better| {
        let better = humantime::format_duration(std::time::Duration::from_secs(better as u64));
        format!("a shorter {unit} ({better} has room for {ROOM})")
    });
    format!("this window has room for {room:.1} bad {what}: use a longer window, a lower objective or {shorter}")
}
