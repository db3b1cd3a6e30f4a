//! Alerts reach those who are to be told: in order, once, and never at the cost of a probe.

mod alertmanager;
mod beats;
mod feed;
mod history;
mod outage;
mod outbox;
mod slow;

use std::fs;

use anyhow::Result;
use serde_json::Value;

use crate::harness::demo::Demo;
use crate::harness::wait::{Seen, until};
use crate::servers::hook::{Got, Hook};

/// Adds receivers to the configuration, one a line.
fn receivers(demo: &Demo, lines: &[String]) -> Result<()> {
    let file = demo.path("authprobe.yaml");
    let mut text = fs::read_to_string(&file)?;
    text.push_str("alerts:\n");
    lines.iter().for_each(|line| text.push_str(&format!("  - {line}\n")));
    Ok(fs::write(file, text)?)
}

/// Waits until a hook got a message of this event.
async fn heard(hook: &Hook, event: &str) -> Result<Got> {
    until(&format!("a message that something is {event}"), async || {
        let got = hook.got();
        let found = got.iter().find(|got| got.body["event"] == event).cloned();
        Ok(found.map_or_else(|| Seen::NotYet(format!("got {:?}", events(&got))), Seen::Done))
    })
    .await
}

/// What was heard of each alert, in order.
fn events(got: &[Got]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    got.iter().map(|got| (text(&got.body["alert"]), text(&got.body["event"]))).collect()
}
