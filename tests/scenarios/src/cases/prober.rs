//! The prober's own troubles.

use storage::record::Reason;

use crate::cases::outages::{DATABASE, outage};
use crate::cases::{Case, case, deceptive};
use crate::feeds::Object;
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::fault::Fault;
use crate::world::prober::{Agent, Role};

pub(super) const CASES: &[Case] = &[
    case("prober_clock_wrong", clock),
    case("prober_key_unreadable", own_key),
    case("prober_without_network", offline),
    deceptive("one_prober_cut_off", cut_off),
    case("prober_away_at_the_onset", away),
    case("prober_away_at_the_rotation", away_at_the_rotation),
];

fn clock(scene: &mut Scene) {
    let ends = scene.duration();
    for agent in &mut scene.world.agents {
        agent.clock_wrong.push((0.0, ends));
    }
    scene.finish(ends);
}

fn own_key(scene: &mut Scene) {
    scene.need(0, Role::ApiKey);
    let ends = scene.duration();
    for agent in &mut scene.world.agents {
        agent.no_key.push((0.0, ends));
    }
    scene.finish(ends);
}

fn offline(scene: &mut Scene) {
    let ends = scene.duration();
    scene.world.agents[0].offline.push((0.0, ends));
    scene.finish(ends);
}

/// One of several probers reaches nothing any more and does not know that it is its own fault.
fn cut_off(scene: &mut Scene) {
    if scene.world.agents.len() < 2 {
        scene.world.agents.push(Agent { name: "eu-north".into(), ..scene.world.agents[0].clone() });
    }
    let ends = scene.duration();
    let mut fault = Fault::new(0, &Role::ALL, Reason::Timeout, 0.0, ends);
    fault.agent = Some(0);
    scene.world.faults.push(fault);
    scene.expect(0.0, ends + 60.0, Vec::new()).tags = vec!["prober_side"];
    scene.finish(ends);
}

/// The prober is restarted while a database goes down.
fn away(scene: &mut Scene) {
    gap(scene, -120.0, 240.0);
    outage(scene, &DATABASE, Reason::ServerError);
}

fn away_at_the_rotation(scene: &mut Scene) {
    scene.issue_apart(0);
    let id = scene.write_secret(0, Object::Signing, 0.0, 2);
    let fixed = 300.0 + scene.duration();
    scene.restore_secret(0, Object::Signing, fixed, 1, &id);
    gap(scene, -60.0, 200.0);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&id)]);
    scene.finish(fixed + 300.0);
}

fn gap(scene: &mut Scene, from: f64, until: f64) {
    for agent in &mut scene.world.agents {
        agent.off.push((from, until));
    }
    scene.blind("prober", from, until);
}
