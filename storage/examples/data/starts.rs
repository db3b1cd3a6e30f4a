//! When the steps of a run start.

use clap::ValueEnum;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::{EVERY_US, durations};

/// How late a run starts: median in microseconds and standard deviation of the logarithm.
const LATE: (f64, f64) = (400.0, 0.8);

/// Longest work of the client between two steps, in microseconds; all lengths up to it are equally likely.
pub(crate) const WORK_US: f64 = 2000.0;

/// Planned starts fall on multiples of this: 20 ms.
const QUANTUM_US: i64 = 20_000;

/// When the steps of a run start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Steps {
    /// Each when the one before has ended, and up to 2 ms of work.
    Chained,
    /// The second when the first has ended, the others up to 2 ms after the one before, whether it has ended or not.
    Together,
    /// At multiples of 180 ms, give or take 15 %, whatever the others do.
    Independent,
}

/// The starts of one run.
pub(crate) struct Run {
    steps: Steps,
    first: f64,
    last: f64,
    ended: f64,
}

impl Steps {
    /// A run that is planned at a moment.
    pub(crate) fn run(self, planned_us: i64, random: &mut impl Rng) -> Run {
        let normal: f64 = random.sample(StandardNormal);
        let first = planned_us as f64 + LATE.0 * (LATE.1 * normal).exp();
        Run { steps: self, first, last: first, ended: first }
    }
}

impl Run {
    /// The start of the next step, which takes `took_us`, in microseconds.
    pub(crate) fn start(&mut self, step: u32, took_us: u64, random: &mut impl Rng) -> i64 {
        let work = random.random_range(0.0..WORK_US);
        let at = match (self.steps, step) {
            (_, 0) => self.first,
            (Steps::Chained, _) | (Steps::Together, 1) => self.ended + work,
            (Steps::Together, _) => self.last + work,
            (Steps::Independent, step) => self.first + 180_000.0 * f64::from(step) * (1.0 + 0.15 * narrow(random)),
        };
        self.last = at;
        self.ended = at + took_us as f64;
        at as i64
    }
}

/// Where the slots of a target lie in the interval: spread evenly, in no order.
pub(crate) fn phase_us(target: u32) -> i64 {
    let phase = (i64::from(target) * 7_919 * 104_729).rem_euclid(EVERY_US);
    phase - phase % QUANTUM_US
}

/// Density of the lateness of a run, by microsecond.
pub(crate) fn late_density(us: f64) -> f64 {
    durations::density(us, LATE.0, LATE.1)
}

/// A normal number, without the one in two billion that would start a step before its run.
fn narrow(random: &mut impl Rng) -> f64 {
    let normal: f64 = random.sample(StandardNormal);
    normal.clamp(-6.0, 6.0)
}
