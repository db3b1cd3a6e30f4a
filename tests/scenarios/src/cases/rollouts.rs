//! Rollouts that break something.

use std::time::Duration;

use storage::record::{ChangeKind, Reason};

use crate::cases::dormant::replicas;
use crate::cases::{Case, case, deceptive};
use crate::feeds::{Part, Rollout};
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::prober::Role;
use crate::world::service::{Bug, Build};

pub(super) const CASES: &[Case] = &[
    case("rollout_breaks_the_api", breaks),
    case("rollout_hangs", hangs),
    case("rollout_of_the_issuer", issuer),
    case("rollout_canary_paused", canary),
    case("rollout_forbids", forbids),
    case("rollout_lets_in", lets_in),
    case("rollout_accepts_unsigned_tokens", unsigned),
    case("rollout_refuses_tokens", refuses_tokens),
    case("rollout_refuses_keys", refuses_keys),
    case("rollout_rolled_back", rolled_back),
    case("rollout_slower", slower),
    case("deploy_of_a_pipeline", deploy),
    deceptive("rollout_with_a_harmless_one_beside", beside),
];

/// A program with one bug from its start on.
fn buggy(roles: &[Role], reason: Reason, share: f64) -> Build {
    let bug = Bug { roles: roles.to_vec(), reason, after: 0.0, share };
    Build { bugs: vec![bug], ..Build::default() }
}

/// A rollout with a bug, and its end: a rollback two times in three, else a fixed version.
fn bad(scene: &mut Scene, part: Part, build: Build, partial: bool) -> (String, f64) {
    let takes = scene.rollout_takes();
    let id = scene.roll_out(0, part, Rollout::new(0.0, takes, build));
    let lasts = if partial { scene.long_duration() } else { scene.duration() };
    let fixed = takes + lasts;
    if scene.dice.chance(0.67) {
        scene.roll_back(0, part, fixed, &id);
    } else {
        let takes = scene.rollout_takes().min(240.0);
        scene.roll_out(0, part, Rollout::new(fixed, takes, Build::default()));
    }
    scene.finish(fixed + 300.0);
    (id, fixed + 300.0)
}

fn breaks(scene: &mut Scene) {
    let roles: Vec<Role> = if scene.dice.chance(0.5) { Role::ALL.to_vec() } else { Role::API.to_vec() };
    let reason =
        scene.dice.pick(&[Reason::ServerError, Reason::ServerError, Reason::Connect, Reason::UnexpectedStatus]);
    let (id, until) = bad(scene, Part::Api, buggy(&roles, reason, 1.0), false);
    scene.expect(0.0, until, vec![Answer::one(&id)]);
}

fn hangs(scene: &mut Scene) {
    let (id, until) = bad(scene, Part::Api, buggy(&Role::ALL, Reason::Timeout, 1.0), false);
    scene.expect(0.0, until, vec![Answer::one(&id)]);
}

fn issuer(scene: &mut Scene) {
    scene.issue_apart(0);
    let reason = scene.dice.pick(&[
        Reason::ServerError,
        Reason::ServerError,
        Reason::Timeout,
        Reason::LoginRejected,
        Reason::TokenMissing,
    ]);
    let (id, until) = bad(scene, Part::Issuer, buggy(&[Role::Login], reason, 1.0), false);
    scene.expect(0.0, until, vec![Answer::one(&id)]);
}

/// One pod of four is new, and stays the only one.
fn canary(scene: &mut Scene) {
    replicas(scene, 4);
    let takes = scene.rollout_takes();
    let reason = scene.dice.pick(&[Reason::ServerError, Reason::Timeout]);
    let build = buggy(&Role::API, reason, 1.0);
    let id = scene.roll_out(0, Part::Api, Rollout { share: 0.25, ..Rollout::new(0.0, takes, build) });
    let fixed = takes + scene.long_duration();
    scene.roll_back(0, Part::Api, fixed, &id);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&id)]);
    scene.finish(fixed + 300.0);
}

fn forbids(scene: &mut Scene) {
    scene.need(0, Role::Permitted);
    let (id, until) = bad(scene, Part::Api, buggy(&[Role::Permitted], Reason::PermissionDenied, 1.0), false);
    scene.expect(0.0, until, vec![Answer::one(&id)]);
}

