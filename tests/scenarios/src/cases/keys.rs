//! Key sets and what signs.

use storage::record::ChangeKind;

use crate::cases::{Case, case};
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::prober::Role;
use crate::world::target::{Key, Retired};

const OLD: Key = Key { kid: 1, material: 1 };
const NEW: Key = Key { kid: 2, material: 2 };

pub(super) const CASES: &[Case] = &[
    case("key_used_before_verifiers_know_it", early_switch),
    case("key_removed_before_tokens_ended", early_removal),
    case("key_replaced_under_its_name", replaced),
    case("removed_key_still_accepted", still_accepted),
    case("keys_moved_by_another_feed_delay", moved),
];

/// The issuer signs with a key as soon as it is published.
fn early_switch(scene: &mut Scene) {
    let idp = scene.issue_by_idp(&[0]);
    let (ttl, every) = (scene.dice.lognormal(900.0, 0.6).clamp(300.0, 3600.0), scene.world.targets[0].every);
    scene.target().service.key_set_ttl = ttl.max(10.0 * every);
    let lead = scene.dice.between(0.0, 20.0);
    let added = scene.key_set(idp, ChangeKind::JwksAdd, -lead, vec![OLD, NEW], &[0]);
    let switched = scene.signing_switch(idp, 0.0, NEW, &[0]);
    let ttl = scene.world.targets[0].service.key_set_ttl;
    let accepted = vec![Answer::one(&switched), Answer::set(&[&added, &switched])];
    scene.expect(0.0, ttl + 200.0, accepted);
    scene.finish(ttl + 200.0);
}

/// The old key goes while tokens that it signed still live; fresh ones are fine.
fn early_removal(scene: &mut Scene) {
    let idp = scene.issue_by_idp(&[0]);
    scene.need(0, Role::Held);
    let target = scene.target();
    (target.token_life, target.hold) = (14_400.0, 3600.0);
    target.service.key_set_ttl = target.service.key_set_ttl.min(900.0);
    let ttl = target.service.key_set_ttl;
    scene.key_set(idp, ChangeKind::JwksAdd, -7200.0, vec![OLD, NEW], &[0]);
    let next = 3600.0;
    let switch = scene.dice.between(-300.0, -30.0);
    scene.signing_switch(idp, switch, NEW, &[0]);
    let removed = scene.key_set(idp, ChangeKind::JwksRemove, 0.0, vec![NEW], &[0]);
    scene.expect(0.0, ttl.max(next) + 200.0, vec![Answer::one(&removed)]);
    scene.finish(next + 200.0);
}

/// The worst way: another key under the same name.
fn replaced(scene: &mut Scene) {
    let idp = scene.issue_by_idp(&[0]);
    let every = scene.world.targets[0].every;
    let ttl = scene.dice.gamma(2.0, 400.0).clamp(120.0, 3600.0).max(10.0 * every);
    scene.target().service.key_set_ttl = ttl;
    let key = Key { kid: 1, material: 2 };
    let id = scene.key_set(idp, ChangeKind::JwksReplace, 0.0, vec![key], &[0]);
    scene.world.idps[idp].signing.set(0.0, key);
    let hold = scene.world.targets[0].hold;
    scene.expect(0.0, ttl.max(hold) + 300.0, vec![Answer::one(&id)]);
    scene.finish(ttl.max(hold) + 300.0);
}

/// A key is taken away because it is known to others, and tokens that it signs are let in all the same.
fn still_accepted(scene: &mut Scene) {
    let idp = scene.issue_by_idp(&[0]);
    scene.need(0, Role::Retired);
    scene.key_set(idp, ChangeKind::JwksAdd, -8.0 * 3600.0, vec![OLD, NEW], &[0]);
    scene.signing_switch(idp, -5.0 * 3600.0, NEW, &[0]);
    scene.target().service.key_set_ttl = 600.0;
    let removed = scene.key_set(idp, ChangeKind::JwksRemove, 0.0, vec![NEW], &[0]);
    let until = scene.duration();
    scene.target().retired = Some(Retired { at: 0.0, accepted_until: until });
    scene.expect(0.0, until + 100.0, vec![Answer::one(&removed)]).roles = vec![Role::Retired];
    scene.finish(until + 100.0);
}

/// The switch is seen with the coarsest poll: its interval reaches beyond the onset.
fn moved(scene: &mut Scene) {
    scene.feed.poll = 300.0;
    early_switch(scene);
}
