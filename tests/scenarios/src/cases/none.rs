//! Outages that no change explains, with changes near them that look as if they did.

use storage::record::{ChangeKind, Known, Operation, Reason};

use crate::cases::outages::{DATABASE, outage};
use crate::cases::{Case, deceptive};
use crate::feeds::{Object, Part, Rollout};
use crate::scene::Scene;
use crate::world::fault::Fault;
use crate::world::prober::Role;
use crate::world::service::Build;

pub(super) const CASES: &[Case] = &[
    deceptive("secret_refreshed_then_identity_provider_down", refreshed),
    deceptive("secret_labelled_then_database_down", labelled),
    deceptive("secret_recreated_with_the_same_data", recreated),
    deceptive("secret_of_that_name_elsewhere", elsewhere),
    deceptive("rotation_an_hour_before_the_login_fails", unrelated_rotation),
    deceptive("harmless_rollout_during_database_outage", harmless_rollout),
    deceptive("rollout_as_reaction", reaction),
    deceptive("scaled_before_an_outage", scaled),
    deceptive("failing_before_the_change", failing_before),
    deceptive("watch_gap_hides_the_change", hidden),
    deceptive("policy_elsewhere_then_network_down", policy),
];

fn refreshed(scene: &mut Scene) {
    let ago = scene.dice.between(5.0, 300.0);
    scene.touch_secret(0, Object::Signing, -ago);
    let reason = scene.dice.pick(&[Reason::ServerError, Reason::Timeout]);
    outage(scene, &[Role::Login], reason);
}

fn labelled(scene: &mut Scene) {
    let ago = scene.dice.between(5.0, 300.0);
    scene.touch_secret(0, Object::Password, -ago);
    outage(scene, &DATABASE, Reason::ServerError);
}

fn recreated(scene: &mut Scene) {
    let ago = scene.dice.between(5.0, 300.0);
    let mut change = scene.secret_change(0, Object::Signing, -ago, false);
    change.operation = Some(Operation::Recreated);
    scene.record(change);
    outage(scene, &[Role::Login], Reason::ServerError);
}

fn elsewhere(scene: &mut Scene) {
    let ago = scene.dice.between(5.0, 120.0);
    let name = scene.world.targets[0].signing_name.clone();
    let mut change = scene.observed(-ago, ChangeKind::Secret, format!("Secret/staging/{name}"), None);
    change.data_changed = Some(Known::Yes);
    if scene.dice.chance(0.5) {
        change.targets = vec!["staging".into()];
    }
    scene.record(change);
    let roles: Vec<Role> = if scene.dice.chance(0.5) { DATABASE.to_vec() } else { Role::ALL.to_vec() };
    outage(scene, &roles, Reason::ServerError);
}

/// A real rotation that every pod took in without harm, and then the login fails by itself.
fn unrelated_rotation(scene: &mut Scene) {
    scene.issue_by_idp(&[0]);
    let ago = scene.dice.between(2400.0, 4800.0);
    let change = scene.secret_change(0, Object::Signing, -ago, true);
    scene.record(change);
    let reason = scene.dice.pick(&[Reason::ServerError, Reason::Timeout]);
    outage(scene, &[Role::Login], reason);
}

fn harmless_rollout(scene: &mut Scene) {
    let begins = scene.dice.between(-1200.0, 300.0);
    let takes = scene.rollout_takes();
    scene.roll_out(0, Part::Api, Rollout::new(begins, takes, Build::default()));
    outage(scene, &DATABASE, Reason::ServerError);
}

/// Somebody rolls the API out in the hope that it helps.
fn reaction(scene: &mut Scene) {
    let every = scene.world.targets[0].every;
    let begins = scene.dice.between(3.0 * every, 600.0 + 4.0 * every);
    let takes = scene.rollout_takes();
    scene.roll_out(0, Part::Api, Rollout::new(begins, takes, Build::default()));
    outage(scene, &DATABASE, Reason::ServerError);
}

fn scaled(scene: &mut Scene) {
    let ago = scene.dice.between(5.0, 240.0);
    scene.scale_out(0, 1, -ago);
    let roles: Vec<Role> = if scene.dice.chance(0.5) { DATABASE.to_vec() } else { Role::ALL.to_vec() };
    let reason = scene.dice.pick(&[Reason::ServerError, Reason::Timeout]);
    outage(scene, &roles, reason);
}

/// A part of the requests fails for long; a change comes in the middle, and all fail after it began to.
fn failing_before(scene: &mut Scene) {
    let every = scene.world.targets[0].every;
    let early = scene.dice.between(20.0, 40.0) * every + 300.0;
    let ends = early + scene.duration();
    let mut part = Fault::new(0, &DATABASE, Reason::ServerError, 0.0, early);
    part.share = scene.dice.between(0.4, 0.7);
    let whole = Fault::new(0, &DATABASE, Reason::ServerError, early, ends);
    scene.world.faults.extend([part, whole]);
    let lead = scene.dice.between(5.0, 60.0);
    let takes = scene.rollout_takes();
    scene.roll_out(0, Part::Api, Rollout::new(early - lead, takes, Build::default()));
    scene.expect(0.0, ends + 60.0, Vec::new());
    scene.finish(ends);
}

/// The feed was blind when the secret was rotated, so nothing tells of it.
fn hidden(scene: &mut Scene) {
    scene.issue_apart(0);
    let secret = scene.write_secret(0, Object::Signing, 0.0, 2);
    scene.changes.retain(|change| change.id != secret);
    let (before, behind) = (scene.dice.between(60.0, 900.0), scene.dice.between(60.0, 900.0));
    scene.blind("kubernetes", -before, behind);
    let fixed = behind + scene.duration();
    if scene.dice.chance(0.5) {
        scene.write_secret(0, Object::Signing, fixed, 1);
    } else {
        scene.target().signing.set(fixed, 1);
    }
    scene.expect(0.0, fixed + 300.0, Vec::new()).none_at_most = Some(0.9);
    scene.finish(fixed + 300.0);
}

/// A rule of another namespace's network changes just before the network to the target breaks.
fn policy(scene: &mut Scene) {
    let ago = scene.dice.between(1.0, 60.0);
    let change = scene.observed(-ago, ChangeKind::Configmap, "NetworkPolicy/batch/deny-all".into(), None);
    scene.record(change);
    outage(scene, &Role::ALL, Reason::Timeout);
}
