//! Two changes within minutes, of which one is it.

use storage::record::{ChangeKind, Reason};

use crate::cases::outages::{DATABASE, outage};
use crate::cases::{Case, deceptive};
use crate::feeds::{Object, Part, Rollout};
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::fault::Fault;
use crate::world::prober::Role;
use crate::world::service::{Bug, Build};
use crate::world::target::Key;

pub(super) const CASES: &[Case] = &[
    deceptive("permission_taken_away_beside_a_rollout", permission_beside_rollout),
    deceptive("api_key_revoked_beside_a_rotation", key_beside_rotation),
    deceptive("api_keys_secret_beside_a_rollout", keys_beside_rollout),
    deceptive("bad_rollout_then_a_fix_that_is_none", failed_fix),
    deceptive("harmless_rollout_then_a_bad_one", second_is_bad),
    deceptive("key_added_then_identity_provider_down", key_added_then_idp),
    deceptive("maintenance_then_database_down", in_maintenance),
    deceptive("pod_restarted_then_network_down", restart_then_network),
    deceptive("identity_provider_fails_in_part_after_rollout", partial_idp),
];

/// A harmless rollout of the API.
fn harmless(scene: &mut Scene, at: f64) -> String {
    let takes = scene.rollout_takes();
    scene.roll_out(0, Part::Api, Rollout::new(at, takes, Build::default()))
}

fn permission_beside_rollout(scene: &mut Scene) {
    let lead = scene.dice.between(30.0, 400.0);
    harmless(scene, -lead);
    scene.need(0, Role::Permitted);
    scene.target().permitted.set(0.0, false);
    let id = scene.row(ChangeKind::Rbac, 0.0, 0, true, "role removed");
    let fixed = scene.target().service.role_ttl + scene.duration();
    scene.target().permitted.set(fixed, true);
    scene.row(ChangeKind::Rbac, fixed, 0, true, "role granted");
    let until = fixed + scene.target().service.role_ttl + 60.0;
    scene.expect(0.0, until, vec![Answer::one(&id)]);
    scene.finish(until);
}

/// The signing secret is rotated without harm, because an identity provider issues the tokens.
fn key_beside_rotation(scene: &mut Scene) {
    scene.issue_by_idp(&[0]);
    scene.need(0, Role::ApiKey);
    let apart = scene.dice.between(-120.0, 60.0);
    let idle = scene.secret_change(0, Object::Signing, apart, true);
    scene.record(idle);
    scene.target().api_key_row.set(0.0, false);
    let id = scene.row(ChangeKind::ApiKey, 0.0, 0, true, "key revoked");
    let fixed = scene.target().service.key_ttl + scene.duration();
    scene.target().api_key_row.set(fixed, true);
    scene.row(ChangeKind::ApiKey, fixed, 0, true, "key enabled");
    let until = fixed + scene.target().service.key_ttl + 60.0;
    scene.expect(0.0, until, vec![Answer::one(&id)]);
    scene.finish(until);
}

fn keys_beside_rollout(scene: &mut Scene) {
    scene.need(0, Role::ApiKey);
    let lead = scene.dice.between(120.0, 900.0);
    harmless(scene, -lead);
    let secret = scene.write_secret(0, Object::ApiKeys, 0.0, 2);
    let fixed = scene.duration();
    scene.restore_secret(0, Object::ApiKeys, fixed, 1, &secret);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&secret)]);
    scene.finish(fixed + 200.0);
}

fn bug() -> Build {
    let bug = Bug { roles: Role::API.to_vec(), reason: Reason::ServerError, after: 0.0, share: 1.0 };
    Build { bugs: vec![bug], ..Build::default() }
}

/// The second rollout was meant to help and has the same fault; the third does.
fn failed_fix(scene: &mut Scene) {
    let takes = scene.rollout_takes();
    let id = scene.roll_out(0, Part::Api, Rollout::new(0.0, takes, bug()));
    let first = scene.duration() / 2.0;
    let again = scene.rollout_takes();
    scene.roll_out(0, Part::Api, Rollout::new(takes + first, again, bug()));
    let fixed = takes + first + again + scene.duration() / 2.0;
    scene.roll_back(0, Part::Api, fixed, &id);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&id)]);
    scene.finish(fixed + 300.0);
}

fn second_is_bad(scene: &mut Scene) {
    let lead = scene.dice.between(400.0, 2400.0);
    harmless(scene, -lead);
    let takes = scene.rollout_takes();
    let id = scene.roll_out(0, Part::Api, Rollout::new(0.0, takes, bug()));
    let fixed = takes + scene.duration();
    scene.roll_back(0, Part::Api, fixed, &id);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&id)]);
    scene.finish(fixed + 300.0);
}

fn key_added_then_idp(scene: &mut Scene) {
    let idp = scene.issue_by_idp(&[0]);
    let ago = scene.dice.between(5.0, 600.0);
    let keys = vec![Key { kid: 1, material: 1 }, Key { kid: 2, material: 2 }];
    scene.key_set(idp, ChangeKind::JwksAdd, -ago, keys, &[0]);
    outage(scene, &[Role::Login], Reason::ServerError);
}

/// The announced work is at something else.
fn in_maintenance(scene: &mut Scene) {
    let ago = scene.dice.between(60.0, 1200.0);
    let name = scene.world.targets[0].name.clone();
    let mut planned = scene.observed(-ago, ChangeKind::Maintenance, name.clone(), Some(0));
    planned.targets = vec![name];
    planned.until = Some(scene.at(3.0 * 3600.0));
    let id = scene.record(planned);
    outage(scene, &DATABASE, Reason::ServerError);
    for expected in &mut scene.expected {
        expected.tags = vec!["during_maintenance"];
        expected.half = vec![Answer::one(&id)];
    }
}

fn restart_then_network(scene: &mut Scene) {
    let ago = scene.dice.between(10.0, 900.0);
    let one = scene.dice.below(scene.world.targets[0].service.replicas.len());
    scene.restart(0, &[one], -ago);
    outage(scene, &Role::ALL, Reason::Timeout);
}

/// A third of the logins fails at the provider; the API was rolled out before.
fn partial_idp(scene: &mut Scene) {
    scene.issue_by_idp(&[0]);
    scene.need(0, Role::Login);
    let ago = scene.dice.between(600.0, 3600.0);
    harmless(scene, -ago);
    let ends = scene.long_duration();
    let mut fault = Fault::new(0, &[Role::Login], Reason::ServerError, 0.0, ends);
    fault.share = scene.dice.between(0.3, 0.6);
    scene.world.faults.push(fault);
    scene.expect(0.0, ends + 60.0, Vec::new());
    scene.finish(ends);
}
