//! Rows of the database: API keys and roles.

use storage::record::ChangeKind;

use crate::cases::{Case, case, deceptive};
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::fault::Fault;
use crate::world::prober::Role;

pub(super) const CASES: &[Case] = &[
    case("permission_taken_away", taken_away),
    case("permission_too_much", too_much),
    case("api_key_revoked", revoked),
    deceptive("api_key_revoked_among_others", among_others),
    deceptive("api_keys_of_others_revoked_while_keys_fail", others_revoked),
    deceptive("role_of_another_changed_during_an_outage", other_role),
];

fn taken_away(scene: &mut Scene) {
    scene.need(0, Role::Permitted);
    scene.target().permitted.set(0.0, false);
    let id = scene.row(ChangeKind::Rbac, 0.0, 0, true, "role removed");
    let fixed = scene.target().service.role_ttl + scene.duration();
    scene.target().permitted.set(fixed, true);
    let back = scene.row(ChangeKind::Rbac, fixed, 0, true, "role granted");
    undo(scene, &back, &id);
    let until = fixed + scene.target().service.role_ttl + 60.0;
    scene.expect(0.0, until, vec![Answer::one(&id)]);
    scene.finish(until);
}

fn too_much(scene: &mut Scene) {
    scene.need(0, Role::Forbidden);
    scene.target().too_much.set(0.0, true);
    let id = scene.row(ChangeKind::Rbac, 0.0, 0, true, "role admin granted");
    let fixed = scene.target().service.role_ttl + scene.duration();
    scene.target().too_much.set(fixed, false);
    let back = scene.row(ChangeKind::Rbac, fixed, 0, true, "role admin removed");
    undo(scene, &back, &id);
    let until = fixed + scene.target().service.role_ttl + 60.0;
    scene.expect(0.0, until, vec![Answer::one(&id)]);
    scene.finish(until);
}

fn revoked(scene: &mut Scene) {
    let (id, until) = revoke(scene);
    scene.expect(0.0, until, vec![Answer::one(&id)]);
    scene.finish(until);
}

/// Other clients' keys are revoked just before and after the prober's.
fn among_others(scene: &mut Scene) {
    for _ in 0..scene.dice.below(5) + 2 {
        let at = scene.dice.between(-600.0, 60.0);
        scene.feed.touches = true;
        scene.row(ChangeKind::ApiKey, at, 0, false, "key revoked");
    }
    revoked(scene);
}

/// The key service breaks, not the keys; another client's key is revoked shortly before.
fn others_revoked(scene: &mut Scene) {
    scene.need(0, Role::ApiKey);
    scene.feed.touches = true;
    let ago = scene.dice.between(10.0, 900.0);
    scene.row(ChangeKind::ApiKey, -ago, 0, false, "key revoked");
    let ends = scene.duration();
    let reason = scene.dice.pick(&[storage::record::Reason::ServerError, storage::record::Reason::Timeout]);
    scene.world.faults.push(Fault::new(0, &[Role::ApiKey, Role::UnknownKey], reason, 0.0, ends));
    scene.expect(0.0, ends + 60.0, Vec::new());
    scene.finish(ends);
}

fn other_role(scene: &mut Scene) {
    scene.need(0, Role::Permitted);
    scene.feed.touches = true;
    let ago = scene.dice.between(10.0, 900.0);
    scene.row(ChangeKind::Rbac, -ago, 0, false, "role removed");
    let ends = scene.duration();
    let roles = [Role::Login, Role::ApiKey, Role::UnknownKey, Role::Permitted, Role::Forbidden];
    scene.world.faults.push(Fault::new(0, &roles, storage::record::Reason::ServerError, 0.0, ends));
    scene.expect(0.0, ends + 60.0, Vec::new());
    scene.finish(ends);
}

fn revoke(scene: &mut Scene) -> (String, f64) {
    scene.need(0, Role::ApiKey);
    scene.target().api_key_row.set(0.0, false);
    let id = scene.row(ChangeKind::ApiKey, 0.0, 0, true, "key revoked");
    let fixed = scene.target().service.key_ttl + scene.duration();
    scene.target().api_key_row.set(fixed, true);
    let back = scene.row(ChangeKind::ApiKey, fixed, 0, true, "key enabled");
    undo(scene, &back, &id);
    let until = fixed + scene.target().service.key_ttl + 60.0;
    (id, until)
}

/// Half of the time it is told that one change undoes another.
fn undo(scene: &mut Scene, back: &str, undone: &str) {
    let told = scene.dice.chance(0.5);
    if let Some(change) = scene.changes.iter_mut().find(|change| change.id == back && told) {
        change.reverts = Some(undone.to_owned());
    }
}
