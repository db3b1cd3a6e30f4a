//! The metrics of alerts: what became of the messages to each receiver.

use std::collections::BTreeMap;
use std::fmt;

use crate::alerts::health::State;
use crate::web::metrics::page::Page;
use crate::web::metrics::series::seconds;

/// Writes how each receiver does, by its name.
pub(super) fn write(page: &mut Page<'_>, receivers: &BTreeMap<String, State>) -> fmt::Result {
    let rows = || receivers.iter().map(|(name, state)| ([("receiver", name.as_str())], state));
    let messages = receivers.iter().flat_map(|(name, State { counted, .. })| {
        let states = [("sent", counted.sent), ("failed", counted.failed), ("dropped", counted.dropped)];
        states.map(|(state, count)| ([("receiver", name.as_str()), ("state", state)], count))
    });
    let help = "Messages that were acknowledged, attempts in vain, and messages that were given up";
    page.counters("authprobe_alert_messages", help, messages)?;
    let waiting = rows().map(|(labels, state)| (labels, state.counted.waiting as f64));
    page.gauges("authprobe_alert_waiting_messages", "Messages that a receiver has not acknowledged yet", waiting)?;
    let up = rows().map(|(labels, state)| (labels, f64::from(u8::from(state.trouble.is_none()))));
    page.gauges("authprobe_alert_receiver_up", "Whether a receiver took what it was sent last", up)?;
    let help = "When a receiver last acknowledged something";
    let heard = rows().filter_map(|(labels, state)| Some((labels, seconds(state.heard_at?))));
    page.gauges("authprobe_alert_last_success_timestamp_seconds", help, heard)
}
