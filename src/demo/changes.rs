//! The changes that a cluster would report of the demo's story.

use jiff::Timestamp;
use storage::record::{Change, ChangeKind, Known, Mount, MountHow, Operation, Record, SecretRole};

const TARGET: &str = "orchestrator";
const DEPLOYMENT: &str = "Deployment/demo/orchestrator";
const SOURCE: &str = "demo";
const REPLICAS: f64 = 3.0;

/// The signing secret has a new value.
pub(crate) fn secret(now: Timestamp) -> Record {
    Record::Change(Change {
        id: "demo-secret".into(),
        kind: ChangeKind::Secret,
        object: "Secret/demo/orchestrator-jwt-secret".into(),
        data_changed: Some(Known::Yes),
        keys: vec!["secret".into()],
        mounts: vec![Mount { workload: DEPLOYMENT.into(), how: MountHow::Env }],
        operation: Some(Operation::Updated),
        secret_role: Some(SecretRole::JwtSigning),
        summary: "key secret changed".into(),
        ..change(now)
    })
}

/// The API key of the prober is taken out of use.
pub(crate) fn revoked_key(now: Timestamp) -> Record {
    Record::Change(Change {
        id: "demo-key".into(),
        kind: ChangeKind::ApiKey,
        object: "ApiKey/demo/probe".into(),
        touches_probe: Some(Known::Yes),
        operation: Some(Operation::Updated),
        summary: "API key revoked".into(),
        ..change(now)
    })
}

/// A rollout, told again with each replica that is new.
#[derive(Debug, Default)]
pub(crate) struct Rollout {
    progress: Vec<(Timestamp, f64)>,
}

impl Rollout {
    /// One more replica is new and ready.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Record {
        let ready = self.progress.len() as f64 + 1.0;
        self.progress.push((now, ready / REPLICAS));
        let began = self.progress.first().map_or(now, |(at, _)| *at);
        Record::Change(Change {
            id: "demo-rollout".into(),
            until: (ready >= REPLICAS).then_some(now),
            kind: ChangeKind::Rollout,
            object: DEPLOYMENT.into(),
            progress: self.progress.clone(),
            revision: Some("2".into()),
            summary: "restarted to take up the new secret".into(),
            known_at: Some(now),
            ..change(began)
        })
    }
}

fn change(at: Timestamp) -> Change {
    Change {
        time: Some(at),
        targets: vec![TARGET.into()],
        source: SOURCE.into(),
        known_at: Some(at),
        ..Change::default()
    }
}
