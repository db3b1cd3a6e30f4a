//! Tells an Alertmanager through its API (v2), and again and again while an alert fires, as it wants it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::alerts::http::{Body, Caller};
use crate::alerts::message::{Event, Message, Status};
use crate::alerts::settings;

/// An Alertmanager.
#[derive(Debug)]
pub(crate) struct Alertmanager {
    caller: Caller,
    every: Duration,
}

/// Alerts that are repeated in one request.
const TOGETHER: usize = 64;
/// An alert that is not repeated for so many intervals is over, as Prometheus does it.
const INTERVALS: u32 = 4;

impl Alertmanager {
    /// The one of a receiver.
    ///
    /// # Errors
    /// Why it cannot be called at all.
    pub(super) fn new(receiver: &settings::Receiver) -> Result<Self, String> {
        Ok(Self { caller: Caller::new(receiver, "/api/v2/alerts")?, every: receiver.every() })
    }

    /// How often what fires is repeated.
    pub(super) fn every(&self) -> Duration {
        self.every
    }

    /// Tells it one message. Where the labels changed, the alert with the old ones ends.
    ///
    /// # Errors
    /// Why it did not take it.
    pub(super) async fn deliver(&self, message: &Message) -> Result<(), String> {
        let now = Timestamp::now();
        let before = message.before.as_ref().map(|labels| alert(message, labels, now));
        let present = alert(message, &message.labels, ends_at(message, self.every, now));
        self.post(before.into_iter().chain([present]).collect(), message.key.clone()).await
    }

    /// Tells it again what fires.
    ///
    /// # Errors
    /// Why it did not take it.
    pub(super) async fn repeat(&self, messages: &[Message]) -> Result<(), String> {
        for some in messages.chunks(TOGETHER) {
            let alerts: Vec<Value> = some
                .iter()
                .map(|message| alert(message, &message.labels, ends_at(message, self.every, Timestamp::now())))
                .collect();
            self.post(alerts, String::new()).await?;
        }
        Ok(())
    }

    async fn post(&self, alerts: Vec<Value>, key: String) -> Result<(), String> {
        let bytes = Value::Array(alerts).to_string().into_bytes();
        self.caller.call(Some(Body { content_type: "application/json".into(), bytes, key })).await
    }
}

/// Until when an alert fires if nobody says otherwise.
fn ends_at(message: &Message, every: Duration, now: Timestamp) -> Timestamp {
    match (message.status, message.event) {
        (Status::Firing, Event::Test) => message.ends_at.unwrap_or(now),
        // Told late or not, it fires from now on until nobody repeats it.
        (Status::Firing, _) => now.checked_add(every.saturating_mul(INTERVALS)).unwrap_or(Timestamp::MAX),
        (Status::Resolved, _) => message.ends_at.unwrap_or(now).min(now),
    }
}

/// A message as an alert of Alertmanager.
fn alert(message: &Message, labels: &BTreeMap<String, String>, ends_at: Timestamp) -> Value {
    let mut annotations = json!({"summary": message.summary, "description": message.description, "link": message.link});
    if !message.targets.is_empty() {
        let targets: Vec<&str> = message.targets.iter().map(String::as_str).collect();
        annotations["targets"] = targets.join(", ").into();
    }
    if let Some(cause) = &message.cause {
        annotations["cause"] = cause.says.clone().into();
        annotations["cause_probability"] = format!("{:.2}", cause.probability).into();
    }
    json!({
        "labels": labels, "annotations": annotations, "generatorURL": message.link,
        "startsAt": message.starts_at.to_string(), "endsAt": ends_at.max(message.starts_at).to_string(),
    })
}
