//! What the prober and the servers prove themselves with.

use storage::record::{ChangeKind, Known, SecretRole};

use crate::cases::{Case, case};
use crate::feeds::Object;
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::prober::Role;

pub(super) const CASES: &[Case] =
    &[case("certificate_of_a_wrong_authority", wrong_authority), case("login_password_changed", login_password)];

/// The new certificate is one that nobody trusts, and it is in force as soon as the files are read again.
fn wrong_authority(scene: &mut Scene) {
    scene.target().certificate_ends = vec![f64::INFINITY, f64::NEG_INFINITY];
    let secret = scene.write_secret(0, Object::Certificate, 0.0, 1);
    if scene.dice.chance(0.5) {
        // The same object, as another feed calls it.
        for change in scene.changes.iter_mut().filter(|change| change.id == secret) {
            change.kind = ChangeKind::Certificate;
        }
    }
    let fixed = scene.duration();
    scene.restore_secret(0, Object::Certificate, fixed, 0, &secret);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&secret)]);
    scene.finish(fixed + 200.0);
}

/// The password of the prober's user is rotated, and the server does not know the new one yet.
fn login_password(scene: &mut Scene) {
    scene.need(0, Role::Login);
    let name = scene.world.targets[0].name.clone();
    let mut change = scene.observed(0.0, ChangeKind::Secret, "Secret/monitoring/probe-user".into(), None);
    change.targets = vec![name];
    change.data_changed = Some(Known::Yes);
    change.keys = vec!["password".into()];
    change.secret_role = scene.feed.roles.then_some(SecretRole::Password);
    change.source = storage::record::OWN_CREDENTIALS.into();
    let id = scene.record(change);
    let taken = scene.dice.between(1.0, 120.0);
    scene.target().login_password.set(taken, false);
    let fixed = taken + scene.duration();
    scene.target().login_password.set(fixed, true);
    scene.expect(0.0, fixed + 60.0, vec![Answer::one(&id)]);
    scene.finish(fixed + 60.0);
}
