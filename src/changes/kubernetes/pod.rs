//! Pods: containers that were started again, crash loops, evictions, and pods that go outside a rollout.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use storage::record::{Change, ChangeKind, Operation};

use crate::changes::kubernetes::container::{News, Seen};
use crate::changes::kubernetes::fleet::Shared;
use crate::changes::kubernetes::observe::{Key, Moment, Observe};
use crate::changes::kubernetes::restart::Restarts;
use crate::changes::kubernetes::rollout::place;
use crate::changes::kubernetes::workload::{Written, key};

/// Longest reason or message that is taken from a status, in characters.
pub(super) const WORDS: usize = 120;

/// The label with which a Deployment tells its ReplicaSets apart.
const HASH_LABEL: &str = "pod-template-hash";

/// Watches pods. Those of Jobs are left out: they end because they are done.
pub(crate) struct Pods {
    fleet: Shared,
    known: BTreeMap<Key, Known>,
    restarts: Restarts,
}

/// What is known of a pod.
struct Known {
    uid: String,
    /// `Deployment/NAMESPACE/NAME` and the like; the pod itself where nothing owns it.
    workload: String,
    set: Option<Key>,
    /// Container -> what is known of it.
    containers: BTreeMap<String, Seen>,
    ending: Option<Ending>,
    /// Ended for good, though it is still there.
    over: bool,
}

/// A pod that is about to go, as it was when that was first seen.
#[derive(Clone, Copy)]
struct Ending {
    at: Moment,
    /// How many pods its ReplicaSet had without it, or its workload where it has none.
    left: usize,
    /// Whether a rollout or the like explains it.
    explained: bool,
}

impl Pods {
    /// Nothing is known yet.
    pub(crate) fn new(fleet: Shared) -> Self {
        Self { fleet, known: BTreeMap::new(), restarts: Restarts::default() }
    }

    fn compare(&mut self, object: Pod, at: Moment) -> Vec<Change> {
        let Some(key) = key(&object.metadata) else { return Vec::new() };
        let mut changes = Vec::new();
        if self.known.get(&key).is_some_and(|known| object.metadata.uid.as_deref() != Some(&*known.uid)) {
            changes.extend(self.gone(&key, at));
        }
        let Some(mut known) = self.known.remove(&key).or_else(|| self.meet(&object)) else { return changes };
        let status = object.status.unwrap_or_default();
        let was_over = known.over;
        known.over = over(&status);
        let mut restarts = known.restarts(&key, &status, at);
        if status.phase.as_deref() == Some("Failed") && !was_over && known.ending.is_none() {
            let id = format!("failed-{}", known.uid);
            restarts.push(restart(&key, &known.workload, id, failure(&status), at));
        }
        if object.metadata.deletion_timestamp.is_some() && known.ending.is_none() {
            let ending = self.ending(&key, &known, at);
            known.ending = Some(Ending { explained: was_over || ending.explained, ..ending });
        }
        self.known.insert(key, known);
        changes.extend(restarts.into_iter().flat_map(|restart| self.restarts.tell(restart, at.seen)));
        changes
    }

    /// A pod is gone: a restart, unless something that is told elsewhere explains it. That is judged at its end once
    /// more, for the watches of pods and workloads may run apart a little.
    fn gone(&mut self, key: &Key, at: Moment) -> Vec<Change> {
        let Some(known) = self.known.remove(key) else { return Vec::new() };
        let ending = known.ending.unwrap_or_else(|| self.ending(key, &known, at));
        if known.over || ending.explained || self.explained(&known, ending.at, ending.left) {
            return Vec::new();
        }
        let id = format!("deleted-{}", known.uid);
        let mut change = restart(key, &known.workload, id, "deleted outside a rollout".to_owned(), ending.at);
        change.operation = Some(Operation::Deleted);
        change.until = Some(at.seen);
        self.restarts.tell(change, at.seen)
    }

