//! Watches workloads of one kind: their rollouts and their number of replicas.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use jiff::Timestamp;
use storage::record::Change;

use crate::changes::kubernetes::fleet::Shared;
use crate::changes::kubernetes::observe::{Key, Moment, Observe};
use crate::changes::kubernetes::workload::{Rolls, Workload};

/// Watches Deployments, StatefulSets or DaemonSets.
pub(crate) struct Workloads<K> {
    fleet: Shared,
    /// Those that this watch told of: another namespace is another watch.
    own: BTreeSet<Key>,
    kind: PhantomData<K>,
}

impl<K: Rolls> Workloads<K> {
    /// Nothing is known yet.
    pub(crate) fn new(fleet: Shared) -> Self {
        Self { fleet, own: BTreeSet::new(), kind: PhantomData }
    }

    fn read(&mut self, object: K) -> Option<Workload> {
        let workload = object.read()?;
        self.own.insert(workload.key.clone());
        Some(workload)
    }
}

impl<K: Rolls> Observe for Workloads<K> {
    type Object = K;

    fn baseline(&mut self, object: K, now: Timestamp) -> Vec<Change> {
        let Some(workload) = self.read(object) else { return Vec::new() };
        self.fleet.lock().begin(workload, now)
    }

    fn applied(&mut self, object: K, at: Moment) -> Vec<Change> {
        let Some(workload) = self.read(object) else { return Vec::new() };
        self.fleet.lock().apply(workload, at)
    }

    fn deleted(&mut self, key: &Key, at: Moment) -> Vec<Change> {
        self.own.remove(key);
        let object = format!("{}/{}/{}", K::KIND, key.namespace, key.name);
        self.fleet.lock().delete(&object, at)
    }

    fn known(&self) -> Vec<Key> {
        self.own.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
    use serde_json::{Value, json};
    use storage::record::{ChangeKind, Mount, MountHow, Operation};

    use super::*;
    use crate::changes::kubernetes::consumers::Consumers;
    use crate::changes::kubernetes::story::{Line, Story, lines};

    /// What is told of workloads during one step, each change as it was told last.
    fn told(fixture: &str, step: &str) -> Vec<Change> {
        let mut told = Story::new().play(lines(fixture), step);
        told.retain(|change| change.kind != ChangeKind::Restart);
        told
    }

    fn one(fixture: &str, step: &str) -> Change {
        let mut told = told(fixture, step);
        assert_eq!(told.len(), 1, "{told:#?}");
        told.remove(0)
    }

    fn shares(change: &Change) -> Vec<i64> {
        assert!(change.progress.is_sorted_by_key(|(at, _)| *at));
        assert!(change.progress.iter().all(|(at, _)| *at >= change.lo().unwrap()));
        change.progress.iter().map(|(_, share)| (share * 100.0).round() as i64).collect()
    }

    /// The objects of one kind that were seen in a step.
    fn objects(fixture: &str, kind: &str, step: &str) -> Vec<Value> {
        let mut now = String::new();
        let mut found = Vec::new();
        for line in lines(fixture) {
            match line {
                Line::Step(step) => now = step,
                Line::Event { object, .. } if now == step && object["kind"] == kind => found.push(object),
                Line::Event { .. } => (),
            }
        }
        found
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_528_000 + second).unwrap()
    }

    /// Seen as it happened, at a second after the beginning of the clock of these tests.
    fn live(at: i64) -> Moment {
        Moment { since: Some(second(at - 10)), seen: second(at), live: true }
    }

