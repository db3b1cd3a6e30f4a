//! What fires now, by what the store says: objectives that burn, incidents that last.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use reports::alerts::State;
use reports::cause::Verdict;
use reports::incident::{Incident, Severity as Grade};
use reports::slo::Judged;
use reports::wording;

use crate::alerts::alert::{Alert, Cause, Kind, Severity};
use crate::judge::Judgement;

/// What fires at one moment, and of what it cannot be told.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What fires.
    pub(crate) firing: Vec<Alert>,
    /// When alerts ended that fire no more, where it is known.
    pub(crate) ended: BTreeMap<String, Timestamp>,
    /// What is over, and since when.
    pub(crate) past: Vec<(Alert, Timestamp)>,
    /// Beginnings of the ids of which nobody can say now whether they fire.
    pub(crate) unclear: BTreeSet<String>,
}

/// Probes that a text names; further ones are counted.
const NAMED: usize = 5;
/// The page of an incident looks back from so long before its start.
const BEFORE: SignedDuration = SignedDuration::from_hours(24);

impl Seen {
    /// Takes in what a judgement says; without one nobody can tell.
    pub(crate) fn judged(&mut self, judgement: Option<&Judgement>) {
        let Some(judgement) = judgement else {
            self.unclear.extend(["burn/".to_owned(), "incident/".to_owned()]);
            return;
        };
        let incidents = &judgement.incidents.incidents;
        for slo in &judgement.slo.slos {
            self.objective(slo, incidents, judgement.at);
        }
        for incident in incidents {
            match incident.closed_at {
                Some(closed) => {
                    self.ended.insert(id(incident), closed);
                    self.past.push((failing(incident), closed));
                }
                None => self.firing.push(failing(incident)),
            }
        }
    }

    /// Whether nobody can say if an alert fires.
    pub(crate) fn is_unclear(&self, id: &str) -> bool {
        self.unclear.iter().any(|beginning| id.starts_with(beginning))
    }

    fn objective(&mut self, slo: &Judged, incidents: &[Incident], at: Timestamp) {
        for rule in &slo.alerts {
            let id = format!("burn/{}/{}", slo.name, rule.long);
            match rule.state {
                State::Frozen => {
                    self.unclear.insert(id);
                }
                State::Firing => {
                    let burn = rule.long_burn.unwrap_or_default();
                    let summary = format!(
                        "objective {} burns its error budget {burn:.1} times too fast over {}",
                        slo.name, rule.long
                    );
                    let spends = spends(slo, incidents);
                    let cause = spends.and_then(cause);
                    let because = match (&cause, spends) {
                        (Some(cause), _) => format!(" {}", because(cause)),
                        (None, Some(incident)) => {
                            format!(" Incident {} spends it; {}.", incident.id, incident.background)
                        }
                        (None, None) => String::new(),
                    };
                    let description = format!(
                        "Over {} the burn rate is {burn:.1}, over {} it is {:.1}; this alert fires above {:.1}. Of the \
                         budget of the window, {} remains.{because}",
                        rule.long,
                        rule.short,
                        rule.short_burn.unwrap_or_default(),
                        rule.factor,
                        wording::percent(slo.budget.remaining),
                    );
                    let mut alert = Alert::new(id, "AuthprobeBudgetBurn", Kind::Burn, rule.severity.into(), at)
                        .label("slo", &slo.name)
                        .label("window", rule.long)
                        .says(&summary, &description);
                    let probes = slo.latency_by_probe.keys();
                    alert.targets = probes.filter_map(|path| Some(path.split_once('/')?.0.to_owned())).collect();
                    alert.cause = cause;
                    alert.page = "/slos".into();
                    self.firing.push(alert);
                }
            }
        }
    }
}

fn id(incident: &Incident) -> String {
    format!("incident/{}", incident.id)
}

fn failing(incident: &Incident) -> Alert {
    let open = incident.severity == Grade::Security;
    let (name, kind) = if open { ("AuthprobeFailOpen", Kind::FailOpen) } else { ("AuthprobeIncident", Kind::Incident) };
    let paths: BTreeSet<String> = incident.episodes.iter().map(reports::episode::Episode::path).collect();
    let mut named: Vec<String> = paths.iter().take(NAMED).cloned().collect();
    if paths.len() > NAMED {
        named.push(format!("{} more", paths.len() - NAMED));
    }
    let reason = incident.episodes.first().and_then(|episode| episode.reason);
    let reason = reason.map_or("no reason given", wording::reason);
    let severity = Severity::from(incident.severity);
    let fails = if open { "lets in what must be refused" } else { "fails" };
    let summary = format!("{}: {} {fails}: {reason}", severity.as_str(), wording::list(named));
    let cause = cause(incident);
    let likely = match (&cause, incident.causes.first()) {
        (Some(cause), _) => because(cause),
        (None, Some(first)) => format!(
            "No cause stands out; the first is {} ({}). Without a change: {} ({}).",
            first.says,
            percent(first.probability),
            incident.background,
            percent(incident.none_probability)
        ),
        (None, None) => format!("No recorded change explains it: {}.", incident.background),
    };
    let description = format!("Since {}. {likely}", wording::interval(incident.start));
    let mut alert = Alert::new(id(incident), name, kind, severity, incident.start.lo)
        .label("incident", &incident.id)
        .says(&summary, &description);
    if let Some(first) = incident.episodes.first() {
        alert = alert.label("target", &first.target).label("agent", &first.agent);
    }
    alert.targets = incident.targets().into_iter().map(str::to_owned).collect();
    alert.cause = cause;
    // The window keeps the link alive when the newest judgement knows the incident no more.
    let from = incident.start.lo.checked_sub(BEFORE).unwrap_or(Timestamp::MIN);
    alert.page = format!("/incident?id={}&from={}", incident.id, from.strftime("%Y-%m-%dT%H:%M:%SZ"));
    alert
}

/// The incident that spends an objective's budget now: of the open ones that concern its probes, the worst.
fn spends<'i>(slo: &Judged, incidents: &'i [Incident]) -> Option<&'i Incident> {
    let concerns = |incident: &&Incident| {
        let path = |episode| reports::episode::Episode::path(episode);
        incident.closed_at.is_none()
            && incident.episodes.iter().any(|episode| slo.latency_by_probe.contains_key(&path(episode)))
    };
    incidents.iter().filter(concerns).min_by_key(|incident| (Severity::from(incident.severity), incident.start.lo))
}

fn because(cause: &Cause) -> String {
    format!("Likely cause ({}, {}): {}.", cause.label, percent(cause.probability), cause.says)
}

/// The cause that the incident names, if it names one.
fn cause(incident: &Incident) -> Option<Cause> {
    let first = incident.causes.first().filter(|_| incident.verdict == Verdict::Change)?;
    let says = crate::alerts::alert::short(&first.says, 500);
    Some(Cause { says, probability: first.probability, label: first.label.into(), changes: first.changes.clone() })
}

fn percent(probability: f64) -> String {
    format!("{:.0} %", probability * 100.0)
}
