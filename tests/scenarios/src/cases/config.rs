//! Configuration objects.

use crate::cases::{Case, case};
use crate::feeds::{Part, Rollout};
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::secret::Mounting;
use crate::world::service::Build;

pub(super) const CASES: &[Case] =
    &[case("wrong_audience_in_configmap", live), case("wrong_audience_in_configmap_and_rollout", with_rollout)];

/// The program reads its configuration again when the file changes.
fn live(scene: &mut Scene) {
    let id = scene.write_config(0, 0.0, 2);
    let fixed = scene.duration();
    let back = scene.write_config(0, fixed, 1);
    if let Some(change) = scene.changes.iter_mut().find(|change| change.id == back) {
        change.reverts = Some(id.clone());
    }
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&id)]);
    scene.finish(fixed + 300.0);
}

/// The configuration comes with the rollout that puts it in force.
fn with_rollout(scene: &mut Scene) {
    scene.mount_others(0, Mounting::ENV);
    let lead = scene.dice.between(0.5, 40.0);
    let config = scene.write_config(0, -lead, 2);
    let takes = scene.rollout_takes();
    let rollout = scene.roll_out(0, Part::Api, Rollout::new(0.0, takes, Build::default()));
    let actor = scene.changes.iter().find(|change| change.id == config).and_then(|change| change.actor.clone());
    if let Some(change) = scene.changes.iter_mut().find(|change| change.id == rollout) {
        change.actor = actor;
    }
    let fixed = takes + scene.duration();
    scene.write_config(0, fixed, 1);
    scene.roll_back(0, Part::Api, fixed + 10.0, &rollout);
    let accepted =
        vec![Answer::set(&[&config, &rollout]), Answer::one(&rollout), Answer::triggered(&config, &[&rollout])];
    scene.expect(0.0, fixed + 300.0, accepted);
    scene.finish(fixed + 300.0);
}
