//! Who is told of what, as it stands in the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use probes::credential::Text;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::alerts::alert::{Kind, Severity};

/// Who is told, or what beats while authprobe works: exactly one of `alertmanager`, `webhook`, `command` and `heartbeat`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Receiver")]
pub(crate) struct Receiver {
    /// Its name in metrics, logs and `authprobe alerts`; unique. Messages that wait stay with it when all else changes.
    pub(crate) name: Option<String>,
    /// URL of an Alertmanager; a reference where the URL holds a secret.
    pub(crate) alertmanager: Option<Text>,
    /// URL that gets a POST; a reference where the URL holds a secret.
    pub(crate) webhook: Option<Text>,
    /// Program and arguments; it gets the message as JSON on standard input.
    #[schemars(example = &["/usr/local/bin/tell", "--channel=sre"])]
    pub(crate) command: Option<Vec<String>>,
    /// URL that is called while authprobe probes, stores and judges, and no longer; a reference where it holds a secret.
    pub(crate) heartbeat: Option<Text>,
    /// Which kinds of alert it gets; all where absent.
    pub(crate) send: Option<Vec<Kind>>,
    /// Which severities it gets; all where absent.
    pub(crate) severities: Option<Vec<Severity>>,
    /// Header fields of the request, references where they hold a secret.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Text>,
    /// Body of a webhook's request, as a MiniJinja template; a JSON object of everything where absent.
    pub(crate) template: Option<String>,
    /// Media type of the body that the template gives: of JSON, values are written as JSON, quotes included.
    #[schemars(example = &"text/plain")]
    pub(crate) content_type: Option<String>,
    /// Environment of a command beside PATH, HOME, LANG and TZ, references where it holds a secret.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, Text>,
    /// How long one delivery may take, from 1s to 60s.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>", example = &"10s")]
    pub(crate) timeout: Option<Duration>,
    /// Interval of a heartbeat, from 10s to 1h; of repetitions to an Alertmanager, from 10s to 4m.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>", example = &"60s")]
    pub(crate) every: Option<Duration>,
    /// File with the authorities that are trusted, PEM. A relative path begins at this file's directory.
    pub(crate) ca: Option<PathBuf>,
}

/// How a receiver is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As Alertmanager's API wants it.
    Alertmanager,
    /// By a request.
    Webhook,
    /// By a program.
    Command,
    /// It is not told; it hears a beat.
    Heartbeat,
}

/// What the alerts work by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Who is told.
    pub(crate) receivers: Vec<Receiver>,
    /// Where people reach the pages of this prober, without a slash at the end, if the configuration says so.
    pub(crate) public_url: Option<String>,
}

/// Time for one delivery where none is given.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// Interval of heartbeats and repetitions where none is given.
pub(crate) const EVERY: Duration = Duration::from_secs(60);

impl Way {
    /// The key that chooses it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Way::Alertmanager => "alertmanager",
            Way::Webhook => "webhook",
            Way::Command => "command",
            Way::Heartbeat => "heartbeat",
        }
    }
}

impl Receiver {
    /// The ways that are given; a receiver that was checked has one.
    pub(crate) fn ways(&self) -> Vec<Way> {
        let given = [
            (self.alertmanager.is_some(), Way::Alertmanager),
            (self.webhook.is_some(), Way::Webhook),
            (self.command.is_some(), Way::Command),
            (self.heartbeat.is_some(), Way::Heartbeat),
        ];
        given.into_iter().filter(|(given, _)| *given).map(|(_, way)| way).collect()
    }

    /// The URL, unless it is a command.
    pub(crate) fn url(&self) -> Option<&Text> {
        self.alertmanager.as_ref().or(self.webhook.as_ref()).or(self.heartbeat.as_ref())
    }

    /// How long one delivery may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// Interval of heartbeats or repetitions.
    pub(crate) fn every(&self) -> Duration {
        self.every.unwrap_or(EVERY)
    }

    /// Whether it wants to know of alerts of these kinds and of this severity.
    pub(crate) fn wants(&self, kinds: &[Kind], severity: Severity) -> bool {
        self.send.as_ref().is_none_or(|send| kinds.iter().any(|kind| send.contains(kind)))
            && self.severities.as_ref().is_none_or(|wanted| wanted.contains(&severity))
    }
}
