//! Changes that have nothing to do with what fails.

use storage::record::{Change, ChangeKind, Known, Mount, MountHow, SecretRole};

use crate::feeds::{Part, Rollout};
use crate::scene::Scene;
use crate::world::secret::Mounting;
use crate::world::service::Build;

/// Names that try to break out of the formats that they land in.
const STRANGE: [&str; 5] = [
    "<script>alert(1)</script>",
    "=HYPERLINK(\"http://x\")",
    "**bold** [x](http://x) | a | b",
    "\u{1b}[2J\u{1b}[31mred",
    "line\r\n## heading",
];

/// Adds so many changes a day, over 24 to 36 hours before the scene's zero and until its end.
pub fn add(scene: &mut Scene, per_day: u32) {
    let before = scene.dice.between(24.0, 36.0) * 3600.0;
    let days = (before + scene.until) / 86_400.0;
    let count = (f64::from(per_day) * days).round() as usize;
    for _ in 0..count {
        let at = scene.dice.between(-before, scene.until);
        // Few of a cluster's changes concern one API; those that do are harmless here.
        if scene.dice.chance(0.06) { own(scene, at) } else { elsewhere(scene, at) }
    }
}

/// A change of another application.
fn elsewhere(scene: &mut Scene, at: f64) {
    let number = scene.dice.below(25);
    let (namespace, name) = (format!("ns-{number}"), format!("app-{}", scene.dice.below(60)));
    let kinds = [
        (ChangeKind::Rollout, 30),
        (ChangeKind::Scale, 20),
        (ChangeKind::Secret, 12),
        (ChangeKind::Configmap, 12),
        (ChangeKind::Restart, 12),
        (ChangeKind::ApiKey, 5),
        (ChangeKind::Rbac, 4),
        (ChangeKind::Certificate, 3),
        (ChangeKind::Deploy, 2),
    ];
    let mut draw = scene.dice.below(100);
    let mut kind = ChangeKind::Rollout;
    for (of, weight) in kinds {
        if draw < weight {
            kind = of;
            break;
        }
        draw -= weight;
    }
    let object = match kind {
        ChangeKind::Secret | ChangeKind::Certificate => format!("Secret/{namespace}/{name}"),
        ChangeKind::Configmap => format!("ConfigMap/{namespace}/{name}"),
        ChangeKind::ApiKey => format!("api_key/{number}"),
        ChangeKind::Rbac => format!("user_role/{number}"),
        ChangeKind::Restart => format!("Pod/{namespace}/{name}-{:04x}", scene.dice.below(0xffff)),
        _ => format!("Deployment/{namespace}/{name}"),
    };
    let mut change = scene.observed(at, kind, object, None);
    if scene.dice.chance(0.6) {
        change.targets = vec![format!("service-{number}")];
    }
    match kind {
        ChangeKind::Rollout => {
            let takes = scene.rollout_takes();
            change.until = Some(scene.at(at + takes));
            change.summary = "image changed".into();
        }
        ChangeKind::Restart => change.workload = Some(format!("Deployment/{namespace}/{name}")),
        ChangeKind::Secret => {
            change.data_changed = Some(scene.dice.pick(&[Known::Yes, Known::No, Known::Unknown]));
            change.secret_role = scene.feed.roles.then(|| scene.dice.pick(SecretRole::ALL));
            let how = scene.dice.pick(&[MountHow::Volume, MountHow::Env]);
            change.mounts = vec![Mount { workload: format!("Deployment/{namespace}/{name}"), how }];
        }
        _ => {}
    }
    if scene.strange_names {
        change.summary = scene.dice.pick(&STRANGE).into();
        change.object = format!("{}/{}", change.object, scene.dice.pick(&STRANGE));
    }
    scene.record(change);
}

