//! The rules that no objective waits for: who must not be let in was let in, and the prober itself is not well.

use std::time::Duration;

use crate::rules::text::{Alert, Rules};

/// Shortest and longest stretch without a run before the schedule counts as stalled.
const STALLED: (Duration, Duration) = (Duration::from_mins(5), Duration::from_hours(24));
/// Slots that must have been missed by then.
const SLOTS: u32 = 3;

/// Writes them. `every` is the interval of each target that has one.
pub(super) fn write(rules: &mut Rules, every: &[Duration]) {
    rules.group("authprobe security");
    rules.alert(&Alert {
        name: "AuthprobeFailOpen",
        expression: "sum by (target, probe) (increase(authprobe_reasons_total{reason=\"unexpectedly_allowed\"}[10m])) > 0",
        lasts: "",
        severity: "page",
        labels: &[("class", "security")],
        summary: "{{ $labels.target }}/{{ $labels.probe }} was let in and had to be refused",
        description: "A request that must be refused succeeded: the API may be open. One such result is enough, at once.",
    });
    rules.group("authprobe prober");
    for alert in prober() {
        rules.alert(&alert);
    }
    if let Some(shortest) = every.iter().min() {
        let seconds = (*shortest * SLOTS).clamp(STALLED.0, STALLED.1).as_secs();
        let expression =
            format!("sum by (job, instance) (increase(authprobe_schedule_lateness_seconds_count[{seconds}s])) == 0");
        rules.alert(&Alert {
            name: "AuthprobeStalled",
            expression: &expression,
            lasts: "1m",
            severity: "page",
            labels: &[],
            summary: "authprobe at {{ $labels.instance }} runs no probe any more",
            description: "It answers, and no run was started for at least three slots: nothing is measured.",
        });
    }
}

fn prober() -> [Alert<'static>; 8] {
    [
        Alert {
            name: "AuthprobeAbsent",
            expression: "absent(authprobe_build_info)",
            lasts: "5m",
            severity: "page",
            labels: &[],
            summary: "No authprobe is scraped",
            description: "Nothing is measured, or Prometheus does not reach it: no other alert can fire.",
        },
        Alert {
            name: "AuthprobeDown",
            expression: "count by (job, instance) (max_over_time(authprobe_build_info[1h]))\n  \
                         unless count by (job, instance) (authprobe_build_info)",
            lasts: "2m",
            severity: "page",
            labels: &[],
            summary: "authprobe at {{ $labels.instance }} is gone",
            description: "It was scraped within the last hour and is not any more.",
        },
        Alert {
            name: "AuthprobeStoreNotWritable",
            expression: "min by (job, instance) (authprobe_store_writable) == 0",
            lasts: "1m",
            severity: "page",
            labels: &[],
            summary: "authprobe at {{ $labels.instance }} cannot write its store",
            description: "Records wait in memory and are lost when there is no more room, or at a restart. `/readyz` says why.",
        },
        Alert {
            name: "AuthprobeRecordsLost",
            expression: "sum by (job, instance) (increase(authprobe_store_records_total{state=\"lost\"}[15m])) > 0",
            lasts: "",
            severity: "ticket",
            labels: &[],
            summary: "authprobe at {{ $labels.instance }} lost records",
            description: "What was measured did not reach the store; the gap is told in reports.",
        },
        Alert {
            name: "AuthprobeFeedBlind",
            expression: "min by (job, instance, feed, object) (authprobe_feed_up) == 0",
            lasts: "10m",
            severity: "ticket",
            labels: &[],
            summary: "authprobe sees no changes of {{ $labels.feed }} ({{ $labels.object }})",
            description: "A failure that a change there brings about will have no cause in reports.",
        },
        Alert {
            name: "AuthprobeSlotsLost",
            expression: "sum by (job, instance) (increase(authprobe_schedule_lost_stretches_total[15m])) > 0",
            lasts: "",
            severity: "ticket",
            labels: &[],
            summary: "authprobe at {{ $labels.instance }} lost whole stretches of its schedule",
            description: "The machine stood still, or its clock was set.",
        },
        Alert {
            name: "AuthprobeInvalidResults",
            expression: "sum by (target) (increase(authprobe_results_total{outcome=\"invalid\"}[15m])) > 3",
            lasts: "15m",
            severity: "ticket",
            labels: &[],
            summary: "Probes of {{ $labels.target }} cannot be executed",
            description: "The prober's own fault, such as a secret that cannot be read: the target is not judged.",
        },
        Alert {
            name: "AuthprobeJudgingStale",
            expression: "time() - max by (job, instance) (authprobe_judgement_timestamp_seconds) > 900",
            lasts: "",
            severity: "ticket",
            labels: &[],
            summary: "authprobe at {{ $labels.instance }} judges its store no more",
            description: "What pages, metrics and alerts say of objectives and incidents is old. Its log says why.",
        },
    ]
}
