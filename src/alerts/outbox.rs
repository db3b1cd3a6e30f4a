//! The outbox for tasks: its work is done where a wait for the disk holds nobody up.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use storage::error::Error;
use storage::outbox::{self, Counted, Limits, Post, Told, Waiting};

/// The one open outbox.
#[derive(Debug, Clone)]
pub(super) struct Outbox(Arc<Mutex<outbox::Outbox>>);

/// How much is kept: alerts of three days ago wake nobody any more.
pub(super) const LIMITS: Limits =
    Limits { most: 1000, oldest: Duration::from_hours(72), over: Duration::from_hours(72) };

impl Outbox {
    /// Opens the one beside a store.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) async fn open(store: &Path) -> anyhow::Result<Self> {
        let path = outbox::Outbox::beside(store);
        let opened = tokio::task::spawn_blocking(move || outbox::Outbox::open(&path)).await;
        let opened = opened.context("opening the outbox of alerts broke")?.context("the outbox of alerts")?;
        Ok(Self(Arc::new(Mutex::new(opened))))
    }

    /// What a receiver was told last of every alert.
    pub(super) async fn told(&self, receiver: &str) -> Result<Vec<Told>, String> {
        let receiver = receiver.to_owned();
        self.work(move |outbox| outbox.told(Some(&receiver))).await
    }

    /// Puts messages in.
    pub(super) async fn post(&self, posts: Vec<Post>) -> Result<(), String> {
        self.work(move |outbox| outbox.post(&posts)).await
    }

    /// The oldest message of each alert that waits for a receiver.
    pub(super) async fn heads(&self, receiver: &str) -> Result<Vec<Waiting>, String> {
        let receiver = receiver.to_owned();
        self.work(move |outbox| outbox.heads(&receiver, LIMITS.most)).await
    }

    /// Notes what became of a delivery, and counts.
    pub(super) async fn note(&self, receiver: &str, id: i64, delivered: bool) -> Result<Counted, String> {
        let receiver = receiver.to_owned();
        let noted = move |outbox: &mut outbox::Outbox| {
            if delivered {
                outbox.sent(&receiver, id)?
            } else {
                outbox.failed(&receiver, id)?
            }
            outbox.counted(&receiver)
        };
        self.work(noted).await
    }

    /// What became of a receiver's messages.
    pub(super) async fn counted(&self, receiver: &str) -> Result<Counted, String> {
        let receiver = receiver.to_owned();
        self.work(move |outbox| outbox.counted(&receiver)).await
    }

    /// What became of a receiver's messages, and whether it was a receiver before; from now on it was.
    pub(super) async fn knows(&self, receiver: &str) -> anyhow::Result<(Counted, bool)> {
        let receiver = receiver.to_owned();
        let knows = move |outbox: &mut outbox::Outbox| Ok((outbox.counted(&receiver)?, outbox.knows(&receiver)?));
        self.work(knows).await.map_err(anyhow::Error::msg)
    }

    /// Drops what is too much or too old, and everything of other receivers. Gives the number of messages dropped.
    pub(super) async fn trim(&self, receivers: Vec<String>) -> Result<u64, String> {
        let trim = move |outbox: &mut outbox::Outbox| {
            let receivers: Vec<&str> = receivers.iter().map(String::as_str).collect();
            outbox.trim(&receivers, LIMITS, Timestamp::now())
        };
        self.work(trim).await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut outbox::Outbox) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, String> {
        let outbox = Arc::clone(&self.0);
        let worked =
            tokio::task::spawn_blocking(move || work(&mut outbox.lock().unwrap_or_else(PoisonError::into_inner)));
        match worked.await {
            Ok(worked) => worked.map_err(|error| error.to_string()),
            Err(broken) => Err(broken.to_string()),
        }
    }
}
