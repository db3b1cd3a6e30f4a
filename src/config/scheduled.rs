//! A scheduled report as it stands in the file.

use std::path::PathBuf;
use std::time::Duration;

use probes::credential::Text;
use reports::formats::Format;
use reports::report::Kind;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::scheduled::settings::Keep;

/// A report that is written on a schedule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScheduledReport {
    /// Its name, unique in the file; files are named after it.
    pub(super) name: String,
    /// What it tells.
    pub(super) kind: ReportKind,
    /// When it is written.
    #[schemars(example = &"0 8 * * MON")]
    pub(super) cron: String,
    /// IANA name of the time zone of `cron`; UTC where absent.
    pub(super) timezone: Option<String>,
    /// How far back it looks; each objective's own window, or 30 days, where absent.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>", example = &"7d")]
    pub(super) last: Option<Duration>,
    /// How it is written; by the ending of a file in `to`, else text, where absent.
    pub(super) format: Option<Format>,
    /// File that each report replaces, or, with a slash at its end, directory that gets a file for each report.
    /// A relative path begins at this file's directory. Either this or `webhook`.
    pub(super) to: Option<PathBuf>,
    /// URL that gets a POST; a reference where the URL holds a secret. Either this or `to`.
    pub(super) webhook: Option<Text>,
    /// Of the files in a directory, how many stay, or up to which age; all where absent.
    pub(super) keep: Option<Keep>,
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

impl ReportKind {
    /// The kind, as those know it who build reports.
    pub(super) fn kind(self) -> Kind {
        match self {
            ReportKind::Slo => Kind::Slo,
            ReportKind::Incidents => Kind::Incidents,
            ReportKind::Timeline => Kind::Timeline,
        }
    }
}
