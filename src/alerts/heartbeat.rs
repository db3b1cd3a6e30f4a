//! Beats while authprobe probes, stores and judges. Whoever hears nothing any more wakes somebody.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::alerts::health::Health;
use crate::alerts::http::Caller;
use crate::alerts::own::Own;
use crate::alerts::settings;

/// A place that hears the beat.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    name: String,
    caller: Caller,
    every: Duration,
}

impl Heartbeat {
    /// The one of a receiver.
    ///
    /// # Errors
    /// Why it cannot be called at all.
    pub(super) fn new(receiver: &settings::Receiver, name: String) -> Result<Self, String> {
        Ok(Self { name, caller: Caller::new(receiver, "")?, every: receiver.every() })
    }

    /// Beats once.
    ///
    /// # Errors
    /// Why it was not heard.
    pub(super) async fn beat(&self) -> Result<(), String> {
        self.caller.call(None).await
    }

    /// Beats for ever, but not while something of authprobe stands still.
    pub(super) async fn work(self, own: Own, health: Arc<Health>) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = false;
        loop {
            ticks.tick().await;
            let trouble = own.trouble(Timestamp::now());
            // Before the first judgement nobody knows whether the store can be judged.
            let judged = own.judged.borrow().is_some();
            let well = trouble.is_empty() && judged;
            if let Some(first) = trouble.first()
                && !std::mem::replace(&mut silent, true)
            {
                warn!("the heartbeat to {} stops: {}", self.name, first.summary);
            }
            if !well {
                continue;
            }
            if std::mem::take(&mut silent) {
                info!("the heartbeat to {} goes on", self.name);
            }
            let beaten = self.beat().await;
            let turned = health.note(&self.name, |state| match &beaten {
                Ok(()) => {
                    state.counted.sent += 1;
                    state.heard_at = Some(Timestamp::now());
                    state.trouble = None;
                }
                Err(why) => {
                    state.counted.failed += 1;
                    state.trouble = Some(why.clone());
                }
            });
            match beaten {
                Err(why) if turned => warn!("the heartbeat to {} is not heard: {why}", self.name),
                Ok(()) if turned => info!("the heartbeat to {} is heard again", self.name),
                Ok(()) | Err(_) => (),
            }
        }
    }
}
