//! Several targets, and several incidents at once.

use storage::record::{ChangeKind, Reason};

use crate::cases::{Case, case, deceptive};
use crate::feeds::{Object, Part, Rollout};
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::fault::Fault;
use crate::world::prober::Role;
use crate::world::service::{Bug, Build};
use crate::world::target::{Issuer, Key};

pub(super) const CASES: &[Case] = &[
    case("two_targets_one_issuer", one_issuer),
    case("two_targets_one_secret", one_secret),
    case("two_targets_one_identity_provider_down", one_idp_down),
    deceptive("two_incidents_overlap", overlap),
    deceptive("second_target_changes_while_first_fails", other_target),
];

/// Both use one key set; the issuer signs with a key too early.
fn one_issuer(scene: &mut Scene) {
    let second = scene.add_target();
    let idp = scene.issue_by_idp(&[0, second]);
    let ttl = scene.dice.between(600.0, 2400.0);
    for target in [0, second] {
        let every = scene.world.targets[target].every;
        scene.world.targets[target].service.key_set_ttl = ttl.max(10.0 * every);
    }
    let (old, new) = (Key { kid: 1, material: 1 }, Key { kid: 2, material: 2 });
    let added = scene.key_set(idp, ChangeKind::JwksAdd, -5.0, vec![old, new], &[0, second]);
    let id = scene.signing_switch(idp, 0.0, new, &[0, second]);
    let accepted = vec![Answer::one(&id), Answer::set(&[&added, &id])];
    scene.expect_of(&[0, second], 0.0, ttl + 1400.0, accepted);
    scene.finish(ttl + 1400.0);
}

/// Both mount one secret in one namespace, and their tokens come from an issuer with another copy.
fn one_secret(scene: &mut Scene) {
    let second = scene.add_target();
    scene.issue_apart(0);
    let first = scene.world.targets[0].clone();
    let name = scene.world.targets[second].name.clone();
    let other = &mut scene.world.targets[second];
    other.namespace.clone_from(&first.namespace);
    other.signing_name.clone_from(&first.signing_name);
    other.service.workload = format!("Deployment/{}/{name}", first.namespace);
    other.issuer = first.issuer.clone();
    let id = scene.write_secret(0, Object::Signing, 0.0, 2);
    scene.world.targets[second].signing.set(0.0, 2);
    let fixed = scene.duration();
    let back = scene.restore_secret(0, Object::Signing, fixed, 1, &id);
    scene.world.targets[second].signing.set(fixed, 1);
    for change in scene.changes.iter_mut().filter(|change| change.id == id || change.id == back) {
        if !change.targets.is_empty() {
            change.targets.push(name.clone());
        }
    }
    scene.expect_of(&[0, second], 0.0, fixed + 300.0, vec![Answer::one(&id)]);
    scene.finish(fixed + 300.0);
}

fn one_idp_down(scene: &mut Scene) {
    let second = scene.add_target();
    scene.issue_by_idp(&[0, second]);
    let ends = scene.duration();
    let mut fault = Fault::new(0, &[Role::Login], Reason::ServerError, 0.0, ends);
    fault.targets = vec![0, second];
    scene.world.faults.push(fault);
    // What both depend on is one authority, so it is one incident.
    scene.expect_of(&[0, second], 0.0, ends + 60.0, Vec::new());
    scene.finish(ends);
}

/// Two causes at two targets within minutes.
fn overlap(scene: &mut Scene) {
    let second = scene.add_target();
    scene.issue_apart(0);
    let id = scene.write_secret(0, Object::Signing, 0.0, 2);
    let fixed = scene.duration();
    scene.restore_secret(0, Object::Signing, fixed, 1, &id);
    let begins = scene.dice.between(60.0, 400.0);
    let takes = scene.rollout_takes();
    let bug = Bug { roles: Role::API.to_vec(), reason: Reason::ServerError, after: 0.0, share: 1.0 };
    let build = Build { bugs: vec![bug], ..Build::default() };
    let other = scene.roll_out(second, Part::Api, Rollout::new(begins, takes, build));
    let healed = begins + takes + scene.duration();
    scene.roll_back(second, Part::Api, healed, &other);
    scene.expect_of(&[0], 0.0, fixed + 300.0, vec![Answer::one(&id)]);
    scene.expect_of(&[second], begins, healed + 300.0, vec![Answer::one(&other)]);
    scene.finish(fixed.max(healed) + 300.0);
}

/// The second target is rolled out without harm just before the first one breaks by itself.
fn other_target(scene: &mut Scene) {
    let second = scene.add_target();
    let lead = scene.dice.between(10.0, 200.0);
    let takes = scene.rollout_takes();
    scene.roll_out(second, Part::Api, Rollout::new(-lead, takes, Build::default()));
    scene.world.targets[0].issuer = Issuer::Own;
    super::outages::outage(scene, &super::outages::DATABASE, Reason::ServerError);
}
