//! Feeds that tell little, late or roughly.

use storage::record::{ChangeKind, Reason};

use crate::cases::{Case, case, deceptive};
use crate::feeds::{Object, Part, Rollout};
use crate::scene::{Feed, Scene};
use crate::truth::Answer;
use crate::world::prober::Role;
use crate::world::service::{Bug, Build};

pub(super) const CASES: &[Case] = &[
    case("signing_secret_poorly_described", poorly_described),
    case("signing_secret_read_again_slowly", read_slowly),
    case("secret_seen_after_a_new_list", new_list),
    case("deploy_without_a_cluster", deploy_only),
    case("rollout_without_progress", without_progress),
    deceptive("api_key_row_that_says_nothing", silent_row),
];

fn rotated(scene: &mut Scene) -> String {
    scene.issue_apart(0);
    let secret = scene.write_secret(0, Object::Signing, 0.0, 2);
    let fixed = scene.duration();
    scene.restore_secret(0, Object::Signing, fixed, 1, &secret);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&secret)]);
    scene.finish(fixed + 200.0);
    secret
}

/// Only the configuration tells what the secret is.
fn poorly_described(scene: &mut Scene) {
    scene.feed = Feed { targets: false, roles: false, mounts: false, touches: false, data: false, ..scene.feed };
    rotated(scene);
}

/// The programs look for a changed file every quarter of an hour or so.
fn read_slowly(scene: &mut Scene) {
    let longest = scene.dice.between(300.0, 1500.0);
    let mut dice = scene.dice.clone();
    scene.world.targets[0].service.read_again_after(longest, &mut dice);
    scene.issue_apart(0);
    let secret = scene.write_secret(0, Object::Signing, 0.0, 2);
    let fixed = longest + scene.duration();
    scene.restore_secret(0, Object::Signing, fixed, 1, &secret);
    scene.expect(0.0, fixed + longest + 300.0, vec![Answer::one(&secret)]);
    scene.finish(fixed + longest + 200.0);
}

/// The watch was lost when the secret was rotated; the next list shows that it has changed since the last.
fn new_list(scene: &mut Scene) {
    let secret = rotated(scene);
    let (before, behind) = (scene.dice.between(60.0, 900.0), scene.dice.between(60.0, 900.0));
    scene.blind("kubernetes", -before, behind);
    let (lo, hi) = (scene.at(-before), scene.at(behind));
    for change in scene.changes.iter_mut().filter(|change| change.id == secret) {
        (change.time, change.time_lo, change.time_hi, change.known_at) = (None, Some(lo), Some(hi), Some(hi));
    }
}

fn bug(role: &[Role]) -> Build {
    let bug = Bug { roles: role.to_vec(), reason: Reason::ServerError, after: 0.0, share: 1.0 };
    Build { bugs: vec![bug], ..Build::default() }
}

/// A pipeline tells of its deploy; nobody watches a cluster.
fn deploy_only(scene: &mut Scene) {
    scene.may_restart = false;
    let takes = scene.rollout_takes();
    let rollout = scene.roll_out(0, Part::Api, Rollout::new(0.0, takes, bug(&Role::API)));
    let lead = scene.dice.between(0.0, 20.0);
    let fixed = takes + scene.duration();
    let back = scene.roll_back(0, Part::Api, fixed, &rollout);
    scene.changes.retain(|change| change.id != rollout && change.id != back);
    let name = scene.world.targets[0].name.clone();
    let mut posted = scene.observed(-lead, ChangeKind::Deploy, name.clone(), Some(0));
    posted.targets = vec![name];
    posted.source = "api".into();
    posted.until = scene.dice.chance(0.5).then(|| scene.at(takes));
    let id = scene.record(posted);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&id)]);
    scene.finish(fixed + 300.0);
}

/// Neither how far the rollout is nor when it ended is told.
fn without_progress(scene: &mut Scene) {
    let takes = scene.rollout_takes();
    let id = scene.roll_out(0, Part::Api, Rollout::new(0.0, takes, bug(&Role::ALL)));
    for change in scene.changes.iter_mut().filter(|change| change.id == id) {
        change.progress.clear();
        change.until = None;
    }
    let fixed = takes + scene.duration();
    scene.roll_back(0, Part::Api, fixed, &id);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&id)]);
    scene.finish(fixed + 300.0);
}

/// The row of the prober's key is one of several that changed, and none says whose it is.
fn silent_row(scene: &mut Scene) {
    scene.feed.touches = false;
    scene.need(0, Role::ApiKey);
    scene.target().api_key_row.set(0.0, false);
    let id = scene.row(ChangeKind::ApiKey, 0.0, 0, true, "key revoked");
    let hours = scene.dice.between(3600.0, 6.0 * 3600.0);
    scene.row(ChangeKind::ApiKey, -hours, 0, false, "key created");
    let fixed = scene.target().service.key_ttl + scene.duration();
    scene.target().api_key_row.set(fixed, true);
    scene.row(ChangeKind::ApiKey, fixed, 0, true, "key enabled");
    let until = fixed + scene.target().service.key_ttl + 60.0;
    scene.expect(0.0, until, vec![Answer::one(&id)]);
    scene.finish(until);
}
