//! What an incident costs an objective.

use jiff::Timestamp;
use storage::window::Window;

use crate::incident::Incident;
use crate::tally::{Event, Tally};

/// Bad events of an objective in a window that belong to an incident.
#[must_use]
pub fn events(incident: &Incident, tally: &Tally<'_>, window: Window) -> u64 {
    let failing = |at: Timestamp, target: &str, probe: &str, agent: &str| {
        incident.episodes.iter().any(|episode| {
            (episode.target.as_str(), episode.probe.as_str(), episode.agent.as_str()) == (target, probe, agent)
                && episode.start.hi <= at
                && at <= episode.until()
        })
    };
    let Some(span) = incident.window().cut(window) else { return 0 };
    let bad = tally.marked(span).filter(|(series, sample, event)| {
        *event == Event::Bad && failing(sample.time, &series.target, &series.probe, &series.agent)
    });
    bad.count() as u64
}
