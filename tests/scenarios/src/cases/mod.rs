//! The cases: what goes wrong, and what is right to say about it.

mod coincidence;
mod config;
mod credentials;
mod dormant;
mod keys;
mod leaks;
mod none;
mod outages;
mod poor;
mod prober;
mod quiet;
mod restarts;
mod roles;
mod rollouts;
mod secrets;
mod shared;

use crate::scene::{Expected, Played, Scene};
use crate::truth::Answer;

/// A case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// Whether something in it invites a wrong answer.
    pub deceptive: bool,
    /// Lets it happen in a scene.
    pub build: fn(&mut Scene),
}

/// Every case, by family.
#[must_use]
pub fn all() -> Vec<Case> {
    let families = [
        secrets::CASES,
        dormant::CASES,
        rollouts::CASES,
        leaks::CASES,
        config::CASES,
        keys::CASES,
        roles::CASES,
        outages::CASES,
        none::CASES,
        shared::CASES,
        prober::CASES,
        quiet::CASES,
        coincidence::CASES,
        credentials::CASES,
        poor::CASES,
        restarts::CASES,
    ];
    families.concat()
}

/// Plays a case.
#[must_use]
pub fn play(case: &Case, seed: u64, decoys: u32) -> Played {
    let mut scene = Scene::new(case.name, seed);
    (case.build)(&mut scene);
    scene.play(case.name, seed, decoys, case.deceptive)
}

const fn case(name: &'static str, build: fn(&mut Scene)) -> Case {
    Case { name, deceptive: false, build }
}

const fn deceptive(name: &'static str, build: fn(&mut Scene)) -> Case {
    Case { name, deceptive: true, build }
}

impl Scene {
    /// Failures of the first target between two moments belong to one incident, of which these are the right answers.
    fn expect(&mut self, from: f64, until: f64, accepted: Vec<Answer>) -> &mut Expected {
        self.expect_of(&[0], from, until, accepted)
    }

    /// The same of some targets.
    fn expect_of(&mut self, targets: &[usize], from: f64, until: f64, accepted: Vec<Answer>) -> &mut Expected {
        self.expected.push(Expected {
            from,
            until,
            targets: targets.to_vec(),
            roles: Vec::new(),
            accepted,
            half: Vec::new(),
            half_none: false,
            tags: Vec::new(),
            none_at_most: None,
        });
        let last = self.expected.len() - 1;
        &mut self.expected[last]
    }
}
