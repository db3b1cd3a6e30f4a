//! How long the phases of a request take: mixtures of lognormals, with a day, a week and a place.

use std::f64::consts::{LN_2, TAU};

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use storage::record::Phases;

/// Microseconds of a day.
pub(crate) const DAY_US: i64 = 86_400_000_000;

/// A lognormal distribution of microseconds, and the share of a second one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mixture {
    /// Median in microseconds and standard deviation of the logarithm.
    first: (f64, f64),
    second: (f64, f64),
    /// Share of the second one.
    share: f64,
}

/// Which request of which run it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) target: u32,
    pub(crate) targets: u32,
    pub(crate) step: u32,
    /// Planned start of the run.
    pub(crate) at_us: i64,
}

/// Name and distribution of each phase.
pub(crate) const PHASES: [(&str, Mixture); 5] = [
    // One name in twelve is not in the resolver's cache.
    ("resolve", Mixture { first: (280.0, 0.45), second: (12_000.0, 0.6), share: 0.08 }),
    ("connect", Mixture::one(6_000.0, 0.38)),
    ("tls", Mixture::one(20_000.0, 0.32)),
    // One answer in a hundred takes two to six times as long.
    ("processing", Mixture { first: (85_000.0, 0.15), second: (297_500.0, 0.35), share: 0.01 }),
    ("transfer", Mixture::one(250.0, 0.5)),
];

/// What a login, a token, a held one, a key and a permission cost the server, compared; their product is near 1.
const STEPS: [f64; 5] = [1.9, 0.85, 0.8, 0.85, 0.92];

impl Mixture {
    const fn one(median: f64, sigma: f64) -> Self {
        Self { first: (median, sigma), second: (median, sigma), share: 0.0 }
    }

    /// A duration in microseconds, `factor` times as long as it would be.
    pub(crate) fn draw(&self, factor: f64, random: &mut impl Rng) -> f64 {
        let (median, sigma) = if random.random_bool(self.share) { self.second } else { self.first };
        let normal: f64 = random.sample(StandardNormal);
        median * factor * (sigma * normal).exp()
    }

    /// Bits that an ideal code spends on a duration in whole microseconds: minus the logarithm of its density.
    pub(crate) fn bits(&self, us: f64, factor: f64) -> f64 {
        let one = |(median, sigma): (f64, f64)| density(us / factor, median, sigma) / factor;
        -((1.0 - self.share) * one(self.first) + self.share * one(self.second)).log2()
    }
}

impl Place {
    /// How much longer than its median each phase takes here and now.
    pub(crate) fn factors(self) -> [f64; 5] {
        let Self { target, targets, step, at_us } = self;
        // From half to twice as far away; the logarithms are spread evenly around 0.
        let far = ((f64::from(target) + 0.5) / f64::from(targets) * 2.0 - 1.0) * LN_2;
        let day = (at_us.rem_euclid(DAY_US)) as f64 / DAY_US as f64;
        let sway = 0.15 + 0.2 * f64::from(target) / f64::from(targets);
        // The busiest hour is 15:00 UTC. The data set begins on a Monday.
        let hour = 1.0 + sway * ((day - 0.625) * TAU).cos();
        let weekend = ((at_us - super::BEGIN_US).div_euclid(DAY_US)).rem_euclid(7) >= 5;
        let work = STEPS[step as usize] * hour * if weekend { 0.88 } else { 1.0 };
        [1.0, far.exp(), (far / 2.0).exp(), work, 1.0]
    }
}

/// The phases of a request that is answered.
pub(crate) fn draw(place: Place, random: &mut impl Rng) -> Phases {
    let factors = place.factors();
    let mut us = PHASES.iter().zip(factors).map(|((_, mixture), factor)| mixture.draw(factor, random).round() as u64);
    let mut next = || us.next().unwrap_or(0);
    Phases { resolve: next(), connect: next(), tls: next(), processing: next(), transfer: next() }
}

/// Density of a lognormal distribution.
pub(crate) fn density(x: f64, median: f64, sigma: f64) -> f64 {
    let normal = (x / median).ln() / sigma;
    (-normal * normal / 2.0).exp() / (x * sigma * TAU.sqrt())
}
