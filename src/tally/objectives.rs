//! Counts the events of each objective as they are seen, so that Prometheus can reckon burn rates of its own.

use globset::GlobMatcher;
use jiff::Timestamp;
use reports::settings::{Correction, Settings, Slo};
use storage::record::{Outcome, ProbeResult};

/// What an event of an objective can be, with the words of the reports.
pub(crate) const EVENTS: [&str; 5] = ["good", "bad", "no_data", "invalid", "excluded"];

/// The objectives and their counts.
#[derive(Debug)]
pub(crate) struct Objectives {
    all: Vec<Objective>,
    corrections: Vec<Correction>,
}

/// One objective and its counts.
#[derive(Debug, Clone)]
pub(crate) struct Objective {
    /// Its name.
    pub(crate) name: String,
    /// Events by the place of their word in [`EVENTS`].
    pub(crate) counts: [u64; EVENTS.len()],
    latency_us: Option<u128>,
    since: Option<Timestamp>,
    probes: Vec<GlobMatcher>,
}

impl Objectives {
    /// Nothing is counted yet.
    pub(crate) fn new(settings: &Settings) -> Self {
        let one = |slo: &Slo| Objective {
            name: slo.name.clone(),
            counts: [0; EVENTS.len()],
            latency_us: slo.latency.map(|limit| limit.as_micros()),
            since: slo.since,
            probes: slo.matchers(),
        };
        Self { all: settings.slos.iter().map(one).collect(), corrections: settings.corrections.clone() }
    }

    /// Which objectives are about a probe, so that nobody has to match at each result.
    pub(crate) fn about(&self, target: &str, probe: &str) -> Vec<usize> {
        let path = format!("{target}/{probe}");
        let about = |(_, objective): &(usize, &Objective)| objective.probes.iter().any(|glob| glob.is_match(&path));
        self.all.iter().enumerate().filter(about).map(|(number, _)| number).collect()
    }

    /// Counts a result in these objectives.
    pub(crate) fn count(&mut self, result: &ProbeResult, about: &[usize]) {
        let corrected = self.corrections.iter().any(|correction| {
            correction.concerns(&result.target) && correction.from <= result.time && result.time < correction.until
        });
        for number in about {
            let Some(objective) = self.all.get_mut(*number) else { continue };
            if objective.since.is_some_and(|since| result.time < since) {
                continue;
            }
            let slow = objective.latency_us.is_some_and(|limit| u128::from(result.took_us) > limit);
            let event = match result.outcome {
                _ if corrected => 4,
                Outcome::Success if slow => 1,
                Outcome::Success => 0,
                Outcome::Failure => 1,
                Outcome::Skipped => 2,
                Outcome::Invalid => 3,
            };
            if let Some(count) = objective.counts.get_mut(event) {
                *count += 1;
            }
        }
    }

    /// Every objective.
    pub(crate) fn all(&self) -> &[Objective] {
        &self.all
    }
}
