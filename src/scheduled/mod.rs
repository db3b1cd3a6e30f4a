//! Reports that the daemon writes on a schedule: when each is due, where it goes, and what is kept of it.
//!
//! The last planned moment of each report stands in a small file beside the store, so that one run that was missed
//! while nothing ran is made up for once, whatever the report's destination is. The file also lists what was written:
//! nothing else is ever deleted. A report is as of its planned moment, however late it is written.

pub(crate) mod counts;
mod desk;
mod destination;
mod record;
pub(crate) mod settings;
mod webhook;
mod work;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reports::settings::Settings;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::schedule::calendar::{Calendar, Entry};
use crate::scheduled::counts::Counts;
use crate::scheduled::desk::Desk;
use crate::scheduled::record::Record;
use crate::scheduled::settings::Report;
use crate::scheduled::work::Work;

/// Slots that the calendar may have handed out and the desk not yet taken.
const PLANNED: usize = 64;

/// How long a report under way may hold up the end of the program.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// The reports while the daemon runs.
pub(crate) struct Scheduled {
    calendar: Calendar,
    stop: CancellationToken,
    desk: JoinHandle<()>,
    counts: Arc<Counts>,
}

impl Scheduled {
    /// Begins to write reports of a store; none where no report is asked for.
    ///
    /// # Errors
    /// When the calendar cannot be started.
    pub(crate) async fn start(
        reports: Vec<Report>,
        judging: Arc<Settings>,
        store: &Path,
        counts: Arc<Counts>,
    ) -> anyhow::Result<Option<Self>> {
        if reports.is_empty() {
            return Ok(None);
        }
        let now = Timestamp::now();
        let entry = |(index, report): (usize, &Report)| Entry {
            target: index,
            expression: report.expression.clone(),
            timezone: report.timezone.clone(),
            watermark: now,
        };
        let entries = reports.iter().enumerate().map(entry).collect();
        let (planner, planned) = mpsc::channel(PLANNED);
        let record = Record::beside(store);
        let reports = reports.into_iter().map(Arc::new).collect();
        let work = Work { reports, judging, store: store.to_owned() };
        let desk = Desk::new(work, record, Arc::clone(&counts), now);
        let calendar = Calendar::start(entries, planner).await?;
        let stop = CancellationToken::new();
        let desk = tokio::spawn(desk.work(planned, stop.clone()));
        Ok(Some(Self { calendar, stop, desk, counts }))
    }

    /// Goes on from the clock as it is, after it was set back.
    pub(crate) fn set_back(&self) {
        self.calendar.set_back();
    }

    /// Ends; a report under way has a few seconds to be complete, else it is written after the next start.
    pub(crate) async fn finish(self) {
        let Self { calendar, stop, desk, counts } = self;
        stop.cancel();
        calendar.stop().await;
        if tokio::time::timeout(STOP_WITHIN, desk).await.is_err() {
            warn!("a report under way is given up; it is written after the next start");
        }
        info!("scheduled reports: {counts}");
    }
}
