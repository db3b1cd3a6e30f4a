//! What of a store a report has to know exactly, so that the rest need only be counted.

use std::collections::{BTreeMap, BTreeSet};

use globset::GlobMatcher;
use jiff::{SignedDuration, Timestamp};
use storage::window::Window;

use crate::alerts;
use crate::input::shift;
use crate::report::{self, Kind, Request};
use crate::settings::{Correction, Settings};
use crate::slo::BURN_WINDOWS;

/// What has to be loaded for a report.
pub struct Plan {
    /// The stretch that is judged.
    pub window: Window,
    /// Moments at which somebody begins or ends counting, in order.
    pub borders: Vec<Timestamp>,
    /// Windows whose latencies are told.
    pub latency: Vec<Window>,
    /// Stretches that count in no objective.
    pub corrections: Vec<Correction>,
    /// Results that are read one by one rather than counted: reading them all is quick, and exact to the last start.
    pub few: u64,
    /// Globs and limits of the objectives that have one, in microseconds.
    limits: Vec<(Vec<GlobMatcher>, u64)>,
    /// Interval of each target's schedule in milliseconds, for results that carry none.
    every_ms: BTreeMap<String, i64>,
}

/// Up to so many results are held one by one: about 130 MB.
const FEW: u64 = 2_000_000;

impl Plan {
    /// The plan of a request. `watermark` is the first moment of which the store cannot know yet.
    #[must_use]
    pub fn new(settings: &Settings, request: &Request, watermark: Option<Timestamp>) -> Plan {
        let windows: Vec<Window> =
            settings.slos.iter().filter_map(|slo| report::own_window(slo, request, watermark)).collect();
        let mut borders = BTreeSet::new();
        for window in &windows {
            let length = window.until.duration_since(window.from);
            // The window before is what a report compares with.
            borders.extend([window.from, window.until, shift(window.from, -length)]);
            let lengths = BURN_WINDOWS.iter().map(|(_, length)| *length).chain(alerts::lengths());
            borders.extend(lengths.map(|length| shift(window.until, -length)));
        }
        borders.extend(settings.corrections.iter().flat_map(|correction| [correction.from, correction.until]));
        borders.extend(settings.slos.iter().filter_map(|slo| slo.since));
        let latency: BTreeSet<(Timestamp, Timestamp)> =
            windows.iter().map(|window| (window.from, window.until)).collect();
        let latency = latency.into_iter().map(|(from, until)| Window { from, until });
        Plan {
            window: report::reach(settings, request, watermark),
            borders: borders.into_iter().collect(),
            latency: if request.kind == Kind::Slo { latency.collect() } else { Vec::new() },
            corrections: settings.corrections.clone(),
            few: FEW,
            limits: settings
                .slos
                .iter()
                .filter_map(|slo| Some((slo.matchers(), u64::try_from(slo.latency?.as_micros()).ok()?)))
                .collect(),
            every_ms: settings
                .every
                .keys()
                .filter_map(|target| Some((target.clone(), settings.every_ms(target)?)))
                .collect(),
        }
    }

    /// The same that holds no more than so many results one by one.
    #[must_use]
    pub fn with_few(self, few: u64) -> Plan {
        Plan { few, ..self }
    }

    /// The lowest limit of the objectives that a probe belongs to, in microseconds.
    #[must_use]
    pub fn limit_us(&self, path: &str) -> Option<u64> {
        let own = self.limits.iter().filter(|(globs, _)| globs.iter().any(|glob| glob.is_match(path)));
        own.map(|(_, limit)| *limit).min()
    }

    /// Interval of a target's schedule in milliseconds, where the configuration gives one.
    pub(crate) fn every_ms(&self, target: &str) -> Option<i64> {
        self.every_ms.get(target).copied()
    }

    /// Whether any objective has a limit.
    #[must_use]
    pub fn has_limits(&self) -> bool {
        !self.limits.is_empty()
    }

    /// How far the plan reaches around its window.
    pub(crate) fn far(&self, around: SignedDuration) -> Window {
        Window { from: shift(self.window.from, -around), until: shift(self.window.until, around) }
    }
}
