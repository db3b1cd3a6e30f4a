//! Keys of the contract whose engines this version does not have: read, checked for form, and told to be unused.

#![expect(dead_code, reason = "only the form is checked, no engine reads these")]

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// A report that is written on a schedule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScheduledReport {
    /// Its name, unique in the file.
    pub(super) name: String,
    /// What it tells.
    pub(super) kind: ReportKind,
    /// When it is written.
    #[schemars(example = &"0 8 * * MON")]
    pub(super) cron: String,
    /// IANA name of the time zone of `cron`; UTC where absent.
    pub(super) timezone: Option<String>,
    /// How far back it looks.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>", example = &"7d")]
    pub(super) last: Option<Duration>,
    /// How it is written.
    pub(super) format: Option<ReportFormat>,
    /// File or directory that it goes to.
    pub(super) to: String,
}

/// What a report tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReportKind {
    /// Objectives and their budgets.
    Slo,
    /// Incidents and their causes.
    Incidents,
    /// What happened, in order.
    Timeline,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReportFormat {
    /// For a terminal.
    Text,
    /// For a repository or a wiki.
    Markdown,
    /// For a browser.
    Html,
    /// For programs.
    Json,
    /// For a spreadsheet.
    Csv,
}