    fn ending(&self, key: &Key, pod: &Known, at: Moment) -> Ending {
        let stays = |(other, known): &(&Key, &Known)| {
            let same = known.workload == pod.workload && known.set == pod.set;
            *other != key && same && known.ending.is_none() && !known.over
        };
        let left = self.known.iter().filter(stays).count();
        Ending { at, left, explained: self.explained(pod, at, left) }
    }

    fn explained(&self, pod: &Known, at: Moment, left: usize) -> bool {
        self.fleet.lock().explains(&pod.workload, pod.set.as_ref(), at.seen, left)
    }

    /// A pod that was not known; nothing of one that is none of ours. What its containers went through before is no
    /// change.
    fn meet(&self, object: &Pod) -> Option<Known> {
        let key = key(&object.metadata)?;
        let owner = object.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
        let mut set = None;
        let workload = match owner {
            Some(owner) if owner.kind == "Job" => return None,
            Some(owner) if owner.kind == "ReplicaSet" => {
                let own = Key { namespace: key.namespace.clone(), name: owner.name.clone() };
                let hash = object.metadata.labels.as_ref().and_then(|labels| labels.get(HASH_LABEL));
                let workload = self.fleet.lock().owner_of(&own).map(str::to_owned);
                let by_name = || owner.name.strip_suffix(hash?.as_str())?.strip_suffix('-');
                let found = workload.or_else(|| by_name().map(|name| format!("Deployment/{}/{name}", key.namespace)));
                set = Some(own);
                found.unwrap_or_else(|| format!("ReplicaSet/{}/{}", key.namespace, owner.name))
            }
            Some(owner) => format!("{}/{}/{}", owner.kind, key.namespace, owner.name),
            None => format!("Pod/{}/{}", key.namespace, key.name),
        };
        let status = object.status.as_ref();
        let all =
            status.iter().flat_map(|status| status.container_statuses.iter().chain(&status.init_container_statuses));
        let containers = all.flatten().map(|met| (met.name.clone(), Seen::first(met))).collect();
        Some(Known {
            uid: object.metadata.uid.clone().unwrap_or_default(),
            workload,
            set,
            containers,
            ending: None,
            over: status.is_some_and(over),
        })
    }
}

impl Known {
    /// Takes in how often its containers were started, and answers what is new of that.
    fn restarts(&mut self, key: &Key, status: &PodStatus, at: Moment) -> Vec<Change> {
        let mut restarts = Vec::new();
        for container in status.container_statuses.iter().chain(&status.init_container_statuses).flatten() {
            let before = self.containers.get(&container.name).copied().unwrap_or_default();
            let (seen, news) = before.see(container);
            self.containers.insert(container.name.clone(), seen);
            let Some(News { summary, moment }) = news else { continue };
            let id = format!("restart-{}-{}-{}", self.uid, container.name, container.restart_count);
            let mut change = restart(key, &self.workload, id, summary, at);
            place(&mut change, &Written { by: None, at: moment }, at);
            change.until = change.hi();
            restarts.push(change);
        }
        restarts
    }
}

impl Observe for Pods {
    type Object = Pod;

    fn baseline(&mut self, object: Pod, now: Timestamp) -> Vec<Change> {
        self.compare(object, Moment { since: None, seen: now, live: false })
    }

    fn applied(&mut self, object: Pod, at: Moment) -> Vec<Change> {
        self.compare(object, at)
    }

    fn deleted(&mut self, key: &Key, at: Moment) -> Vec<Change> {
        self.gone(key, at)
    }

    fn known(&self) -> Vec<Key> {
        self.known.keys().cloned().collect()
    }
}

/// Why a pod failed as a whole, in words.
fn failure(status: &PodStatus) -> String {
    let reason = status.reason.as_deref().unwrap_or_default();
    let (what, why) = match reason {
        "Evicted" => ("evicted", status.message.as_deref().unwrap_or_default()),
        _ => ("failed", reason),
    };
    let why: String = why.chars().take(WORDS).collect();
    if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") }
}

