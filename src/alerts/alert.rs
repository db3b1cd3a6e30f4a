//! Something that somebody should know: what it is, how bad, and since when.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use reports::alerts as burn;
use reports::incident;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::output::printable;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// An error budget is spent too fast.
    Burn,
    /// Probes fail; what is let in that had to be refused included.
    Incident,
    /// Something is let in that had to be refused.
    FailOpen,
    /// A source of changes sees nothing.
    Feed,
    /// authprobe itself does not probe, store or judge.
    Prober,
}

/// How bad it is: an incident's severity, or the urgency of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Something was let in that had to be refused.
    Security,
    /// The login is down, or every probe of a target.
    Critical,
    /// A probe is down.
    Major,
    /// Part of the executions fail.
    Minor,
    /// Wake somebody: a fast burn, or a prober that stands still.
    Page,
    /// In working hours: a slow burn, or a blind source of changes.
    Ticket,
}

/// The likeliest explanation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cause {
    /// What happened, in one sentence.
    pub(crate) says: String,
    /// Its share among all explanations.
    pub(crate) probability: f64,
    /// The probability in a word.
    pub(crate) label: String,
    /// Ids of the changes held responsible.
    pub(crate) changes: Vec<String>,
}

/// An alert that fires.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alert {
    /// The same as long as it is the same alert, such as `incident/ID`.
    pub(crate) id: String,
    /// What it is about.
    pub(crate) kind: Kind,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// Since when.
    pub(crate) starts_at: Timestamp,
    /// What names it to an Alertmanager, without its severity.
    pub(crate) labels: BTreeMap<String, String>,
    /// Names of the targets concerned.
    pub(crate) targets: BTreeSet<String>,
    /// What is wrong, in one line.
    pub(crate) summary: String,
    /// More of it.
    pub(crate) description: String,
    /// The likeliest explanation.
    pub(crate) cause: Option<Cause>,
    /// Path of the page that shows it.
    pub(crate) page: String,
}

/// Characters of a text in a message.
const LONGEST: usize = 1000;
/// Characters of a label.
const LONGEST_LABEL: usize = 200;

impl Alert {
    /// An alert without targets, cause and description.
    pub(crate) fn new(id: String, name: &str, kind: Kind, severity: Severity, starts_at: Timestamp) -> Self {
        let labels = BTreeMap::from([("alertname".to_owned(), name.to_owned())]);
        let (targets, summary, description) = (BTreeSet::new(), String::new(), String::new());
        Self { id, kind, severity, starts_at, labels, targets, summary, description, cause: None, page: "/".into() }
    }

    /// Gives it a label.
    pub(crate) fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), short(value, LONGEST_LABEL));
        self
    }

    /// Says what is wrong.
    pub(crate) fn says(mut self, summary: &str, description: &str) -> Self {
        self.summary = short(summary, LONGEST);
        self.description = short(description, LONGEST);
        self
    }

    /// The kinds under which a receiver may have asked for it.
    pub(crate) fn kinds(&self) -> &'static [Kind] {
        match self.kind {
            Kind::Burn => &[Kind::Burn],
            Kind::Incident => &[Kind::Incident],
            Kind::FailOpen => &[Kind::FailOpen, Kind::Incident],
            Kind::Feed => &[Kind::Feed],
            Kind::Prober => &[Kind::Prober],
        }
    }
}

impl Severity {
    /// As it is written.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Severity::Security => "security",
            Severity::Critical => "critical",
            Severity::Major => "major",
            Severity::Minor => "minor",
            Severity::Page => "page",
            Severity::Ticket => "ticket",
        }
    }
}

impl From<incident::Severity> for Severity {
    fn from(severity: incident::Severity) -> Self {
        match severity {
            incident::Severity::Security => Severity::Security,
            incident::Severity::Critical => Severity::Critical,
            incident::Severity::Major => Severity::Major,
            incident::Severity::Minor => Severity::Minor,
        }
    }
}

impl From<burn::Severity> for Severity {
    fn from(severity: burn::Severity) -> Self {
        match severity {
            burn::Severity::Page => Severity::Page,
            burn::Severity::Ticket => Severity::Ticket,
        }
    }
}

/// A text from outside: bounded, on one line, without characters that change how others are read.
pub(crate) fn short(text: &str, most: usize) -> String {
    let marks =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let clean = printable(text).replace(marks, "\u{fffd}");
    match clean.char_indices().nth(most) {
        None => clean,
        Some((end, _)) => format!("{}…", clean.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_text_is_bounded_and_holds_nothing_that_a_screen_obeys() {
        let hostile = format!("<b>\u{1b}[31m\u{202e}evil\n{}", "é".repeat(100_000));
        let said = short(&hostile, 100);
        assert_eq!(said.chars().count(), 101);
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\n']), "{said}");
        assert_eq!(short("plain", 5), "plain");
    }

    #[test]
    fn a_fail_open_is_an_incident_too() {
        let at = Timestamp::UNIX_EPOCH;
        let alert = Alert::new("incident/1".into(), "A", Kind::FailOpen, Severity::Security, at);
        assert!(alert.kinds().contains(&Kind::Incident) && alert.kinds().contains(&Kind::FailOpen));
    }
}