/// A harmless change of the target itself or beside it.
fn own(scene: &mut Scene, at: f64) {
    let target = scene.dice.below(scene.world.targets.len());
    let (namespace, workload) = {
        let is = &scene.world.targets[target];
        (is.namespace.clone(), is.service.workload.clone())
    };
    if at < -300.0 && scene.may_restart && scene.dice.chance(0.12) {
        restarted(scene, at, target);
        return;
    }
    let change = match scene.dice.below(13) {
        0 | 1 => {
            let mut change = scene.observed(at, ChangeKind::Scale, workload.clone(), Some(target));
            change.workload = Some(workload);
            change
        }
        2 | 3 => {
            let object = format!("Secret/{namespace}/unused-{}", scene.dice.below(5));
            let mut change = scene.observed(at, ChangeKind::Secret, object, Some(target));
            change.data_changed = Some(Known::No);
            change
        }
        4 | 5 => {
            let object = format!("api_key/client-{}", scene.dice.below(500));
            let mut change = scene.polled(at, ChangeKind::ApiKey, object, &[target], "postgres");
            change.touches_probe = Some(Known::No);
            change
        }
        6 | 7 => {
            let object = format!("user_role/user-{}", scene.dice.below(500));
            let mut change = scene.polled(at, ChangeKind::Rbac, object, &[target], "postgres");
            change.touches_probe = Some(Known::No);
            change
        }
        8 => {
            let url = "https://idp.example.com/.well-known/jwks.json".to_owned();
            scene.polled(at, ChangeKind::JwksAdd, url, &[target], "jwks")
        }
        9 => {
            let mut change = scene.observed(at, ChangeKind::Note, "note".into(), Some(target));
            change.summary = "shift handover".into();
            change
        }
        10 => {
            let object = format!("Secret/{namespace}/worker-{}", scene.dice.below(5));
            let mut change = scene.observed(at, ChangeKind::Secret, object, Some(target));
            change.data_changed = Some(Known::Yes);
            let how = scene.dice.pick(&[MountHow::Volume, MountHow::Env]);
            change.mounts = vec![Mount { workload: format!("Deployment/{namespace}/worker"), how }];
            change.secret_role = scene.feed.roles.then_some(SecretRole::Other);
            change
        }
        11 => other_workload(scene, at, ChangeKind::Configmap, &namespace, target),
        _ => other_workload(scene, at, ChangeKind::Rollout, &namespace, target),
    };
    scene.record(change);
}

/// The API itself is rolled out or restarted, and works as before.
fn restarted(scene: &mut Scene, at: f64, target: usize) {
    let service = &scene.world.targets[target].service;
    let keeps = |mounting: Mounting| mounting.reloads;
    // What waits for a restart must not be put in force by the way.
    if !keeps(service.signing) || !keeps(service.others) {
        return;
    }
    if scene.dice.chance(0.5) {
        let takes = scene.rollout_takes();
        scene.roll_out(target, Part::Api, Rollout::new(at, takes, Build::default()));
    } else {
        let one = scene.dice.pick(&scene.world.targets[target].service.serving(at));
        scene.restart(target, &[one], at);
    }
}

/// A change of another workload in the same namespace, now and then linked to the target by mistake.
fn other_workload(scene: &mut Scene, at: f64, kind: ChangeKind, namespace: &str, target: usize) -> Change {
    let worker = scene.dice.pick(&["worker", "cron", "frontend"]);
    let object = match kind {
        ChangeKind::Configmap => format!("ConfigMap/{namespace}/{worker}-config"),
        _ => format!("Deployment/{namespace}/{worker}"),
    };
    let linked = (kind == ChangeKind::Configmap).then_some(target);
    let mut change = scene.observed(at, kind, object, linked);
    if kind == ChangeKind::Configmap {
        change.mounts = vec![Mount { workload: format!("Deployment/{namespace}/{worker}"), how: MountHow::Volume }];
    } else {
        let takes = scene.rollout_takes();
        change.until = Some(scene.at(at + takes));
    }
    change
}
