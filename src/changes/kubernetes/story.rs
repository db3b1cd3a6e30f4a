//! Plays what a real API server sent (tests/fixtures/kubernetes) to the observers.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use serde::de::DeserializeOwned;
use serde_json::Value;
use storage::record::Change;

use crate::changes::kubernetes::consumers::Consumers;
use crate::changes::kubernetes::fleet::Shared;
use crate::changes::kubernetes::observe::{Key, Moment, Observe};
use crate::changes::kubernetes::pod::Pods;
use crate::changes::kubernetes::replica_set::ReplicaSets;
use crate::changes::kubernetes::workloads::Workloads;

/// The observers of one cluster, and what they told.
pub(super) struct Story {
    pub(super) consumers: Consumers,
    deployments: Workloads<Deployment>,
    stateful_sets: Workloads<StatefulSet>,
    daemon_sets: Workloads<DaemonSet>,
    replica_sets: ReplicaSets,
    pods: Pods,
}

/// One line of a fixture.
pub(super) enum Line {
    /// What was done next.
    Step(String),
    /// What the watch told.
    Event { seen: Timestamp, gone: bool, object: Value },
}

impl Story {
    pub(super) fn new() -> Self {
        let consumers = Consumers::default();
        let fleet = Shared::new(consumers.clone());
        Self {
            consumers,
            deployments: Workloads::new(fleet.clone()),
            stateful_sets: Workloads::new(fleet.clone()),
            daemon_sets: Workloads::new(fleet.clone()),
            replica_sets: ReplicaSets::new(fleet.clone()),
            pods: Pods::new(fleet),
        }
    }

    /// A watch told something.
    pub(super) fn event(&mut self, object: Value, gone: bool, at: Moment) -> Vec<Change> {
        match object["kind"].as_str().unwrap() {
            "Deployment" => tell(&mut self.deployments, object, gone, at),
            "StatefulSet" => tell(&mut self.stateful_sets, object, gone, at),
            "DaemonSet" => tell(&mut self.daemon_sets, object, gone, at),
            "ReplicaSet" => tell(&mut self.replica_sets, object, gone, at),
            "Pod" => tell(&mut self.pods, object, gone, at),
            kind => unreachable!("{kind} is in no fixture"),
        }
    }

    /// Everything that is told during one step, each change as it was told last.
    pub(super) fn play(&mut self, lines: Vec<Line>, wanted: &str) -> Vec<Change> {
        let mut told: Vec<Change> = Vec::new();
        let mut now = String::new();
        for line in lines {
            match line {
                Line::Step(step) if now == wanted => {
                    assert_ne!(step, wanted);
                    break;
                }
                Line::Step(step) => now = step,
                Line::Event { seen, gone, object } => {
                    let since = seen.checked_sub(SignedDuration::from_mins(1)).ok();
                    let changes = self.event(object, gone, Moment { since, seen, live: true });
                    for change in changes.into_iter().filter(|_| now == wanted) {
                        match told.iter_mut().find(|told| told.id == change.id) {
                            Some(told) => *told = change,
                            None => told.push(change),
                        }
                    }
                }
            }
        }
        told
    }
}

/// The lines of a fixture.
pub(super) fn lines(name: &str) -> Vec<Line> {
    let path = format!("{}/tests/fixtures/kubernetes/{name}.ndjson", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| read(serde_json::from_str(line).unwrap())).collect()
}

fn read(mut line: Value) -> Line {
    match line["step"].as_str() {
        Some(step) => Line::Step(step.to_owned()),
        None => Line::Event {
            seen: line["seen"].as_str().unwrap().parse().unwrap(),
            gone: line["type"] == "DELETED",
            object: line["object"].take(),
        },
    }
}

fn tell<O: Observe>(observer: &mut O, object: Value, gone: bool, at: Moment) -> Vec<Change>
where
    O::Object: DeserializeOwned,
{
    if gone {
        let text = |field: &str| object["metadata"][field].as_str().unwrap().to_owned();
        return observer.deleted(&Key { namespace: text("namespace"), name: text("name") }, at);
    }
    observer.applied(serde_json::from_value(object).unwrap(), at)
}
