//! Rollouts whose damage shows hours later.

use storage::record::Reason;

use crate::cases::{Case, deceptive};
use crate::feeds::{Part, Rollout};
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::prober::Role;
use crate::world::service::{Bug, Build};

pub(super) const CASES: &[Case] = &[deceptive("slow_leak_after_rollout", leak)];

/// Pods run out of something a few hours after their start, each in its own time, until they are replaced.
fn leak(scene: &mut Scene) {
    scene.may_restart = false;
    let after = scene.dice.lognormal(2.2 * 3600.0, 0.4).clamp(2700.0, 5.0 * 3600.0);
    let reason = scene.dice.pick(&[Reason::ServerError, Reason::Timeout]);
    let bugs = [0.35, 0.7, 1.0].iter().enumerate().map(|(stage, share)| Bug {
        roles: Role::API.to_vec(),
        reason,
        after: after + 600.0 * stage as f64,
        share: *share,
    });
    let build = Build { bugs: bugs.collect(), ..Build::default() };
    let takes = scene.rollout_takes();
    let id = scene.roll_out(0, Part::Api, Rollout::new(0.0, takes, build));
    let fixed = after + 1200.0 + scene.duration();
    scene.roll_back(0, Part::Api, fixed, &id);
    let expected = scene.expect(after, fixed + 300.0, vec![Answer::one(&id)]);
    expected.half_none = true;
    scene.finish(fixed + 300.0);
}
