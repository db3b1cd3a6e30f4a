//! The metrics of what the store says: objectives, incidents, and the judging itself.

use std::collections::BTreeMap;
use std::fmt;

use reports::incident::Severity;
use reports::slo::Status;

use crate::judge::Judgement;
use crate::tally::objectives::{EVENTS, Objective};
use crate::web::metrics::page::Page;
use crate::web::metrics::series::seconds;

const SEVERITIES: [(Severity, &str); 4] = [
    (Severity::Security, "security"),
    (Severity::Critical, "critical"),
    (Severity::Major, "major"),
    (Severity::Minor, "minor"),
];

/// Writes the events of each objective that were counted since the start.
pub(super) fn events(page: &mut Page<'_>, objectives: &[Objective]) -> fmt::Result {
    let help = "Events of an objective that were seen since authprobe was started, by what they count as";
    let rows = objectives.iter().flat_map(|objective| {
        let labels = |event| [("slo", objective.name.as_str()), ("event", event)];
        EVENTS.into_iter().zip(objective.counts).map(move |(event, count)| (labels(event), count))
    });
    page.counters("authprobe_slo_events", help, rows)
}

/// Writes the newest judgement.
pub(super) fn write(page: &mut Page<'_>, judgement: &Judgement) -> fmt::Result {
    let Judgement { at, took, slo, incidents } = judgement;
    page.gauge("authprobe_judgement_timestamp_seconds", "When the store was judged last", Some(seconds(*at)))?;
    page.gauge("authprobe_judgement_duration_seconds", "How long that took", Some(took.as_secs_f64()))?;
    let rows = || slo.slos.iter().map(|judged| ([("slo", judged.name.as_str())], judged));
    let objective = rows().map(|(labels, judged)| (labels, judged.objective));
    page.gauges("authprobe_slo_objective_ratio", "Share of good events that an objective aims at", objective)?;
    let help = "Share of good events over the window of an objective";
    let sli = rows().filter_map(|(labels, judged)| Some((labels, judged.sli?)));
    page.gauges("authprobe_slo_sli_ratio", help, sli)?;
    let help = "Share of the planned events of an objective that were seen";
    let coverage = rows().filter_map(|(labels, judged)| Some((labels, judged.coverage?)));
    page.gauges("authprobe_slo_coverage_ratio", help, coverage)?;
    let help = "Share of the error budget that is left; negative when overspent";
    let left = rows().filter_map(|(labels, judged)| Some((labels, judged.budget.remaining?)));
    page.gauges("authprobe_slo_error_budget_remaining_ratio", help, left)?;
    let help = "Bad events (or slices) that an objective allows in its window";
    let budget = rows().map(|(labels, judged)| (labels, judged.budget.events));
    page.gauges("authprobe_slo_error_budget_events", help, budget)?;
    let help = "How fast the error budget is spent: 1 spends it exactly; absent over a window without events";
    let burn = rows().flat_map(|(_, judged)| {
        let burn = judged.burn.iter().filter_map(|(window, burn)| Some((*window, (*burn)?)));
        burn.map(|(window, burn)| ([("slo", judged.name.as_str()), ("window", window)], burn))
    });
    page.gauges("authprobe_slo_burn_rate", help, burn)?;
    let help = "Whether an objective has this status";
    let status = rows().flat_map(|(_, judged)| {
        let all = [(Status::Met, "met"), (Status::Missed, "missed"), (Status::NoData, "no_data")];
        all.map(|(status, word)| {
            ([("slo", judged.name.as_str()), ("status", word)], f64::from(u8::from(judged.status == status)))
        })
    });
    page.gauges("authprobe_slo_status", help, status)?;
    let mut open: BTreeMap<Severity, u64> = BTreeMap::new();
    for incident in incidents.incidents.iter().filter(|incident| incident.closed_at.is_none()) {
        *open.entry(incident.severity).or_default() += 1;
    }
    let count = |severity| open.get(&severity).copied().unwrap_or_default() as f64;
    let rows = SEVERITIES.map(|(severity, word)| ([("severity", word)], count(severity)));
    page.gauges("authprobe_incidents_open", "Incidents that are not closed", rows)
}
