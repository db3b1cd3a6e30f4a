//! Secrets that wait for a restart.

use crate::cases::{Case, deceptive};
use crate::feeds::{Object, Part, Rollout};
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::prober::Role;
use crate::world::secret::Mounting;
use crate::world::service::{Build, Replica};

pub(super) const CASES: &[Case] = &[
    deceptive("dormant_secret_then_rollout", rollout),
    deceptive("dormant_secret_then_restart", restart),
    deceptive("dormant_secret_then_one_restart", one_restart),
    deceptive("dormant_secret_in_subpath_then_rollout", subpath),
    deceptive("dormant_secret_then_scale_out", scale_out),
    deceptive("rolling_rotation_with_mixed_secrets", mixed),
];

fn long_ago(scene: &mut Scene) -> f64 {
    scene.dice.lognormal(5.0 * 3600.0, 0.8).clamp(1800.0, 22.0 * 3600.0)
}

fn rollout(scene: &mut Scene) {
    by_rollout(scene, Mounting::ENV);
}

fn subpath(scene: &mut Scene) {
    by_rollout(scene, Mounting::SUBPATH);
}

fn by_rollout(scene: &mut Scene, mounting: Mounting) {
    scene.issue_apart(0);
    scene.mount_signing(0, mounting);
    let ago = long_ago(scene);
    let secret = scene.write_secret(0, Object::Signing, -ago, 2);
    let takes = scene.rollout_takes();
    let trigger = scene.roll_out(0, Part::Api, Rollout::new(0.0, takes, Build::default()));
    let fixed = takes + scene.duration();
    scene.restore_secret(0, Object::Signing, fixed, 1, &secret);
    let takes = scene.rollout_takes();
    scene.roll_out(0, Part::Api, Rollout::new(fixed + 20.0, takes, Build::default()));
    scene.expect(0.0, fixed + takes + 60.0, vec![Answer::triggered(&secret, &[&trigger])]);
    scene.finish(fixed + takes + 60.0);
}

fn restart(scene: &mut Scene) {
    scene.issue_apart(0);
    scene.mount_signing(0, Mounting::ENV);
    let ago = long_ago(scene);
    let secret = scene.write_secret(0, Object::Signing, -ago, 2);
    let all = scene.world.targets[0].service.serving(0.0);
    let trigger = scene.restart(0, &all, 0.0);
    let fixed = scene.duration();
    scene.restore_secret(0, Object::Signing, fixed, 1, &secret);
    scene.restart(0, &all, fixed + 30.0);
    scene.expect(0.0, fixed + 100.0, vec![Answer::triggered(&secret, &[&trigger])]);
    scene.finish(fixed + 100.0);
}

/// One pod of three crashes and comes back with the new secret: it and the others refuse each other's tokens.
fn one_restart(scene: &mut Scene) {
    replicas(scene, 3);
    scene.mount_signing(0, Mounting::ENV);
    let ago = long_ago(scene);
    let secret = scene.write_secret(0, Object::Signing, -ago, 2);
    let one = scene.dice.below(3);
    let trigger = scene.restart(0, &[one], 0.0);
    let fixed = scene.long_duration();
    let others: Vec<usize> = (0..3).filter(|pod| *pod != one).collect();
    scene.restart(0, &others, fixed);
    let hold = scene.world.targets[0].hold;
    scene.expect(0.0, fixed + hold + 100.0, vec![Answer::triggered(&secret, &[&trigger])]);
    scene.finish(fixed + hold + 100.0);
}

fn scale_out(scene: &mut Scene) {
    replicas(scene, 2);
    scene.mount_signing(0, Mounting::ENV);
    let ago = long_ago(scene);
    let secret = scene.write_secret(0, Object::Signing, -ago, 2);
    let trigger = scene.scale_out(0, 1, 0.0);
    let fixed = scene.long_duration();
    scene.restart(0, &[0, 1], fixed);
    let hold = scene.world.targets[0].hold;
    scene.expect(0.0, fixed + hold + 100.0, vec![Answer::triggered(&secret, &[&trigger])]);
    scene.finish(fixed + hold + 100.0);
}

/// The secret is rotated and rolled out pod by pod, minutes later.
fn mixed(scene: &mut Scene) {
    replicas(scene, 3);
    scene.need(0, Role::Held);
    scene.mount_signing(0, Mounting::ENV);
    let lead = scene.dice.between(60.0, 1800.0);
    let secret = scene.write_secret(0, Object::Signing, -lead, 2);
    let every = scene.world.targets[0].every;
    let takes = scene.rollout_takes().max(10.0 * every);
    let trigger = scene.roll_out(0, Part::Api, Rollout::new(0.0, takes, Build::default()));
    let hold = scene.world.targets[0].hold;
    let accepted = vec![Answer::triggered(&secret, &[&trigger]), Answer::set(&[&secret, &trigger])];
    scene.expect(0.0, takes + hold + 100.0, accepted);
    scene.finish(takes + hold + 100.0);
}

/// Gives the API so many pods.
pub(super) fn replicas(scene: &mut Scene, count: usize) {
    scene.world.targets[0].service.replicas = (0..count).map(|_| Replica::new(&mut scene.dice)).collect();
}
