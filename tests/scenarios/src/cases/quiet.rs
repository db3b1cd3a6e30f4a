//! Nothing breaks, whatever happens.

use storage::record::{ChangeKind, Reason};

use crate::cases::{Case, case, deceptive};
use crate::feeds::{Object, Part, Rollout};
use crate::scene::Scene;
use crate::truth::Answer;
use crate::world::fault::Fault;
use crate::world::prober::Role;
use crate::world::secret::Mounting;
use crate::world::service::Build;
use crate::world::target::Key;

pub(super) const CASES: &[Case] = &[
    case("dormant_secret_never_loaded", dormant),
    case("rollout_stuck_old_pods_serve", stuck),
    case("key_added", key_added),
    case("wrong_passwords_of_others", others_passwords),
    deceptive("network_loses_two_percent", flaky),
    deceptive("very_many_changes_and_an_outage", busy),
    case("strange_names", strange),
    case("rotation_inside_a_maintenance", maintenance),
];

fn dormant(scene: &mut Scene) {
    scene.mount_signing(0, Mounting::ENV);
    scene.write_secret(0, Object::Signing, 0.0, 2);
    scene.until = 2.0 * 3600.0;
}

fn stuck(scene: &mut Scene) {
    let workload = scene.world.targets[0].service.workload.clone();
    let mut change = scene.observed(0.0, ChangeKind::Rollout, workload, Some(0));
    change.summary = "ProgressDeadlineExceeded".into();
    scene.record(change);
    scene.until = 2.0 * 3600.0;
}

fn key_added(scene: &mut Scene) {
    let idp = scene.issue_by_idp(&[0]);
    let keys = vec![Key { kid: 1, material: 1 }, Key { kid: 2, material: 2 }];
    scene.key_set(idp, ChangeKind::JwksAdd, 0.0, keys, &[0]);
    scene.until = 2.0 * 3600.0;
}

fn others_passwords(scene: &mut Scene) {
    for _ in 0..200 {
        let at = scene.dice.between(0.0, 1800.0);
        let object = format!("login/user-{}", scene.dice.below(1000));
        let mut note = scene.observed(at, ChangeKind::Note, object, Some(0));
        note.source = "logs".into();
        note.summary = "wrong password".into();
        scene.record(note);
    }
    scene.until = 2.0 * 3600.0;
}

/// No incident, or one that flaps; no change explains it.
fn flaky(scene: &mut Scene) {
    let ends = 6.0 * 3600.0;
    let mut fault = Fault::new(0, &Role::ALL, Reason::Timeout, 0.0, ends);
    fault.share = 0.02;
    scene.world.faults.push(fault);
    scene.expect(0.0, ends, Vec::new());
    scene.until = ends + 1800.0;
}

/// Four hundred changes a day, and none of them is it.
fn busy(scene: &mut Scene) {
    for _ in 0..400 {
        let at = scene.dice.between(-86_400.0, 0.0);
        let object = format!("Deployment/ns-{}/app-{}", scene.dice.below(25), scene.dice.below(60));
        let mut change = scene.observed(at, ChangeKind::Rollout, object, None);
        change.until = Some(scene.at(at + 60.0));
        scene.record(change);
    }
    super::outages::outage(scene, &super::outages::DATABASE, Reason::ServerError);
}

fn strange(scene: &mut Scene) {
    scene.strange_names = true;
    scene.issue_apart(0);
    let id = scene.write_secret(0, Object::Signing, 0.0, 2);
    let fixed = scene.duration();
    scene.restore_secret(0, Object::Signing, fixed, 1, &id);
    scene.expect(0.0, fixed + 300.0, vec![Answer::one(&id)]);
    scene.finish(fixed + 300.0);
}

/// The rotation is planned and announced.
fn maintenance(scene: &mut Scene) {
    scene.issue_apart(0);
    scene.mount_signing(0, Mounting::ENV);
    let announced = scene.dice.between(60.0, 600.0);
    let name = scene.world.targets[0].name.clone();
    let mut planned = scene.observed(-announced, ChangeKind::Maintenance, name.clone(), Some(0));
    planned.targets = vec![name];
    planned.until = Some(scene.at(4.0 * 3600.0));
    scene.record(planned);
    let secret = scene.write_secret(0, Object::Signing, 0.0, 2);
    let takes = scene.rollout_takes();
    let lead = scene.dice.between(5.0, 60.0);
    let rollout = scene.roll_out(0, Part::Api, Rollout::new(lead, takes, Build::default()));
    let fixed = lead + takes + scene.duration();
    scene.restore_secret(0, Object::Signing, fixed, 1, &secret);
    scene.roll_out(0, Part::Api, Rollout::new(fixed + 5.0, 60.0, Build::default()));
    let accepted = vec![Answer::triggered(&secret, &[&rollout]), Answer::set(&[&secret, &rollout])];
    scene.expect(0.0, fixed + 200.0, accepted).tags = vec!["during_maintenance"];
    scene.finish(fixed + 200.0);
}
