//! Judges the store again and again while the daemon runs, so that pages, metrics and alerts all tell the same.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reports::report::{self, Error, IncidentsReport, Kind, Report, Request, SloReport};
use reports::settings::Settings;
use storage::sqlite::reader::Reader;
use storage::window::Window;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::recorder::health::Health;

/// Time between two judgements when nothing turns.
const EVERY: Duration = Duration::from_secs(15);
/// What turned is in the store after so long: the age at which the recorder writes a group, and the time to do so.
const SETTLED: Duration = Duration::from_secs(1);
/// Judging rests so many times as long as it took, so that probing has the machine.
const REST: u32 = 10;
/// How far back incidents are looked for; those that are still open are seen from their beginning.
const BACK: SignedDuration = SignedDuration::from_hours(24);

/// What the store says at one moment.
#[derive(Debug, PartialEq)]
pub(crate) struct Judgement {
    /// When it was asked.
    pub(crate) at: Timestamp,
    /// How long it took to judge.
    pub(crate) took: Duration,
    /// The objectives, each over its own window.
    pub(crate) slo: SloReport,
    /// The incidents of the last day, and those still open.
    pub(crate) incidents: IncidentsReport,
}

/// The newest judgement; none until the first one is made.
pub(crate) type Latest = watch::Receiver<Option<Arc<Judgement>>>;

/// The running judge.
pub(crate) struct Judge {
    latest: Latest,
    task: JoinHandle<()>,
}

impl Judge {
    /// Judges until `stop`, and at once when a probe begins to fail or is well again.
    pub(crate) fn start(store: &Path, settings: Arc<Settings>, health: &Health, stop: CancellationToken) -> Judge {
        let (newest, latest) = watch::channel(None);
        let turns = health.turns();
        let work = work(store.to_owned(), settings, turns, newest);
        Judge { latest, task: tokio::spawn(async move { stop.run_until_cancelled(work).await.unwrap_or(()) }) }
    }

    /// The newest judgement, now and later.
    pub(crate) fn latest(&self) -> Latest {
        self.latest.clone()
    }

    /// Waits for the end of what is being judged.
    pub(crate) async fn finish(self) {
        let _ = self.task.await;
    }
}

async fn work(
    store: PathBuf,
    settings: Arc<Settings>,
    mut turns: watch::Receiver<crate::recorder::health::State>,
    newest: watch::Sender<Option<Arc<Judgement>>>,
) {
    let mut failed = false;
    loop {
        turns.mark_unchanged();
        let begun = Instant::now();
        let (store, settings) = (store.clone(), Arc::clone(&settings));
        let judged = tokio::task::spawn_blocking(move || judge(&store, &settings, Timestamp::now())).await;
        match judged {
            Ok(Ok(judgement)) => {
                newest.send_replace(Some(Arc::new(judgement)));
                if std::mem::take(&mut failed) {
                    info!("the store can be judged again");
                }
            }
            Ok(Err(error)) if !std::mem::replace(&mut failed, true) => warn!("the store cannot be judged: {error}"),
            Err(error) if !std::mem::replace(&mut failed, true) => warn!("judging the store broke: {error}"),
            Ok(Err(_)) | Err(_) => (),
        }
        let took = begun.elapsed();
        sleep(took * REST).await;
        tokio::select! {
            () = sleep_until(begun + EVERY) => (),
            turned = turns.changed() => match turned {
                Ok(()) => sleep(SETTLED).await,
                // The recorder has ended, and the store stays as it is.
                Err(_) => return,
            },
        }
    }
}

fn judge(store: &Path, settings: &Settings, now: Timestamp) -> Result<Judgement, Error> {
    let begun = Instant::now();
    let reader = Reader::open(store)?;
    let request = |kind, window| Request { kind, window, incident: None, now };
    let day = Window { from: now.checked_sub(BACK).unwrap_or(Timestamp::MIN), until: now };
    // One moment for both, so that an objective's budget and the incident that spends it agree.
    reader.at_one_moment(|reader| {
        let slo = report::build(reader, settings, &request(Kind::Slo, None))?;
        let incidents = report::build(reader, settings, &request(Kind::Incidents, Some(day)))?;
        match (slo, incidents) {
            (Report::Slo(slo), Report::Incidents(incidents)) => {
                Ok(Judgement { at: now, took: begun.elapsed(), slo, incidents })
            }
            _ => unreachable!("a report is of the kind that was asked for"),
        }
    })
}
