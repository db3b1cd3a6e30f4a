//! Sketches how long the successes of each series took in the windows whose latencies are told.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::Timestamp;
use storage::error::Error;
use storage::sketch::Sketch;
use storage::sqlite::reader::{Reader, SeriesKey};
use storage::window::Window;

use crate::input::Latencies;
use crate::plan::Plan;
use crate::series::Series;
use crate::stretches::Stretches;

/// The sketches of each window of the plan, without what lies in corrections.
pub(super) fn read(reader: &Reader, plan: &Plan, series: &[Series]) -> Result<Vec<Latencies>, Error> {
    let mut latencies = Vec::with_capacity(plan.latency.len());
    for window in &plan.latency {
        // Most series are touched by the same corrections, so that few stretches are asked for.
        let mut answers: HashMap<(Timestamp, Timestamp), HashMap<SeriesKey, Sketch>> = HashMap::new();
        let mut sketches = Vec::with_capacity(series.len());
        for Series { target, probe, agent, .. } in series {
            let concerning = plan.corrections.iter().filter(|correction| correction.concerns(target));
            let corrected = Stretches::union(concerning.map(|c| Window { from: c.from, until: c.until }));
            let key = SeriesKey { target: target.clone(), probe: probe.clone(), agent: agent.clone() };
            let mut sketch = Sketch::default();
            for stretch in corrected.outside(*window) {
                let answer = match answers.entry((stretch.from, stretch.until)) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(reader.latency(None, Some(stretch))?.into_iter().collect()),
                };
                if let Some(part) = answer.get(&key) {
                    sketch.merge(part);
                }
            }
            sketches.push(sketch);
        }
        latencies.push(Latencies { window: *window, sketches });
    }
    Ok(latencies)
}
