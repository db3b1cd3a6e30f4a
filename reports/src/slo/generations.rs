//! Where the schedule of a series changed, so that counts before and after are not of one kind.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use storage::window::Window;

use crate::tally::Tally;

/// From a moment on, a series was probed at an interval.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Generation {
    /// Its first result in the window.
    pub from: Timestamp,
    /// Name of the target.
    pub target: String,
    /// Name of the probe.
    pub probe: String,
    /// Name of the agent.
    pub agent: String,
    /// The interval in seconds.
    pub every_s: f64,
}

/// An interval that goes to and fro fills no page.
const MOST: usize = 100;

/// The generations of every series whose interval changed inside a window, the earliest first, at most a hundred.
pub(super) fn generations(tally: &Tally<'_>, window: Window) -> Vec<Generation> {
    let mut all = Vec::new();
    for series in tally.series() {
        let mut last = None;
        let mut own = Vec::new();
        let pieces = series.pieces.get(series.range(window)).unwrap_or_default();
        for (time, every_ms) in pieces.iter().filter_map(|piece| Some((piece.first(), piece.every_ms()?))) {
            if last.replace(every_ms) != Some(every_ms) && own.len() < MOST {
                let (target, probe, agent) = (series.target.clone(), series.probe.clone(), series.agent.clone());
                own.push(Generation { from: time, target, probe, agent, every_s: every_ms as f64 / 1000.0 });
            }
        }
        if own.len() > 1 {
            all.append(&mut own);
        }
    }
    all.sort_by(|a, b| (a.from, &a.target, &a.probe, &a.agent).cmp(&(b.from, &b.target, &b.probe, &b.agent)));
    all.truncate(MOST);
    all
}
