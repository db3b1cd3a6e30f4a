//! Secrets that are rotated and take effect by themselves.

use storage::record::{ChangeKind, Known, MountHow};

use crate::cases::{Case, case, deceptive};
use crate::feeds::{Object, Part, Rollout};
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::prober::Role;
use crate::world::secret::Mounting;
use crate::world::service::Build;
use crate::world::target::Issuer;

pub(super) const CASES: &[Case] = &[
    case("signing_secret_at_the_verifier", verifier),
    case("signing_secret_of_issuer_and_verifier", both),
    case("signing_secret_restored", restored),
    case("signing_secret_projected", projected),
    deceptive("signing_secret_then_rollout_beside", rollout_beside),
    case("api_keys_secret", api_keys),
    deceptive("two_secrets_one_used", two_secrets),
    case("password_secret", password),
    case("password_secret_in_environment", password_in_environment),
    case("upstream_rotation_before_the_secret", upstream),
    case("immutable_secret_under_a_new_name", immutable),
    deceptive("certificate_renewed_not_reloaded", certificate),
];

/// The verifiers get a new signing secret, the issuer keeps the old one, until somebody puts that right.
fn verifier(scene: &mut Scene) {
    scene.issue_apart(0);
    scene.mount_signing(0, Mounting::LIVE);
    let secret = scene.write_secret(0, Object::Signing, 0.0, 2);
    let fixed = scene.duration();
    if scene.dice.chance(0.5) {
        scene.restore_secret(0, Object::Signing, fixed, 1, &secret);
    } else if let Issuer::Apart(service, content) = &mut scene.target().issuer {
        service.signing = Mounting::LIVE;
        content.set(fixed, 2);
        let namespace = scene.world.targets[0].namespace.clone();
        let mut change = scene.observed(fixed, ChangeKind::Secret, format!("Secret/{namespace}/auth-signing"), Some(0));
        change.data_changed = Some(Known::Yes);
        scene.record(change);
    }
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&secret)]);
    scene.finish(fixed + 200.0);
}

/// Issuer and verifiers are the same pods: tokens go wrong while only some have the new secret; old tokens stay wrong.
fn both(scene: &mut Scene) {
    scene.need(0, Role::Held);
    let secret = scene.write_secret(0, Object::Signing, 0.0, 2);
    let hold = scene.world.targets[0].hold;
    scene.expect(0.0, hold + 400.0, vec![Answer::one(&secret)]);
    scene.finish(hold + 400.0);
}

fn restored(scene: &mut Scene) {
    scene.issue_apart(0);
    let secret = scene.write_secret(0, Object::Signing, 0.0, 2);
    let fixed = scene.duration();
    scene.restore_secret(0, Object::Signing, fixed, 1, &secret);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&secret)]);
    scene.until = fixed + 3600.0;
}

fn projected(scene: &mut Scene) {
    scene.issue_apart(0);
    scene.mount_signing(0, Mounting { how: MountHow::Projected, reloads: true });
    let secret = scene.write_secret(0, Object::Signing, 0.0, 2);
    let fixed = scene.duration();
    scene.restore_secret(0, Object::Signing, fixed, 1, &secret);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&secret)]);
    scene.finish(fixed + 200.0);
}

/// Between the rotation and the first failure a workload beside the API is rolled out.
fn rollout_beside(scene: &mut Scene) {
    scene.issue_apart(0);
    let secret = scene.write_secret(0, Object::Signing, 0.0, 2);
    let first = scene.world.targets[0].service.replicas.iter().map(|pod| pod.renewed(0.0)).fold(f64::MAX, f64::min);
    let namespace = scene.world.targets[0].namespace.clone();
    let begins = scene.dice.between(0.0, first);
    let takes = scene.rollout_takes();
    let mut beside = scene.observed(begins, ChangeKind::Rollout, format!("Deployment/{namespace}/frontend"), Some(0));
    beside.until = Some(scene.at(begins + takes));
    scene.record(beside);
    let fixed = scene.duration();
    scene.restore_secret(0, Object::Signing, fixed, 1, &secret);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&secret)]);
    scene.finish(fixed + 200.0);
}

fn api_keys(scene: &mut Scene) {
    scene.need(0, Role::ApiKey);
    let secret = scene.write_secret(0, Object::ApiKeys, 0.0, 2);
    let fixed = scene.duration();
    scene.restore_secret(0, Object::ApiKeys, fixed, 1, &secret);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&secret)]);
    scene.finish(fixed + 200.0);
}

