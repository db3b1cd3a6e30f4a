//! The words that reports have for severities, roles, states and the like.

use crate::alerts;
use crate::cause::Verdict;
use crate::cause::evidence::Factor;
use crate::incident::{Severity, Tag};
use crate::slo::Status;
use crate::timeline::{Kind, Role};

/// How bad an incident is.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Security => "SECURITY",
        Severity::Critical => "CRITICAL",
        Severity::Major => "MAJOR",
        Severity::Minor => "MINOR",
    }
}

/// What that means.
pub(super) fn severity_means(severity: Severity) -> &'static str {
    match severity {
        Severity::Security => "something was let in that had to be refused",
        Severity::Critical => "the login is down, or every probe of a target",
        Severity::Major => "a probe is down",
        Severity::Minor => "part of the executions fail",
    }
}

/// What is special about an incident.
pub(super) fn tag(tag: Tag) -> &'static str {
    match tag {
        Tag::DuringMaintenance => "during maintenance",
        Tag::ProberSide => "prober side",
        Tag::Flapping => "flapping",
    }
}

/// Whether a change is named.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Change => "change",
        Verdict::None => "none",
        Verdict::Ambiguous => "ambiguous",
    }
}

/// What part something plays.
pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::Trigger => "trigger",
        Role::Contributing => "contributing",
        Role::Symptom => "symptom",
        Role::Mitigation => "mitigation",
        Role::Context => "context",
        Role::Unrelated => "unrelated",
    }
}

/// What kind of thing happened.
pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Change => "change",
        Kind::Expiry => "expiry",
        Kind::Maintenance => "maintenance",
        Kind::Gap => "gap",
        Kind::ProbeTransition => "probe transition",
        Kind::Alert => "alert",
        Kind::Recovery => "recovery",
        Kind::Note => "note",
    }
}

/// What kind of evidence it is.
pub(super) fn factor(factor: Factor) -> &'static str {
    match factor {
        Factor::Timing => "timing",
        Factor::Class => "pattern",
        Factor::Recovery => "recovery",
        Factor::Dose => "course",
        Factor::Veto => "veto",
        Factor::Control => "control",
        Factor::History => "history",
        Factor::Scope => "scope",
        Factor::Gap => "gap",
    }
}

/// Whether an objective is kept.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Met => "met",
        Status::Missed => "MISSED",
        Status::NoData => "no data",
    }
}

/// How urgent an alert is.
pub(super) fn urgency(severity: alerts::Severity) -> &'static str {
    match severity {
        alerts::Severity::Page => "page",
        alerts::Severity::Ticket => "ticket",
    }
}

/// A number with its thing, in the plural where there are several.
pub(super) fn several(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// A word with its first letter large.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
