//! The data set of the measurements: a fixed seed, records in the order of time, a bounded part of them in memory.

mod changes;
pub(crate) mod durations;
pub(crate) mod entropy;
mod incidents;
pub(crate) mod starts;

use std::vec;

use clap::Args;
use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use storage::record::{Change, Expect, Gap, Outcome, ProbeKind, ProbeResult, Variant, to_milliseconds};

use durations::{DAY_US, Place};
use incidents::{Story, Verdict};
use starts::Steps;

/// From one planned start of a target to the next, in microseconds.
pub(crate) const EVERY_US: i64 = 30_000_000;

/// The first planned start: a Monday at midnight, in whole days of UTC.
pub(crate) const BEGIN_US: i64 = 20_332 * DAY_US;

/// Every run and every copy of the data set begins with this.
pub(crate) const SEED: u64 = 0x5eed_0000_a117;

/// The steps of a run, in the order in which they are sent.
pub(crate) const PROBES: [(&str, ProbeKind, Variant); 5] = [
    ("login", ProbeKind::Login, Variant::Valid),
    ("jwt", ProbeKind::Jwt, Variant::Fresh),
    ("jwt-held", ProbeKind::Jwt, Variant::Held),
    ("api_key", ProbeKind::ApiKey, Variant::Valid),
    ("can-execute", ProbeKind::Permission, Variant::Valid),
];

/// How large the data set is, and how its runs go.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Shape {
    /// Number of series; five of them are one target.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(5..=100_000))]
    series: u32,
    /// Days of 2,880 runs each.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// When the steps of a run start.
    #[arg(long, value_enum, default_value_t = Steps::Chained)]
    steps: Steps,
    /// Incidents.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(3..=10_000))]
    incidents: u32,
    /// Single failures among a million requests outside of incidents.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    flakes: u32,
    /// Changes a day, nearly all of them without a consequence.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    changes: u32,
}

/// One result and where it stands in the data set.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Number of its series, from 0; five in a row are one target.
    pub(crate) series: u32,
    /// The result.
    pub(crate) result: ProbeResult,
}

impl Shape {
    /// Number of targets.
    pub(crate) fn targets(self) -> u32 {
        self.series / 5
    }

    /// When the steps of a run start.
    pub(crate) fn steps(self) -> Steps {
        self.steps
    }

    /// Planned starts of each target.
    pub(crate) fn slots(self) -> i64 {
        i64::from(self.days) * DAY_US / EVERY_US
    }

    /// The stretches in which the prober did not run.
    pub(crate) fn gaps(self) -> Vec<Gap> {
        let gap = |(from, until)| Gap {
            feed: "prober".into(),
            from: moment(BEGIN_US + from * EVERY_US),
            until: moment(BEGIN_US + until * EVERY_US),
            why: "restarted".into(),
        };
        incidents::pauses(self.slots()).map(gap).into()
    }

    /// What was changed, by time.
    pub(crate) fn changes(self) -> Vec<Change> {
        changes::changes(self)
    }

    /// Two hours around the incident with the most failures of one cause: what a report of an incident reads.
    pub(crate) fn window(self) -> (Timestamp, Timestamp) {
        let from = BEGIN_US + (incidents::rotation(self.slots(), self.targets(), self.incidents) - 60) * EVERY_US;
        (moment(from), moment(from + 240 * EVERY_US))
    }
}

/// The results of the data set, in the order of time.
pub(crate) struct Results {
    shape: Shape,
    story: Story,
    random: Xoshiro256PlusPlus,
    slot: i64,
    /// What starts after the next slot has begun.
    pending: Vec<Sample>,
    ready: vec::IntoIter<Sample>,
}

impl Results {
    pub(crate) fn new(shape: Shape) -> Self {
        let random = Xoshiro256PlusPlus::seed_from_u64(SEED);
        let single = f64::from(shape.flakes) / 1e6;
        let story = Story::new(shape.slots(), shape.targets(), shape.incidents, single);
        Self { shape, story, random, slot: 0, pending: Vec::new(), ready: Vec::new().into_iter() }
    }

    /// The runs of one slot. No run lasts longer than a slot, so what starts before the next one is complete.
    fn fill(&mut self) {
        if !incidents::pauses(self.shape.slots()).iter().any(|(from, until)| (*from..*until).contains(&self.slot)) {
            for target in 0..self.shape.targets() {
                self.run(target);
            }
        }
        self.slot += 1;
        let end = moment(BEGIN_US + self.slot * EVERY_US);
        self.pending.sort_by_key(|sample| (sample.result.time, sample.series));
        let later = if self.slot < self.shape.slots() {
            self.pending.split_off(self.pending.partition_point(|sample| sample.result.time < end))
        } else {
            Vec::new()
        };
        self.ready = std::mem::replace(&mut self.pending, later).into_iter();
    }

    fn run(&mut self, target: u32) {
        let slot_us = BEGIN_US + self.slot * EVERY_US;
        let planned = slot_us + starts::phase_us(target);
        let mut run = self.shape.steps.run(planned, &mut self.random);
        for (step, (probe, kind, variant)) in (0..).zip(PROBES) {
            let place = Place { target, targets: self.shape.targets(), step, at_us: planned };
            let mut phases = durations::draw(place, &mut self.random);
            let Verdict { reason, status, detail } =
                self.story.tell(self.slot, target, step, &mut phases, &mut self.random);
            let took = phases.total();
            let at = run.start(step, took, &mut self.random);
            let result = ProbeResult {
                time: to_milliseconds(moment(at)),
                target: format!("target-{target:03}"),
                probe: probe.into(),
                kind,
                expect: Expect::Allow,
                variant,
                agent: "local".into(),
                outcome: if reason.is_some() { Outcome::Failure } else { Outcome::Success },
                reason,
                status,
                took_us: took,
                phases_us: Some(phases),
                every_s: Some(30.0),
                detail,
            };
            self.pending.push(Sample { series: target * 5 + step, result });
        }
    }
}

impl Iterator for Results {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        loop {
            if let Some(sample) = self.ready.next() {
                return Some(sample);
            }
            if self.slot == self.shape.slots() {
                return None;
            }
            self.fill();
        }
    }
}

fn moment(microsecond: i64) -> Timestamp {
    Timestamp::from_microsecond(microsecond).unwrap_or_else(|_| unreachable!("ten years from now are a moment"))
}