/// Two secrets are rotated together, of which the failing requests use one.
fn two_secrets(scene: &mut Scene) {
    scene.need(0, Role::ApiKey);
    scene.issue_apart(0);
    let apart = scene.dice.between(1.0, 90.0);
    let (used, idle) =
        if scene.dice.chance(0.5) { (Object::ApiKeys, Object::Signing) } else { (Object::Signing, Object::ApiKeys) };
    let first = scene.dice.chance(0.5);
    let secret = scene.write_secret(0, used, if first { 0.0 } else { apart }, 2);
    let harmless = scene.secret_change(0, idle, if first { apart } else { 0.0 }, true);
    scene.record(harmless);
    let fixed = scene.duration() + apart;
    scene.restore_secret(0, used, fixed, 1, &secret);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&secret)]);
    scene.finish(fixed + 200.0);
}

/// The service gets a password that the database does not know.
fn password(scene: &mut Scene) {
    let secret = scene.write_secret(0, Object::Password, 0.0, 2);
    let fixed = scene.duration();
    scene.restore_secret(0, Object::Password, fixed, 1, &secret);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&secret)]);
    scene.finish(fixed + 200.0);
}

/// The password is rotated at the database too, and the pods keep the old one until they are restarted.
fn password_in_environment(scene: &mut Scene) {
    scene.mount_others(0, Mounting::ENV);
    let lag = scene.dice.between(0.5, 20.0);
    let secret = scene.write_secret(0, Object::Password, 0.0, 2);
    scene.target().database_password.set(lag, 2);
    let fixed = scene.duration();
    let all: Vec<usize> = scene.world.targets[0].service.serving(fixed);
    scene.restart(0, &all, fixed);
    scene.expect(0.0, fixed + 200.0, vec![Answer::one(&secret)]);
    scene.finish(fixed + 200.0);
}

/// The issuer uses the new secret at once; the verifiers get it with the next synchronisation.
fn upstream(scene: &mut Scene) {
    scene.issue_apart(0);
    let synced = scene.dice.between(300.0, 3600.0).max(5.0 * scene.world.targets[0].every);
    if let Issuer::Apart(service, content) = &mut scene.target().issuer {
        service.signing = Mounting::LIVE;
        content.set(0.0, 2);
    }
    let name = scene.world.targets[0].signing_name.clone();
    let mut origin = scene.observed(0.0, ChangeKind::UpstreamRotation, format!("vault/{name}"), Some(0));
    origin.targets = vec![scene.world.targets[0].name.clone()];
    origin.source = "vault".into();
    let origin = scene.record(origin);
    let secret = scene.write_secret(0, Object::Signing, synced, 2);
    let accepted = vec![Answer::one(&origin), Answer::set(&[&origin, &secret])];
    scene.expect(0.0, synced + 300.0, accepted);
    scene.finish(synced + 300.0);
}

/// The new template names a new Secret; the issuer keeps the old one.
fn immutable(scene: &mut Scene) {
    scene.issue_apart(0);
    let lead = scene.dice.between(1.0, 60.0);
    let old = scene.secret_name(0, Object::Signing);
    let new = format!("{old}-{:04x}", scene.dice.below(0xffff));
    let mut secret = scene.secret_change(0, Object::Signing, -lead, true);
    secret.object.clone_from(&new);
    secret.operation = Some(storage::record::Operation::Created);
    secret.mounts.clear();
    let secret = scene.record(secret);
    let takes = scene.rollout_takes();
    let build = Build { signing: Some(2), ..Build::default() };
    let rollout = Rollout { secret_refs: vec![new], ..Rollout::new(0.0, takes, build) };
    let rollout = scene.roll_out(0, Part::Api, rollout);
    let fixed = takes + scene.duration();
    scene.roll_back(0, Part::Api, fixed, &rollout);
    let accepted =
        vec![Answer::one(&rollout), Answer::set(&[&secret, &rollout]), Answer::triggered(&secret, &[&rollout])];
    scene.expect(0.0, fixed + 300.0, accepted);
    scene.finish(fixed + 300.0);
}

/// The certificate was renewed hours ago; the program still shows the old one when that ends.
fn certificate(scene: &mut Scene) {
    scene.mount_others(0, Mounting::DEAF);
    let renewed = scene.dice.between(3600.0, 20.0 * 3600.0);
    scene.target().certificate_ends = vec![0.0, f64::INFINITY];
    let secret = scene.write_secret(0, Object::Certificate, -renewed, 1);
    let mut accepted = vec![Answer::one(&secret)];
    if scene.dice.chance(0.7) {
        let name = scene.world.targets[0].name.clone();
        let ends = scene.expiry(0.0, 0, &format!("certificate/{name}"));
        accepted.extend([Answer::one(&ends), Answer::set(&[&secret, &ends])]);
    }
    let fixed = scene.duration();
    let all: Vec<usize> = scene.world.targets[0].service.serving(fixed);
    scene.restart(0, &all, fixed);
    scene.expect(-1.0, fixed + 100.0, accepted).half_none = true;
    scene.finish(fixed + 100.0);
}