    fn deployment(change: impl FnOnce(&mut Value)) -> Deployment {
        let mut object = objects("deployment", "Deployment", "created").pop().unwrap();
        change(&mut object);
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_new_deployment_is_a_rollout_that_follows_its_pods_until_all_are_ready() {
        let change = one("deployment", "created");
        assert_eq!((change.kind, change.operation), (ChangeKind::Rollout, Some(Operation::Created)));
        assert_eq!(change.object, "Deployment/llm/web");
        assert_eq!(change.summary, "created with image registry.local/web:v1");
        assert_eq!((change.revision.as_deref(), shares(&change)), (Some("1"), vec![33, 67, 100]));
        assert_eq!(change.secret_refs, ["Secret/llm/jwt-v1"]);
        assert!(change.until >= change.time && change.time.is_some());
    }

    #[test]
    fn another_image_is_told_with_its_name_and_who_set_it() {
        let change = one("deployment", "image");
        assert_eq!(change.summary, "image registry.local/web:v2");
        assert_eq!(change.actor.as_deref(), Some("kubectl-set"));
        assert_eq!((change.revision.as_deref(), shares(&change)), (Some("2"), vec![33, 67, 100]));
        assert_eq!(change.operation, Some(Operation::Updated));
        assert!(change.secret_refs.is_empty() && change.reverts.is_none());
    }

    #[test]
    fn a_restart_is_told_as_no_more_than_that() {
        let change = one("deployment", "restart");
        assert_eq!((change.summary.as_str(), shares(&change)), ("restarted", vec![33, 67, 100]));
        assert!(change.reverts.is_none() && change.until.is_some());
    }

    #[test]
    fn a_template_that_names_another_secret_tells_which() {
        let change = one("deployment", "secret");
        assert_eq!(change.summary, "env JWT_SECRET of app");
        assert_eq!(change.secret_refs, ["Secret/llm/jwt-v2"]);
    }

    #[test]
    fn more_and_fewer_replicas_are_a_scaling_and_no_rollout() {
        let up = one("deployment", "scale up");
        assert_eq!((up.kind, up.summary.as_str()), (ChangeKind::Scale, "scaled from 3 to 5 replicas"));
        // This cluster does not say who used the scale subresource; the one who wrote the field last did not.
        assert_eq!(up.actor, None);
        assert!(up.until > up.time);
        let down = one("deployment", "scale down");
        assert_eq!((down.kind, down.summary.as_str()), (ChangeKind::Scale, "scaled from 5 to 2 replicas"));
    }

    #[test]
    fn a_rollback_names_the_revision_and_the_rollout_that_it_undoes() {
        let change = one("deployment", "rollback");
        assert_eq!(change.summary, "rolled back to revision 3: env JWT_SECRET of app");
        assert_eq!(change.reverts, Some(one("deployment", "secret").id));
        assert_eq!(change.revision.as_deref(), Some("5"));
        assert_eq!(shares(&change), [50, 100]);
    }

    #[test]
    fn a_rollback_is_recognised_by_its_replica_set_where_the_earlier_rollout_was_not_seen() {
        let mut story = Story::new();
        let mut changes = Vec::new();
        let mut now = String::new();
        for line in lines("deployment") {
            match line {
                Line::Step(_) if now == "rollback" => break,
                Line::Step(step) => now = step,
                Line::Event { seen, gone, object } if now == "scale down" || now == "rollback" => {
                    changes.extend(story.event(object, gone, Moment { since: None, seen, live: true }));
                }
                // Only ReplicaSets of the time before are there when the watch begins.
                Line::Event { seen, gone, object } if object["kind"] == "ReplicaSet" => {
                    story.event(object, gone, Moment { since: None, seen, live: true });
                }
                Line::Event { .. } => (),
            }
        }
        let last = changes.iter().rfind(|change| change.kind == ChangeKind::Rollout).unwrap();
        assert_eq!(last.summary, "rolled back to revision 3: env JWT_SECRET of app");
    }

    #[test]
    fn a_template_changed_while_paused_is_a_note_until_it_is_resumed() {
        let held = one("deployment", "pause");
        assert_eq!(held.kind, ChangeKind::Note);
        assert_eq!(held.summary, "paused, no effect yet: image registry.local/web:v3");
        let resumed = one("deployment", "resume");
        assert_eq!(resumed.kind, ChangeKind::Rollout);
        assert_eq!(resumed.summary, "resumed: image registry.local/web:v3");
        assert!(resumed.time > held.time);
        assert_eq!(shares(&resumed), [50, 100]);
    }

    #[test]
    fn an_annotation_is_no_change() {
        assert_eq!(told("deployment", "annotate"), []);
    }

    #[test]
    fn a_rollout_that_passes_its_deadline_is_stuck_and_stays_open() {
        let stuck = one("deployment", "stuck");
        assert_eq!(stuck.summary, "image registry.local/web:broken; stuck: ProgressDeadlineExceeded");
        assert_eq!((stuck.until, shares(&stuck)), (None, vec![]));
        let after = told("deployment", "recovered");
        assert_eq!(after.len(), 2);
        assert_eq!((&after[0].id, after[0].until.is_some()), (&stuck.id, true));
        assert_eq!(after[0].summary, "image registry.local/web:broken; superseded");
        assert_eq!(after[1].summary, "image registry.local/web:v4");
    }

    #[test]
    fn a_condition_of_an_earlier_rollout_does_not_make_the_next_one_stuck() {
        let fleet = Shared::new(Consumers::default());
        let mut deployments = Workloads::<Deployment>::new(fleet);
        deployments.baseline(deployment(|_| ()), second(0));
        let told = deployments.applied(
            deployment(|object| {
                object["metadata"]["generation"] = json!(2);
                object["status"]["observedGeneration"] = json!(2);
                object["status"]["updatedReplicas"] = json!(0);
                object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.local/web:v9");
                let stale = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                    "lastUpdateTime": second(-60).to_string()}]);
                object["status"]["conditions"] = stale;
            }),
            live(100),
        );
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].summary, "image registry.local/web:v9");
    }

    #[test]
    fn a_workload_that_is_deleted_and_made_again_says_so() {
        let gone = one("deployment", "deleted");
        assert_eq!((gone.operation, gone.summary.as_str()), (Some(Operation::Deleted), "deleted"));
        let again = one("deployment", "recreated");
        assert_eq!(again.operation, Some(Operation::Recreated));
        assert_eq!(again.summary, "deleted and made again with image registry.local/web:v4");
        assert!(again.until.is_some());
    }

    #[test]
    fn a_workload_replaced_while_nobody_looked_is_told_with_an_interval() {
        let mut deployments = Workloads::<Deployment>::new(Shared::new(Consumers::default()));
        deployments.baseline(deployment(|_| ()), second(0));
        let other = |object: &mut Value| object["metadata"]["uid"] = json!("another");
        let at = Moment { since: Some(second(1_000_000)), seen: second(1_000_100), live: false };
        let told = deployments.applied(deployment(other), at);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].time, told[0].time_lo, told[0].time_hi), (None, at.since, Some(at.seen)));
        assert_eq!(told[0].operation, Some(Operation::Recreated));
    }

    #[test]
    fn what_is_there_at_the_beginning_is_no_change_unless_it_is_under_way() {
        let mut deployments = Workloads::<Deployment>::new(Shared::new(Consumers::default()));
        assert_eq!(deployments.baseline(deployment(|_| ()), second(0)), []);
        assert_eq!(deployments.known().len(), 1);
        let going = |object: &mut Value| {
            object["metadata"]["name"] = json!("other");
            object["status"]["updatedReplicas"] = json!(1);
            object["status"]["conditions"] = json!([{"type": "Progressing", "status": "True",
                "reason": "ReplicaSetUpdated", "lastUpdateTime": second(0).to_string()}]);
        };
        let told = deployments.baseline(deployment(going), second(100));
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].time, told[0].time_lo, told[0].until), (None, None, None));
        assert!(told[0].summary.contains("under way"), "{}", told[0].summary);
        let name = |object: &mut Value| object["metadata"]["name"] = json!("other");
        let done = deployments.applied(deployment(name), live(160));
        assert_eq!((&done[0].id, done[0].until), (&told[0].id, Some(second(160))));
    }

    #[test]
    fn the_same_object_again_is_no_change() {
        let mut deployments = Workloads::<Deployment>::new(Shared::new(Consumers::default()));
        deployments.applied(deployment(|_| ()), live(0));
        assert_eq!(deployments.applied(deployment(|_| ()), live(1)), []);
    }

    #[test]
    fn hostile_names_and_huge_templates_give_a_bounded_summary() {
        let mut deployments = Workloads::<Deployment>::new(Shared::new(Consumers::default()));
        deployments.baseline(deployment(|_| ()), second(0));
        let told = deployments.applied(
            deployment(|object| {
                let long = "\u{1b}[31m<b>ü\n".repeat(1000);
                let container = &mut object["spec"]["template"]["spec"]["containers"][0];
                container["image"] = json!(long);
                container["env"] = (0..500).map(|i| json!({"name": format!("{long}{i}"), "value": "x"})).collect();
            }),
            live(100),
        );
        assert_eq!(told.len(), 1);
        assert!(told[0].summary.chars().count() <= 300, "{}", told[0].summary.len());
    }

    #[test]
    fn readiness_that_flaps_keeps_a_rollout_small_and_is_told_a_bounded_number_of_times() {
        let mut deployments = Workloads::<Deployment>::new(Shared::new(Consumers::default()));
        deployments.baseline(deployment(|_| ()), second(0));
        let mut told = Vec::new();
        let mut flapping = deployment(|object| {
            object["metadata"]["generation"] = json!(2);
            object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.local/web:v9");
            object["status"] = json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3,
                "availableReplicas": 0});
        });
        for i in 0..2000 {
            flapping.status.as_mut().unwrap().ready_replicas = Some(i % 4);
            told.extend(deployments.applied(flapping.clone(), live(100 + i64::from(i))));
        }
        assert!((100..=300).contains(&told.len()), "{}", told.len());
        assert!(told.iter().all(|change| change.progress.len() <= 100 && change.id == told[0].id));
        shares(told.last().unwrap());
    }

    #[test]
    fn what_happened_while_nobody_looked_lies_between_the_two_looks() {
        let mut deployments = Workloads::<Deployment>::new(Shared::new(Consumers::default()));
        deployments.baseline(deployment(|_| ()), second(0));
        let other = deployment(|object| {
            object["metadata"]["generation"] = json!(2);
            object["status"]["observedGeneration"] = json!(2);
            object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.local/web:v9");
        });
        let at = Moment { since: Some(second(1_000)), seen: second(2_000), live: false };
        let told = deployments.applied(other, at);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].time_lo, told[0].time_hi, told[0].time), (at.since, Some(at.seen), None));
        assert_eq!(told[0].until, Some(at.seen));
    }

    #[test]
    fn a_stateful_set_rolls_its_pods_out_one_by_one() {
        let created = one("statefulset", "created");
        assert_eq!((created.object.as_str(), shares(&created)), ("StatefulSet/llm/db", vec![33, 67, 100]));
        let image = one("statefulset", "image");
        assert_eq!((image.summary.as_str(), shares(&image)), ("image registry.local/db:v2", vec![33, 67, 100]));
        assert!(image.revision.unwrap().starts_with("db-"));
    }

    #[test]
    fn a_partition_ends_a_rollout_early_and_begins_another_when_it_is_lowered() {
        let held = one("statefulset", "partition");
        assert_eq!(held.summary, "image registry.local/db:v3 (partition 2)");
        assert_eq!(shares(&held), [100]);
        let lowered = one("statefulset", "partition off");
        assert_eq!((lowered.kind, lowered.summary.as_str()), (ChangeKind::Rollout, "partition lowered from 2 to 0"));
        assert_eq!(shares(&lowered), [33, 67, 100]);
        assert!(lowered.until.is_some());
    }

    #[test]
    fn a_partition_that_holds_every_pod_back_makes_no_rollout() {
        let object = |change: &dyn Fn(&mut Value)| -> StatefulSet {
            let mut object = objects("statefulset", "StatefulSet", "created").pop().unwrap();
            change(&mut object);
            serde_json::from_value(object).unwrap()
        };
        let mut sets = Workloads::<StatefulSet>::new(Shared::new(Consumers::default()));
        sets.baseline(object(&|_| ()), second(0));
        let held = object(&|object| {
            object["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = json!(3);
            object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.local/db:v9");
        });
        let told = sets.applied(held, live(10));
        assert_eq!((told.len(), told[0].kind), (1, ChangeKind::Note));
    }

    #[test]
    fn a_template_on_delete_lasts_until_the_last_pod_was_deleted() {
        for (fixture, image) in [("statefulset", "registry.local/db:v4"), ("daemonset", "registry.local/agent:v3")] {
            let change = one(fixture, "on delete");
            assert_eq!(change.summary, format!("image {image} (takes effect as pods are deleted)"));
            assert_eq!(shares(&change), [33, 67, 100]);
            assert!(change.until.is_some());
        }
    }

    #[test]
    fn a_daemon_set_follows_its_nodes() {
        let image = one("daemonset", "image");
        assert_eq!((image.object.as_str(), shares(&image)), ("DaemonSet/llm/agent", vec![33, 67, 100]));
        assert_eq!((image.summary.as_str(), image.revision.as_deref()), ("image registry.local/agent:v2", Some("2")));
        assert_eq!(one("daemonset", "restart").summary, "restarted");
        assert_eq!(one("daemonset", "deleted").operation, Some(Operation::Deleted));
        let mut sets = Workloads::<DaemonSet>::new(Shared::new(Consumers::default()));
        assert_eq!(sets.deleted(&Key { namespace: "llm".into(), name: "unknown".into() }, live(0)), []);
    }

    #[test]
    fn consumers_follow_the_templates() {
        let mut story = Story::new();
        story.play(lines("deployment"), "image");
        let mount = Mount { workload: "Deployment/llm/web".into(), how: MountHow::Env };
        assert_eq!(story.consumers.of("Secret/llm/jwt-v1"), [mount]);
        let mut story = Story::new();
        story.play(lines("deployment"), "deleted");
        assert_eq!(story.consumers.of("Secret/llm/jwt-v1"), []);
    }

    #[test]
    fn nothing_is_known_of_an_object_without_a_name_or_a_template() {
        let mut deployments = Workloads::<Deployment>::new(Shared::new(Consumers::default()));
        let at = Moment { since: None, seen: second(0), live: false };
        assert_eq!(deployments.applied(Deployment::default(), at), []);
        assert!(deployments.known().is_empty());
    }

    #[test]
    fn a_rollout_that_is_paused_half_way_says_so_until_it_goes_on() {
        let mut deployments = Workloads::<Deployment>::new(Shared::new(Consumers::default()));
        deployments.baseline(deployment(|_| ()), second(0));
        let half = |paused: bool| {
            move |object: &mut Value| {
                object["metadata"]["generation"] = json!(2);
                object["spec"]["paused"] = json!(paused);
                object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.local/web:v9");
                object["status"] = json!({"observedGeneration": 2, "replicas": 4, "updatedReplicas": 1,
                    "readyReplicas": 3, "availableReplicas": 3});
            }
        };
        let summary = |told: Vec<Change>| told.into_iter().map(|change| change.summary).collect::<Vec<_>>();
        let going = deployments.applied(deployment(half(false)), live(10));
        assert_eq!(summary(going), ["image registry.local/web:v9"]);
        let paused = deployments.applied(deployment(half(true)), live(20));
        assert_eq!(summary(paused), ["image registry.local/web:v9; paused"]);
        let going = deployments.applied(deployment(half(false)), live(30));
        assert_eq!(summary(going), ["image registry.local/web:v9"]);
    }

    #[test]
    fn a_watch_of_one_namespace_does_not_know_the_workloads_of_another() {
        let fleet = Shared::new(Consumers::default());
        let (mut one, mut two) = (Workloads::<Deployment>::new(fleet.clone()), Workloads::<Deployment>::new(fleet));
        one.baseline(deployment(|_| ()), second(0));
        let elsewhere = |object: &mut Value| object["metadata"]["namespace"] = json!("elsewhere");
        two.baseline(deployment(elsewhere), second(0));
        assert_eq!(one.known(), [Key { namespace: "llm".into(), name: "web".into() }]);
        assert_eq!(two.known(), [Key { namespace: "elsewhere".into(), name: "web".into() }]);
    }
}