fn over(status: &PodStatus) -> bool {
    matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"))
}

fn restart(key: &Key, workload: &str, id: String, summary: String, at: Moment) -> Change {
    let mut change = Change {
        id,
        kind: ChangeKind::Restart,
        object: format!("Pod/{}/{}", key.namespace, key.name),
        workload: Some(workload.to_owned()),
        operation: Some(Operation::Updated),
        summary,
        ..Change::default()
    };
    place(&mut change, &Written::default(), at);
    change
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use super::*;
    use crate::changes::kubernetes::story::{Line, Story, lines};

    fn told(fixture: &str, step: &str) -> Vec<Change> {
        let mut told = Story::new().play(lines(fixture), step);
        told.retain(|change| change.kind == ChangeKind::Restart);
        told
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_528_000 + second).unwrap()
    }

    fn live(at: i64) -> Moment {
        Moment { since: Some(second(at - 10)), seen: second(at), live: true }
    }

    fn pod(change: impl FnOnce(&mut Value)) -> Pod {
        let mut object = json!({"metadata": {"name": "web-5c458f9589-xc96g", "namespace": "llm", "uid": "1",
            "labels": {"pod-template-hash": "5c458f9589"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5c458f9589",
                "uid": "2", "controller": true}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "app", "image": "x", "imageID": "x",
                "ready": true, "restartCount": 0, "state": {"running": {"startedAt": second(0).to_string()}}}]}});
        change(&mut object);
        serde_json::from_value(object).unwrap()
    }

    fn restarted(times: i32) -> impl FnOnce(&mut Value) {
        move |object| object["status"]["containerStatuses"][0]["restartCount"] = json!(times)
    }

    fn looping(times: i32, ran: i64, until: i64) -> impl FnOnce(&mut Value) {
        move |object| {
            let container = &mut object["status"]["containerStatuses"][0];
            container["restartCount"] = json!(times);
            container["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
            container["lastState"] = json!({"terminated": {"exitCode": 1, "reason": "Error",
                "startedAt": second(until - ran).to_string(), "finishedAt": second(until).to_string()}});
        }
    }

    fn pods() -> Pods {
        Pods::new(Shared::default())
    }

    #[test]
    fn pods_that_come_and_go_with_a_rollout_or_a_scaling_are_no_restarts() {
        let quiet =
            ["created", "image", "restart", "secret", "scale up", "scale down", "rollback", "resume", "deleted"];
        for step in quiet {
            assert_eq!(told("deployment", step), [], "{step}");
        }
        for step in ["created", "image", "partition", "partition off", "on delete", "deleted"] {
            assert_eq!(told("statefulset", step), [], "{step}");
        }
        for step in ["created", "image", "restart", "on delete", "deleted"] {
            assert_eq!(told("daemonset", step), [], "{step}");
        }
    }

    #[test]
    fn a_pod_deleted_outside_a_rollout_is_a_restart_of_its_workload() {
        let told = told("deployment", "pod deleted");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].workload.as_deref(), Some("Deployment/llm/web"));
        assert!(told[0].object.starts_with("Pod/llm/web-"));
        assert_eq!(told[0].operation, Some(Operation::Deleted));
    }

    #[test]
    fn a_container_that_was_killed_is_told_with_its_reason() {
        let told = told("deployment", "pod restarted");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].summary, "container app restarted: OOMKilled, exit code 137");
        assert_eq!((told[0].time, told[0].time_lo), (told[0].until, None));
    }

    #[test]
    fn a_crash_loop_is_told_once() {
        let told = told("deployment", "crash loop");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].summary, "container app is in a crash loop: Error, exit code 1");
    }

    #[test]
    fn a_crash_loop_is_told_again_after_the_container_ran_for_a_while() {
        let mut pods = pods();
        pods.baseline(pod(|_| ()), second(0));
        assert_eq!(pods.applied(pod(looping(3, 5, 10)), live(10)).len(), 1);
        assert_eq!(pods.applied(pod(looping(4, 5, 20)), live(20)), []);
        assert_eq!(pods.applied(pod(restarted(5)), live(30)).len(), 0);
        assert_eq!(pods.applied(pod(looping(6, 700, 800)), live(800)).len(), 1);
    }

    #[test]
    fn an_evicted_pod_is_told_once_with_why() {
        let told = told("deployment", "evicted");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].summary, "evicted: The node was low on resource: memory.");
    }

    #[test]
    fn the_deployment_is_found_by_the_name_where_its_replica_set_is_not_seen() {
        let mut pods = pods();
        pods.baseline(pod(|_| ()), second(0));
        let told = pods.applied(pod(restarted(1)), live(10));
        assert_eq!(told[0].workload.as_deref(), Some("Deployment/llm/web"));
    }

    #[test]
    fn what_containers_went_through_before_the_watch_is_no_change() {
        let mut pods = pods();
        assert_eq!(pods.baseline(pod(looping(7, 5, 0)), second(10)), []);
        assert_eq!(pods.applied(pod(looping(8, 5, 20)), live(20)), []);
    }

    #[test]
    fn restarts_while_nobody_looked_are_one_change_between_the_looks() {
        let mut pods = pods();
        pods.baseline(pod(|_| ()), second(0));
        let at = Moment { since: Some(second(100)), seen: second(200), live: false };
        let told = pods.applied(pod(restarted(3)), at);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].summary, "container app restarted 3 times");
        assert_eq!((told[0].time_lo, told[0].time_hi), (at.since, Some(at.seen)));
    }

    #[test]
    fn pods_of_jobs_are_left_out() {
        let mut pods = pods();
        pods.baseline(pod(|object| object["metadata"]["ownerReferences"][0]["kind"] = json!("Job")), second(0));
        assert!(pods.known().is_empty());
    }

    #[test]
    fn a_fleet_that_restarts_all_the_time_is_told_a_bounded_number_of_times() {
        let mut pods = pods();
        pods.baseline(pod(|_| ()), second(0));
        let mut told = Vec::new();
        for i in 1..=2000 {
            told.extend(pods.applied(pod(restarted(i)), live(i64::from(i))));
        }
        let (singly, counted): (Vec<Change>, Vec<Change>) =
            told.into_iter().partition(|change| change.object.starts_with("Pod/"));
        assert_eq!(singly.len(), 20);
        // 1, 2, 4 .. 1024.
        assert_eq!(counted.len(), 11);
        assert!(counted.iter().all(|change| change.id == counted[0].id));
        let next = pods.applied(pod(restarted(2001)), live(3601));
        assert_eq!(next.len(), 2);
        assert_eq!(next[0].summary, "restarted 1980 more times within the hour");
        assert_eq!(next[0].until.unwrap().duration_since(next[0].time.unwrap()), SignedDuration::from_secs(1979));
    }

    #[test]
    fn a_pod_deleted_while_a_rollout_is_stuck_is_a_restart() {
        let mut story = Story::new();
        story.play(lines("deployment"), "stuck");
        let mut last = None;
        let mut now = String::new();
        for line in lines("deployment") {
            match line {
                Line::Step(step) if now == "stuck" => {
                    assert_eq!(step, "recovered");
                    break;
                }
                Line::Step(step) => now = step,
                Line::Event { seen, object, gone: false }
                    if object["kind"] == "Pod" && object["status"]["phase"] == "Running" =>
                {
                    last = Some((seen, object));
                }
                Line::Event { .. } => (),
            }
        }
        let (seen, object) = last.unwrap();
        let told = story.event(object, true, Moment { since: None, seen, live: true });
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].summary, "deleted outside a rollout");
    }
}
