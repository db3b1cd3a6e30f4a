//! Restarts and scaling that do harm by themselves.

use storage::record::{ChangeKind, Reason};

use crate::cases::dormant::replicas;
use crate::cases::{Case, case};
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::fault::Fault;
use crate::world::prober::Role;
use crate::world::service::Build;

pub(super) const CASES: &[Case] =
    &[case("restart_forgets_the_signing_key", forgets), case("scaled_in_and_overloaded", scaled_in)];

/// The program makes its signing key at its start, so a restart ends every token.
fn forgets(scene: &mut Scene) {
    scene.may_restart = false;
    replicas(scene, 1);
    scene.need(0, Role::Held);
    let target = scene.target();
    target.token_life = target.token_life.max(3600.0);
    target.hold = target.hold.max(1200.0).max(14.0 * target.every);
    // The token that is held lives on for most of its time.
    target.hold_phase = 0.8;
    let id = scene.restart(0, &[0], 0.0);
    let service = &mut scene.world.targets[0].service;
    service.builds.push(Build { signing: Some(2), ..Build::default() });
    let number = service.builds.len() - 1;
    service.replicas[0].start(0.0, number);
    let target = scene.target();
    let ends = target.hold + 30.0;
    scene.expect(0.0, ends, vec![Answer::one(&id)]);
    scene.finish(ends);
}

/// One pod is left and cannot keep up with what three did.
fn scaled_in(scene: &mut Scene) {
    scene.may_restart = false;
    let workload = scene.world.targets[0].service.workload.clone();
    let mut change = scene.observed(0.0, ChangeKind::Scale, workload.clone(), Some(0));
    change.workload = Some(workload);
    change.summary = "3 -> 1 replicas".into();
    let id = scene.record(change);
    let lag = scene.dice.gamma(2.0, 20.0).clamp(2.0, 240.0);
    let ends = lag + scene.long_duration();
    let mut fault = Fault::new(0, &Role::ALL, Reason::Timeout, lag, ends);
    fault.share = scene.dice.between(0.5, 0.95);
    scene.world.faults.push(fault);
    scene.expect(0.0, ends + 60.0, vec![Answer::one(&id)]).half_none = true;
    scene.finish(ends);
}