fn lets_in(scene: &mut Scene) {
    let role = scene.dice.pick(&[Role::Forbidden, Role::UnknownKey, Role::Tampered]);
    scene.need(0, role);
    let (id, until) = bad(scene, Part::Api, buggy(&[role], Reason::UnexpectedlyAllowed, 1.0), false);
    scene.expect(0.0, until, vec![Answer::one(&id)]);
}

fn unsigned(scene: &mut Scene) {
    scene.need(0, Role::AlgNone);
    let roles = if scene.dice.chance(0.3) { vec![Role::AlgNone, Role::Tampered] } else { vec![Role::AlgNone] };
    let (id, until) = bad(scene, Part::Api, buggy(&roles, Reason::UnexpectedlyAllowed, 1.0), false);
    scene.expect(0.0, until, vec![Answer::one(&id)]);
}

fn refuses_tokens(scene: &mut Scene) {
    let reason = scene.dice.pick(&[Reason::SignatureInvalid, Reason::ClaimsInvalid, Reason::TokenRejected]);
    let (id, until) = bad(scene, Part::Api, buggy(&Role::TOKEN, reason, 1.0), false);
    scene.expect(0.0, until, vec![Answer::one(&id)]);
}

fn refuses_keys(scene: &mut Scene) {
    scene.need(0, Role::ApiKey);
    let reason = scene.dice.pick(&[Reason::ApiKeyRejected, Reason::ServerError]);
    let (id, until) = bad(scene, Part::Api, buggy(&[Role::ApiKey], reason, 1.0), false);
    scene.expect(0.0, until, vec![Answer::one(&id)]);
}

fn rolled_back(scene: &mut Scene) {
    let takes = scene.rollout_takes();
    let build = buggy(&Role::API, Reason::ServerError, 0.6);
    let id = scene.roll_out(0, Part::Api, Rollout::new(0.0, takes, build));
    let fixed = takes + scene.duration();
    scene.roll_back(0, Part::Api, fixed, &id);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&id)]);
    scene.until = fixed + 3600.0;
}

/// Slower than the objective allows, but right.
fn slower(scene: &mut Scene) {
    let name = scene.world.targets[0].name.clone();
    let text = format!(r#"{{"name":"latency","probes":["{name}/*"],"objective":99.0}}"#);
    if let Ok(mut slo) = serde_json::from_str::<reports::settings::Slo>(&text) {
        slo.latency = Some(Duration::from_millis(500));
        scene.slos.push(slo);
    }
    let allowed = [Role::Login, Role::Jwt, Role::Held, Role::ApiKey, Role::Permitted];
    let (id, until) = bad(scene, Part::Api, buggy(&allowed, Reason::Slow, 1.0), false);
    scene.expect(0.0, until, vec![Answer::one(&id)]);
}

/// A pipeline posts its deploy, and the cluster shows the rollout a moment later.
fn deploy(scene: &mut Scene) {
    let (id, until) = bad(scene, Part::Api, buggy(&Role::API, Reason::ServerError, 1.0), false);
    let lead = scene.dice.between(2.0, 50.0);
    let name = scene.world.targets[0].name.clone();
    let mut posted = scene.observed(-lead, ChangeKind::Deploy, name.clone(), Some(0));
    posted.targets = vec![name];
    posted.source = "ci".into();
    posted.actor = scene.changes.iter().find(|change| change.id == id).and_then(|change| change.actor.clone());
    posted.summary = "deploy of main".into();
    let posted = scene.record(posted);
    scene.expect(0.0, until, vec![Answer::one(&id), Answer::one(&posted), Answer::set(&[&id, &posted])]);
}

/// A bad rollout of the API, and a harmless one of another workload that is nearer to the onset.
fn beside(scene: &mut Scene) {
    let (id, until) = bad(scene, Part::Api, buggy(&Role::API, Reason::ServerError, 1.0), false);
    let namespace = scene.world.targets[0].namespace.clone();
    let begins = scene.dice.between(2.0, 30.0);
    let mut other = scene.observed(begins, ChangeKind::Rollout, format!("Deployment/{namespace}/worker"), None);
    other.until = Some(scene.at(begins + 60.0));
    scene.record(other);
    scene.expect(0.0, until, vec![Answer::one(&id)]);
}
