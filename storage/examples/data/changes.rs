//! What is changed in the data set: the secrets whose rotation some incidents are, and much without a consequence.

use jiff::SignedDuration;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use storage::record::{Change, ChangeKind, Known, Mount, MountHow, SecretRole};

use super::{BEGIN_US, EVERY_US, SEED, Shape, incidents, moment};

/// What a change without a consequence is.
const KINDS: [ChangeKind; 6] = [
    ChangeKind::Configmap,
    ChangeKind::Rollout,
    ChangeKind::Restart,
    ChangeKind::Scale,
    ChangeKind::Secret,
    ChangeKind::Deploy,
];

/// All changes, by time; none at all where none a day are wanted.
pub(crate) fn changes(shape: Shape) -> Vec<Change> {
    if shape.changes == 0 {
        return Vec::new();
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED ^ 2);
    let rotated = incidents::rotations(shape.slots(), shape.targets(), shape.incidents);
    let mut changes: Vec<Change> = rotated.into_iter().map(|(slot, first)| rotation(shape, slot, first)).collect();
    let all = u64::from(shape.changes) * u64::from(shape.days);
    for number in changes.len() as u64..all {
        let kind = KINDS[random.random_range(0..KINDS.len())];
        let target = random.random_range(0..shape.targets());
        let at_us = BEGIN_US + random.random_range(0..shape.slots() * EVERY_US);
        let (word, name) = match kind {
            ChangeKind::Secret => ("Secret", "settings"),
            ChangeKind::Configmap => ("ConfigMap", "settings"),
            _ => ("Deployment", "api"),
        };
        let taking = matches!(kind, ChangeKind::Rollout | ChangeKind::Deploy);
        let until = moment(at_us + random.random_range(30..180) * 1_000_000);
        changes.push(Change {
            id: format!("c-{number}"),
            time: Some(moment(at_us)),
            until: taking.then_some(until),
            kind,
            object: format!("{word}/team-{target:03}/{name}"),
            targets: vec![format!("target-{target:03}")],
            data_changed: matches!(kind, ChangeKind::Secret | ChangeKind::Configmap).then_some(Known::Unknown),
            summary: format!("{word} {name} of target-{target:03} changed"),
            source: "kubernetes".into(),
            ..Change::default()
        });
    }
    changes.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    changes
}

/// The secret of some targets is changed half a minute before they fail.
fn rotation(shape: Shape, slot: i64, first: u32) -> Change {
    let fails = moment(BEGIN_US + slot * EVERY_US);
    let targets = (first..first + 4).map(|target| format!("target-{:03}", target % shape.targets()));
    Change {
        id: format!("rotation-{slot}"),
        time: fails.checked_sub(SignedDuration::from_secs(30)).ok(),
        kind: ChangeKind::Secret,
        object: format!("Secret/team-{first:03}/jwt-secret"),
        targets: targets.collect(),
        data_changed: Some(Known::Yes),
        keys: vec!["secret".into()],
        mounts: vec![Mount { workload: format!("Deployment/team-{first:03}/api"), how: MountHow::Volume }],
        secret_role: Some(SecretRole::JwtSigning),
        summary: "key secret changed".into(),
        source: "kubernetes".into(),
        ..Change::default()
    }
}
