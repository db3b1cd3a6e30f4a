//! Counts the events of an objective: one event is one planned execution of one probe at one agent.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use storage::record::{Outcome, Reason};
use storage::window::Window;

use crate::input::Input;
use crate::series::{Sample, Series};
use crate::settings::{Settings, Slo};
use crate::slots::{self, Hole};
use crate::slow::is_slow;
use crate::stretches::Stretches;

/// How many events came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// As expected and fast enough.
    pub good: u64,
    /// Not as expected, or too slow.
    pub bad: u64,
    /// Planned but not executed, or not stored.
    pub no_data: u64,
    /// The prober's own fault.
    pub invalid: u64,
    /// Inside a correction; in none of the others.
    pub excluded: u64,
}

/// What an event is to an objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// As expected and fast enough.
    Good,
    /// Not as expected, or too slow.
    Bad,
    /// Planned but not executed.
    NoData,
    /// The prober's own fault.
    Invalid,
}

/// The events of one objective, ready to be counted over any window.
pub struct Tally<'a> {
    slo: &'a Slo,
    parts: Vec<Part<'a>>,
}

/// The events of one series.
struct Part<'a> {
    series: &'a Series,
    holes: Vec<Hole>,
    corrected: Stretches,
}

impl Counts {
    /// Planned events that are not excluded.
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.good + self.bad + self.no_data + self.invalid
    }

    /// Adds an event.
    pub fn add(&mut self, event: Event, times: u64) {
        match event {
            Event::Good => self.good += times,
            Event::Bad => self.bad += times,
            Event::NoData => self.no_data += times,
            Event::Invalid => self.invalid += times,
        }
    }

    fn all(&self) -> u64 {
        self.expected() + self.excluded
    }
}

impl<'a> Tally<'a> {
    /// Picks the series of an objective. `horizon` is the last moment that the store can know of.
    #[must_use]
    pub fn new(slo: &'a Slo, settings: &Settings, input: &'a Input, horizon: Timestamp) -> Tally<'a> {
        let matchers = slo.matchers();
        let picked = input.series.iter().filter(|series| {
            let path = series.path();
            matchers.iter().any(|matcher| matcher.is_match(&path))
        });
        let parts = picked
            .map(|series| {
                let every_ms = series.every_ms.or(settings.every_ms(&series.target));
                let concerning = settings.corrections.iter().filter(|correction| correction.concerns(&series.target));
                let corrected = Stretches::union(concerning.map(|c| Window { from: c.from, until: c.until }));
                Part { series, holes: slots::holes(series, every_ms, horizon), corrected }
            })
            .collect();
        Tally { slo, parts }
    }

    /// Whether no series belongs to the objective.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Counts a window.
    #[must_use]
    pub fn count(&self, window: Window) -> Counts {
        let mut counts = Counts::default();
        for part in &self.parts {
            let mut inside = Counts::default();
            for stretch in part.corrected.outside(window).iter() {
                self.count_part(part, stretch, &mut inside);
            }
            let mut raw = Counts::default();
            self.count_part(part, window, &mut raw);
            inside.excluded = raw.all() - inside.all();
            counts = sum(counts, inside);
        }
        counts
    }

    /// Counts a window as if there were no corrections.
    #[must_use]
    pub fn count_raw(&self, window: Window) -> Counts {
        let mut counts = Counts::default();
        for part in &self.parts {
            self.count_part(part, window, &mut counts);
        }
        counts
    }

    /// Counts every slice that holds an event of the window, by the slice's number.
    #[must_use]
    pub fn count_slices(&self, window: Window, slice_ns: i128) -> BTreeMap<i128, Counts> {
        let number = |at: Timestamp| at.as_nanosecond().div_euclid(slice_ns);
        let mut slices: BTreeMap<i128, Counts> = BTreeMap::new();
        for part in &self.parts {
            for sample in part.series.singles(window) {
                let counts = slices.entry(number(sample.time)).or_default();
                match part.corrected.contains(sample.time) {
                    true => counts.excluded += 1,
                    false => counts.add(self.event(sample), 1),
                }
            }
            for hole in &part.holes {
                let Some(missing) = hole.window().cut(window) else { continue };
                for slice in number(missing.from)..=number(missing.until) {
                    let Some(cut) = crate::period::slice(slice, slice_ns).and_then(|whole| whole.cut(window)) else {
                        continue;
                    };
                    let all = hole.count(cut);
                    if all > 0 {
                        let counted: u64 = part.corrected.outside(cut).iter().map(|stretch| hole.count(stretch)).sum();
                        let counts = slices.entry(slice).or_default();
                        counts.no_data += counted;
                        counts.excluded += all - counted;
                    }
                }
            }
        }
        slices
    }

    /// Every recorded event of a window outside corrections.
    pub fn events(&self, window: Window) -> impl Iterator<Item = (&'a Series, &'a Sample, Event)> {
        self.parts.iter().flat_map(move |part| {
            part.series
                .singles(window)
                .filter(|sample| !part.corrected.contains(sample.time))
                .map(|sample| (part.series, sample, self.event(sample)))
        })
    }

    /// Why an event was not good; `slow` of a success.
    #[must_use]
    pub fn reason(&self, sample: &Sample) -> Option<Reason> {
        match (sample.outcome, self.event(sample)) {
            (Outcome::Success, Event::Bad) => Some(Reason::Slow),
            (Outcome::Success, _) => None,
            (Outcome::Failure | Outcome::Skipped | Outcome::Invalid, _) => sample.reason,
        }
    }

    fn event(&self, sample: &Sample) -> Event {
        match sample.outcome {
            Outcome::Success if is_slow(self.slo, sample) => Event::Bad,
            Outcome::Success => Event::Good,
            Outcome::Failure => Event::Bad,
            Outcome::Skipped => Event::NoData,
            Outcome::Invalid => Event::Invalid,
        }
    }

    fn count_part(&self, part: &Part<'_>, window: Window, counts: &mut Counts) {
        for sample in part.series.singles(window) {
            counts.add(self.event(sample), 1);
        }
        counts.good += part.series.quiet(window).map(|quiet| quiet.within(window)).sum::<u64>();
        counts.no_data += part.holes.iter().map(|hole| hole.count(window)).sum::<u64>();
    }
}

fn sum(a: Counts, b: Counts) -> Counts {
    Counts {
        good: a.good + b.good,
        bad: a.bad + b.bad,
        no_data: a.no_data + b.no_data,
        invalid: a.invalid + b.invalid,
        excluded: a.excluded + b.excluded,
    }
}
