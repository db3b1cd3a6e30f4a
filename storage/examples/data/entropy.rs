//! The physical floor: bits that no code can save on the successes of the data set, by its own densities.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use super::durations::{DAY_US, PHASES, Place};
use super::starts::{self, Steps, WORK_US};
use super::{BEGIN_US, SEED, Shape};

/// Runs that are drawn for the estimate: its error is below 0.01 bits a column.
const RUNS: u32 = 40_000;

/// Milliseconds are divided into this many places.
const CELLS: usize = 1000;

/// Bits a result of each column.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Floor {
    /// Start in whole milliseconds, given the schedule and what came before in the run.
    pub(crate) start: f64,
    /// Each phase in whole microseconds.
    pub(crate) phases: [f64; 5],
}

impl Floor {
    /// All columns together, in bytes.
    pub(crate) fn bytes(self) -> f64 {
        (self.start + self.phases.iter().sum::<f64>()) / 8.0
    }
}

/// Draws runs of a week and adds up what an ideal code would spend on each column.
pub(crate) fn floor(shape: Shape) -> Floor {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED ^ 1);
    let mut sum = Floor::default();
    for run in 0..RUNS {
        let target = run % shape.targets();
        let at_us = BEGIN_US + i64::from(run) * 7 * DAY_US / i64::from(RUNS);
        let mut starts = shape.steps().run(0, &mut random);
        let mut known = Known::default();
        let mut ended = 0;
        for step in 0..5 {
            let place = Place { target, targets: shape.targets(), step, at_us };
            let mut took = 0;
            for (at, ((_, mixture), factor)) in PHASES.iter().zip(place.factors()).enumerate() {
                let us = mixture.draw(factor, &mut random);
                sum.phases[at] += mixture.bits(us, factor);
                took += us.round() as i64;
            }
            let start = starts.start(step, took.unsigned_abs(), &mut random).div_euclid(1000);
            sum.start += match (shape.steps(), step) {
                (_, 0) => known.first(start),
                (Steps::Chained, _) | (Steps::Together, 1) => known.next(ended, start),
                (Steps::Together, _) => known.next(0, start),
                // The lateness of the run is small beside the spread of the later steps.
                (Steps::Independent, step) => normal_bits(start as f64 + 0.5, 180.0 * f64::from(step)),
            };
            ended = took;
        }
    }
    let results = f64::from(RUNS) * 5.0;
    Floor { start: sum.start / results, phases: sum.phases.map(|bits| bits / results) }
}

/// What the whole milliseconds of the starts so far say about the moment of the last one.
#[derive(Default)]
struct Known {
    millisecond: i64,
    /// Probability of each place within the millisecond.
    cells: Vec<f64>,
}

impl Known {
    /// Bits of the start of a run, so many milliseconds after its plan.
    fn first(&mut self, millisecond: i64) -> f64 {
        let at = |cell: usize| starts::late_density((millisecond * 1000) as f64 + cell as f64 + 0.5);
        self.settle(millisecond, (0..CELLS).map(at).collect())
    }

    /// Bits of a start that follows the last one after `passed` microseconds and an evenly spread length of work.
    fn next(&mut self, passed: i64, millisecond: i64) -> f64 {
        // Place in the new millisecond, less the one in the old: how long the work was.
        let apart = ((millisecond - self.millisecond) * 1000 - passed) as f64;
        let mut sums = vec![0.0];
        sums.extend(self.cells.iter().scan(0.0, |sum, cell| {
            *sum += cell;
            Some(*sum)
        }));
        let up_to = |place: f64| sums[place.clamp(0.0, CELLS as f64) as usize];
        let at =
            |cell: usize| (up_to(apart + cell as f64 + 1.0) - up_to(apart + cell as f64 + 1.0 - WORK_US)) / WORK_US;
        self.settle(millisecond, (0..CELLS).map(at).collect())
    }

    /// Bits of having come to this millisecond, whose places have these probabilities.
    fn settle(&mut self, millisecond: i64, cells: Vec<f64>) -> f64 {
        // Rounding to places may leave nothing at the very edge.
        let sum = cells.iter().sum::<f64>().max(1e-6);
        self.cells = cells.into_iter().map(|cell| cell / sum).collect();
        self.millisecond = millisecond;
        -sum.log2()
    }
}

/// Bits of a millisecond of the normal distribution around `mean` that the independent starts have.
fn normal_bits(at: f64, mean: f64) -> f64 {
    let sigma = 0.15 * mean;
    let normal = (at - mean) / sigma;
    (sigma * std::f64::consts::TAU.sqrt()).log2() + normal * normal / 2.0 * std::f64::consts::LOG2_E
}
