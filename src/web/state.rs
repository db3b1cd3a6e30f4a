//! What the answers are made from.

use std::sync::Arc;

use storage::record::Record;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::alerts::health::Health as Told;
use crate::judge::Latest;
use crate::on_demand::OnDemand;
use crate::recorder::health::Health;
use crate::scheduled::counts::Counts;
use crate::tally::Tally;
use crate::web::reading::Reading;
use crate::web::token::Guard;

/// Scrapes that are written at once; further ones wait, for probes need the processor more.
const SCRAPES: usize = 1;

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
    /// What became of alerts.
    pub(crate) alerts: Arc<Told>,
    /// What became of scheduled reports.
    pub(crate) reports: Arc<Counts>,
    /// What was counted.
    pub(crate) tally: Arc<Tally>,
    /// Runs what is asked for.
    pub(crate) on_demand: OnDemand,
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
    /// What became of alerts.
    pub(super) alerts: Arc<Told>,
    /// What became of scheduled reports.
    pub(super) reports: Arc<Counts>,
    /// What was counted.
    pub(super) tally: Arc<Tally>,
    /// Runs what is asked for.
    pub(super) on_demand: OnDemand,
    /// Scrapes that are written at once.
    pub(super) scrapes: Arc<Semaphore>,
    phase: watch::Receiver<Phase>,
}

impl State {
    /// What is answered from, and where what is told goes.
    pub(super) fn new(parts: Parts, phase: watch::Receiver<Phase>) -> Self {
        let Parts { health, judged, records, guard, reading, alerts, reports, tally, on_demand } = parts;
        let scrapes = Arc::new(Semaphore::new(SCRAPES));
        Self { health, judged, records, guard, reading, alerts, reports, tally, on_demand, scrapes, phase }
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
