//! What the answers are made from.

use std::sync::Arc;

use storage::record::Record;
use tokio::sync::{mpsc, watch};

use crate::judge::Latest;
use crate::recorder::health::Health;
use crate::web::reading::Reading;
use crate::web::token::Guard;

/// How far the daemon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The schedule has not begun.
    Starting,
    /// It probes.
    Running,
    /// It ends.
    Stopping,
}

/// What the daemon gives.
pub(crate) struct Parts {
    /// How the recorder does.
    pub(crate) health: Arc<Health>,
    /// What the store says.
    pub(crate) judged: Latest,
    /// Takes what is told.
    pub(crate) records: mpsc::Sender<Record>,
    /// Knows who may tell.
    pub(crate) guard: Guard,
    /// What is read.
    pub(crate) reading: Reading,
}

/// What the answers are made from.
pub(super) struct State {
    /// How the recorder does.
    pub(super) health: Arc<Health>,
    /// What the store says.
    pub(super) judged: Latest,
    /// Takes what it is told.
    pub(super) records: mpsc::Sender<Record>,
    /// Knows who may tell.
    pub(super) guard: Guard,
    /// What is read.
    pub(super) reading: Reading,
    phase: watch::Receiver<Phase>,
}

impl State {
    /// What is answered from, and where what is told goes.
    pub(super) fn new(parts: Parts, phase: watch::Receiver<Phase>) -> Self {
        let Parts { health, judged, records, guard, reading } = parts;
        Self { health, judged, records, guard, reading, phase }
    }

    /// How far the daemon is now.
    pub(super) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until the daemon is so far, or gone.
    pub(super) async fn until(&self, phase: Phase) {
        let _ = self.phase.clone().wait_for(|now| *now == phase).await;
    }
}
