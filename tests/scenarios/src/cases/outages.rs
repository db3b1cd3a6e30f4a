//! What breaks by itself, with nothing near it that invites a wrong answer.

use storage::record::Reason;

use crate::cases::{Case, case};
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::fault::Fault;
use crate::world::prober::Role;

/// What a shared database serves.
pub(super) const DATABASE: [Role; 5] = [Role::Login, Role::ApiKey, Role::UnknownKey, Role::Permitted, Role::Forbidden];

pub(super) const CASES: &[Case] = &[
    case("database_down", database),
    case("identity_provider_down", identity_provider),
    case("network_down", network),
    case("name_does_not_resolve", dns),
    case("rate_limited", rate_limited),
    case("clock_of_one_pod_wrong", skew),
    case("key_set_cannot_be_fetched", key_set),
    case("one_pod_of_three_broken", one_pod),
    case("flapping_outage", flapping),
    case("outage_still_open", still_open),
    case("api_key_reaches_its_end", key_ends),
    case("certificate_reaches_its_end", certificate_ends),
];

/// A stretch of full failure that no change explains.
pub(super) fn outage(scene: &mut Scene, roles: &[Role], reason: Reason) -> f64 {
    let ends = scene.duration();
    scene.world.faults.push(Fault::new(0, roles, reason, 0.0, ends));
    scene.expect(0.0, ends + 60.0, Vec::new());
    scene.finish(ends);
    ends
}

fn database(scene: &mut Scene) {
    outage(scene, &DATABASE, Reason::ServerError);
}

fn identity_provider(scene: &mut Scene) {
    let reason = scene.dice.pick(&[Reason::ServerError, Reason::Timeout]);
    outage(scene, &[Role::Login], reason);
}

fn network(scene: &mut Scene) {
    let reason = scene.dice.pick(&[Reason::Timeout, Reason::Connect]);
    outage(scene, &Role::ALL, reason);
}

fn dns(scene: &mut Scene) {
    outage(scene, &Role::ALL, Reason::Dns);
}

fn rate_limited(scene: &mut Scene) {
    let share = scene.dice.between(0.5, 1.0);
    outage(scene, &Role::ALL, Reason::RateLimited);
    for fault in &mut scene.world.faults {
        fault.share = share;
    }
}

/// One pod's clock runs away, so it refuses what the others issue.
fn skew(scene: &mut Scene) {
    scene.may_restart = false;
    super::dormant::replicas(scene, 3);
    let one = scene.dice.below(3);
    let life = scene.world.targets[0].token_life;
    let wrong = if scene.dice.chance(0.5) { -scene.dice.between(60.0, 600.0) } else { life + 120.0 };
    let ends = scene.long_duration();
    let pod = &mut scene.world.targets[0].service.replicas[one];
    pod.skew.set(0.0, wrong);
    pod.skew.set(ends, 0.0);
    scene.issue_by_idp(&[0]);
    scene.expect(0.0, ends + 60.0, Vec::new());
    scene.finish(ends);
}

/// The key set cannot be fetched; nobody notices until the copies are too old.
fn key_set(scene: &mut Scene) {
    let idp = scene.issue_by_idp(&[0]);
    let ttl = scene.target().service.key_set_ttl;
    let ends = ttl + scene.duration();
    scene.world.idps[idp].unfetchable.push((0.0, ends));
    scene.expect(0.0, ends + 60.0, Vec::new());
    scene.finish(ends);
}

fn one_pod(scene: &mut Scene) {
    scene.may_restart = false;
    super::dormant::replicas(scene, 3);
    let one = scene.dice.below(3);
    let ends = scene.long_duration();
    scene.world.targets[0].service.replicas[one].down.push((0.0, ends));
    scene.expect(0.0, ends + 60.0, Vec::new());
    scene.finish(ends);
}

/// Broken and well in turn, by the minute.
fn flapping(scene: &mut Scene) {
    let every = scene.world.targets[0].every;
    let ends = outage(scene, &DATABASE, Reason::ServerError) + 30.0 * every;
    let (broken, well) = (scene.dice.between(4.0, 8.0) * every, scene.dice.between(3.0, 8.0) * every);
    for fault in &mut scene.world.faults {
        (fault.until, fault.beat) = (ends, Some((broken, well)));
    }
    for expected in &mut scene.expected {
        expected.until = ends + 60.0;
    }
    scene.finish(ends);
}

fn still_open(scene: &mut Scene) {
    let ends = scene.dice.between(4.0, 9.0) * 3600.0;
    let roles: Vec<Role> = if scene.dice.chance(0.5) { DATABASE.to_vec() } else { Role::ALL.to_vec() };
    let reason = scene.dice.pick(&[Reason::ServerError, Reason::Timeout]);
    scene.world.faults.push(Fault::new(0, &roles, reason, 0.0, ends + 3600.0));
    scene.expect(0.0, ends, Vec::new());
    scene.until = ends;
}

/// The prober's key has an end, which was known.
fn key_ends(scene: &mut Scene) {
    scene.need(0, Role::ApiKey);
    scene.target().api_key_row.set(0.0, false);
    let id = scene.expiry(0.0, 0, "api_key/prober");
    let fixed = scene.target().service.key_ttl + scene.duration();
    scene.target().api_key_row.set(fixed, true);
    scene.row(storage::record::ChangeKind::ApiKey, fixed, 0, true, "key created");
    let until = fixed + scene.target().service.key_ttl + 60.0;
    scene.expect(-1.0, until, vec![Answer::one(&id)]);
    scene.finish(until);
}

fn certificate_ends(scene: &mut Scene) {
    scene.target().certificate_ends = vec![0.0, f64::INFINITY];
    let name = scene.world.targets[0].name.clone();
    let id = scene.expiry(0.0, 0, &format!("certificate/{name}"));
    let fixed = scene.duration();
    scene.write_secret(0, crate::feeds::Object::Certificate, fixed, 1);
    scene.expect(-1.0, fixed + 300.0, vec![Answer::one(&id)]);
    scene.finish(fixed + 300.0);
}
