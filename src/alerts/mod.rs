//! Tells people: what fires goes into a durable outbox, and from there to each receiver in a task of its own.

pub(crate) mod alert;
mod alertmanager;
mod command;
mod courier;
pub(crate) mod health;
mod heartbeat;
mod http;
pub(crate) mod message;
pub(crate) mod names;
mod outbox;
pub(crate) mod own;
pub(crate) mod probation;
mod quiet;
pub(crate) mod reached;
mod seen;
pub(crate) mod settings;
mod tell;
pub(crate) mod template;
mod watch;
mod webhook;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reports::settings::Correction;
use tokio::sync::watch as channel;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::alerts::alertmanager::Alertmanager;
use crate::alerts::command::Command;
use crate::alerts::courier::Courier;
use crate::alerts::health::Health;
use crate::alerts::heartbeat::Heartbeat;
use crate::alerts::message::Message;
use crate::alerts::names::names;
use crate::alerts::outbox::Outbox;
use crate::alerts::own::Own;
use crate::alerts::settings::{Settings, Way};
use crate::alerts::watch::{Ear, Watch};
use crate::alerts::webhook::Webhook;

/// Deliveries under way at the end have this long.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// Somebody who is told.
#[derive(Debug)]
pub(crate) enum Receiver {
    /// Through Alertmanager's API.
    Alertmanager(Alertmanager),
    /// By a request.
    Webhook(Webhook),
    /// By a program.
    Command(Command),
    /// Only that authprobe works.
    Heartbeat(Heartbeat),
}

/// The running alerts.
pub(crate) struct Alerts {
    stop: CancellationToken,
    tasks: TaskTracker,
    health: Arc<Health>,
}

impl Receiver {
    /// The one that the settings describe.
    ///
    /// # Errors
    /// Why it cannot be told at all.
    pub(crate) fn new(settings: &settings::Receiver, name: &str) -> Result<Self, String> {
        match settings.ways().first() {
            Some(Way::Alertmanager) => Alertmanager::new(settings).map(Receiver::Alertmanager),
            Some(Way::Webhook) => Webhook::new(settings).map(Receiver::Webhook),
            Some(Way::Command) => Command::new(settings).map(Receiver::Command),
            Some(Way::Heartbeat) => Heartbeat::new(settings, name.to_owned()).map(Receiver::Heartbeat),
            None => Err("nobody is named".into()),
        }
    }

    /// Tells it one message; a heartbeat beats once.
    ///
    /// # Errors
    /// Why it did not take it.
    pub(crate) async fn deliver(&self, message: &Message) -> Result<(), String> {
        match self {
            Receiver::Alertmanager(alertmanager) => alertmanager.deliver(message).await,
            Receiver::Webhook(webhook) => webhook.deliver(message).await,
            Receiver::Command(command) => command.deliver(message).await,
            Receiver::Heartbeat(heartbeat) => heartbeat.beat().await,
        }
    }
}

impl Alerts {
    /// Starts to watch and to tell; does nothing where nobody is to be told. `key` names receivers without a name.
    ///
    /// # Errors
    /// When the outbox beside the store cannot be opened, or a receiver can never be told.
    pub(crate) async fn start(
        store: &Path,
        settings: Settings,
        corrections: Vec<Correction>,
        key: &[u8],
        own: Own,
    ) -> anyhow::Result<Self> {
        let (stop, tasks, health) = (CancellationToken::new(), TaskTracker::new(), Arc::new(Health::default()));
        if settings.receivers.is_empty() {
            return Ok(Self { stop, tasks, health });
        }
        let names = names(&settings.receivers, key);
        let outbox = Outbox::open(store).await?;
        let mut ears = Vec::new();
        let (posted, posts) = channel::channel(());
        for (receiver, name) in settings.receivers.into_iter().zip(names) {
            let made =
                Receiver::new(&receiver, &name).map_err(|why| anyhow::anyhow!("alerts, receiver {name}: {why}"))?;
            let (counted, known) = outbox.knows(&name).await?;
            health.note(&name, |state| state.counted = counted);
            match made {
                Receiver::Heartbeat(heartbeat) => {
                    let beats = heartbeat.work(own.clone(), Arc::clone(&health));
                    let stop = stop.clone();
                    tasks.spawn(async move { stop.run_until_cancelled(beats).await.unwrap_or(()) });
                }
                made => {
                    let courier = Courier::new(name.clone(), made, outbox.clone(), Arc::clone(&health), posts.clone());
                    tasks.spawn(courier.work(stop.clone()));
                    ears.push(Ear { name, settings: receiver, known });
                }
            }
        }
        let watch = Watch {
            store: store.to_owned(),
            ears,
            public_url: settings.public_url.unwrap_or_default(),
            corrections,
            own,
            outbox,
            health: Arc::clone(&health),
            posted,
        };
        let stopped = stop.clone();
        tasks.spawn(async move { stopped.run_until_cancelled(watch.work()).await.unwrap_or(()) });
        Ok(Self { stop, tasks, health })
    }

    /// What becomes of the messages, now and later.
    pub(crate) fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Ends them. What was not delivered waits for the next start.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        self.tasks.close();
        if timeout(STOP_WITHIN, self.tasks.wait()).await.is_err() {
            warn!(
                "{} deliveries of alerts did not end within {STOP_WITHIN:?}; they are tried again at the next start",
                self.tasks.len()
            );
        }
    }
}
