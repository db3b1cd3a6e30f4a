//! What a receiver is told: one state of an alert, as it stands in the outbox and in a webhook's body.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use storage::outbox::{Post, Told};
use xxhash_rust::xxh3::xxh3_128;

use crate::alerts::alert::{Alert, Cause, Kind, Severity};

/// Name and version of the JSON form.
pub(crate) const SCHEMA: &str = "authprobe.alert/v1";

/// Whether an alert fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It does.
    Firing,
    /// It did.
    Resolved,
}

/// What became of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// It began.
    Opened,
    /// It is worse, wider, or explained otherwise.
    Updated,
    /// It is over.
    Closed,
    /// It is none: somebody tries whether messages arrive.
    Test,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// Name and version of this form.
    pub(crate) schema: String,
    /// The same whenever this message comes again.
    pub(crate) key: String,
    /// The same as long as it is the same alert.
    pub(crate) alert: String,
    /// Counts the messages of this alert to this receiver, from 1.
    pub(crate) revision: u32,
    /// What became of it.
    pub(crate) event: Event,
    /// Whether it fires.
    pub(crate) status: Status,
    /// What it is about.
    pub(crate) kind: Kind,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// Since when it fires.
    pub(crate) starts_at: Timestamp,
    /// Since when it does no more.
    pub(crate) ends_at: Option<Timestamp>,
    /// What names it to an Alertmanager.
    pub(crate) labels: BTreeMap<String, String>,
    /// Names of the targets concerned.
    pub(crate) targets: BTreeSet<String>,
    /// What is wrong, in one line.
    pub(crate) summary: String,
    /// More of it, with the likely cause.
    pub(crate) description: String,
    /// The likeliest explanation.
    pub(crate) cause: Option<Cause>,
    /// The page that shows it.
    pub(crate) link: String,
    /// The labels before this message, where they were others: to an Alertmanager that is an alert of its own, which ends.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) before: Option<BTreeMap<String, String>>,
}

impl Message {
    /// The message that an alert fires. `last` is what the receiver was told of it before.
    pub(crate) fn firing(alert: &Alert, receiver: &str, last: Option<&Last>, public_url: &str) -> Self {
        let going_on = last.filter(|last| last.message.status == Status::Firing);
        let mut labels = alert.labels.clone();
        // The labels name the alert, so the target that was named first stays, however many follow.
        if let Some(target) = going_on.and_then(|last| last.message.labels.get("target"))
            && alert.targets.contains(target)
        {
            labels.insert("target".into(), target.clone());
        }
        labels.insert("severity".into(), alert.severity.as_str().into());
        let revision = last.map_or(1, |last| last.message.revision.saturating_add(1));
        let before = going_on.map(|last| last.message.labels.clone()).filter(|before| *before != labels);
        Self {
            schema: SCHEMA.into(),
            key: key(receiver, &alert.id, alert.starts_at, revision),
            alert: alert.id.clone(),
            revision,
            event: if going_on.is_some() { Event::Updated } else { Event::Opened },
            status: Status::Firing,
            kind: alert.kind,
            severity: alert.severity,
            starts_at: going_on.map_or(alert.starts_at, |last| last.message.starts_at.min(alert.starts_at)),
            ends_at: None,
            labels,
            targets: alert.targets.clone(),
            summary: alert.summary.clone(),
            description: alert.description.clone(),
            cause: alert.cause.clone(),
            link: format!("{public_url}{}", alert.page),
            before,
        }
    }

    /// The message that what was told last is over.
    pub(crate) fn resolved(last: &Last, receiver: &str, at: Timestamp) -> Self {
        let told = &last.message;
        let revision = told.revision.saturating_add(1);
        Self {
            key: key(receiver, &told.alert, told.starts_at, revision),
            revision,
            event: Event::Closed,
            status: Status::Resolved,
            ends_at: Some(at.max(told.starts_at)),
            summary: format!("over: {}", told.summary),
            before: None,
            ..told.clone()
        }
    }

    /// The message that something began and was over while nobody looked.
    pub(crate) fn missed(alert: &Alert, receiver: &str, ended: Timestamp, public_url: &str) -> Self {
        let firing = Self::firing(alert, receiver, None, public_url);
        Self {
            event: Event::Closed,
            status: Status::Resolved,
            ends_at: Some(ended.max(firing.starts_at)),
            summary: format!("over: {}", firing.summary),
            description: format!("It began and was over while `authprobe run` did not run. {}", firing.description),
            ..firing
        }
    }

    /// Whether an alert is no longer what this message says: another severity, more targets, another likely cause.
    pub(crate) fn differs(&self, alert: &Alert) -> bool {
        self.severity != alert.severity
            || !alert.targets.is_subset(&self.targets)
            || changes(self.cause.as_ref()) != changes(alert.cause.as_ref())
    }

    /// Whether an alert is worse than this message says, so that nobody should wait to know.
    pub(crate) fn is_less_than(&self, alert: &Alert) -> bool {
        alert.severity < self.severity
    }

    /// As it is put into the outbox.
    pub(crate) fn post(&self, receiver: &str, at: Timestamp) -> Post {
        let body = serde_json::to_string(self)
            .unwrap_or_else(|_| unreachable!("a message holds nothing but texts and numbers"));
        Post {
            receiver: receiver.to_owned(),
            alert: self.alert.clone(),
            key: self.key.clone(),
            revision: self.revision,
            firing: self.status == Status::Firing,
            at,
            body,
        }
    }
}

/// What a receiver was told last of an alert.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Last {
    /// The message.
    pub(crate) message: Message,
    /// When it was made.
    pub(crate) at: Timestamp,
}

impl Last {
    /// As the outbox knows it; none where a body is of another version.
    pub(crate) fn of(told: &Told) -> Option<Self> {
        let message = serde_json::from_str(&told.body).ok()?;
        Some(Self { message, at: told.at })
    }
}

fn changes(cause: Option<&Cause>) -> Option<&[String]> {
    cause.map(|cause| cause.changes.as_slice())
}

/// The same for the same receiver, alert, beginning and revision.
fn key(receiver: &str, alert: &str, starts_at: Timestamp, revision: u32) -> String {
    let text = format!("{receiver}\0{alert}\0{}\0{revision}", starts_at.as_millisecond());
    format!("{:032x}", xxh3_128(text.as_bytes()))
}
