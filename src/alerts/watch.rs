//! Looks again and again at what fires, and puts what is new for each receiver into the outbox.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reports::settings::Correction;
use storage::outbox::Post;
use storage::record::{Change, ChangeKind};
use storage::sqlite::reader::Reader;
use storage::window::Window;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::alerts::alert::Alert;
use crate::alerts::health::Health;
use crate::alerts::message::{Last, Message};
use crate::alerts::outbox::Outbox;
use crate::alerts::own::Own;
use crate::alerts::quiet::Quiet;
use crate::alerts::seen::Seen;
use crate::alerts::settings;
use crate::alerts::tell;

/// Somebody who may have to be told.
pub(super) struct Ear {
    /// What it is called.
    pub(super) name: String,
    /// What it wants to know.
    pub(super) settings: settings::Receiver,
    /// Whether it was told things before this start, so that it may have missed some.
    pub(super) known: bool,
}

/// What is looked at, and where what is new goes.
pub(super) struct Watch {
    /// The store, which knows the maintenance.
    pub(super) store: PathBuf,
    /// Who may have to be told.
    pub(super) ears: Vec<Ear>,
    /// Where people reach the pages.
    pub(super) public_url: String,
    /// Planned stretches.
    pub(super) corrections: Vec<Correction>,
    /// The parts of the daemon.
    pub(super) own: Own,
    /// Where what is new goes.
    pub(super) outbox: Outbox,
    /// Knows what became of the messages.
    pub(super) health: Arc<Health>,
    /// Wakes those who deliver.
    pub(super) posted: watch::Sender<()>,
}

/// Time between two looks when there is no new judgement: what stands still makes none.
const EVERY: Duration = Duration::from_secs(5);
/// A maintenance without an end counts for so long, so that a forgotten one does not silence for ever.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Watch {
    /// Looks for ever.
    pub(super) async fn work(mut self) {
        let mut judged = self.own.judged.clone();
        let mut maintenance = Vec::new();
        let mut fresh = true;
        let mut failed = false;
        loop {
            if std::mem::take(&mut fresh) {
                match self.maintenance().await {
                    Ok(changes) => maintenance = changes,
                    Err(why) => warn!("nobody can tell whether there is maintenance: {why}"),
                }
            }
            match self.look(&maintenance).await {
                Ok(()) if std::mem::take(&mut failed) => info!("the outbox of alerts can be written again"),
                Err(why) if !std::mem::replace(&mut failed, true) => warn!("alerts cannot be kept and sent: {why}"),
                Ok(()) | Err(_) => (),
            }
            tokio::select! {
                () = sleep(EVERY) => (),
                changed = judged.changed() => match changed {
                    Ok(()) => fresh = true,
                    // The judge has ended; what stands still is seen all the same.
                    Err(_) => sleep(EVERY).await,
                }
            }
        }
    }

    async fn look(&mut self, maintenance: &[Change]) -> Result<(), String> {
        let now = Timestamp::now();
        let mut seen = Seen::default();
        let judgement = self.own.judged.borrow().clone();
        seen.judged(judgement.as_deref());
        self.own.look(&mut seen, now);
        let quiet = Quiet::at(now, &self.corrections, maintenance);
        let mut posts: Vec<Post> = Vec::new();
        let quiet_at = |alert: &Alert, at| Quiet::at(at, &self.corrections, maintenance).holds(alert);
        for Ear { name, settings, known } in &self.ears {
            let told = self.outbox.told(name).await?;
            let last: BTreeMap<String, Last> =
                told.iter().filter_map(|told| Some((told.alert.clone(), Last::of(told)?))).collect();
            let news = tell::news(settings, name, &seen, &quiet, &last, &self.public_url, now);
            let past = if *known { seen.past.as_slice() } else { &[] };
            let missed =
                tell::missed((settings, name), past, &last, quiet_at, &self.public_url, (self.own.started, now));
            posts.extend(news.iter().chain(&missed).map(|message: &Message| message.post(name, now)));
        }
        let posted = posts.len();
        if !posts.is_empty() {
            self.outbox.post(posts).await?;
            self.posted.send_replace(());
        }
        let names = self.ears.iter().map(|ear| ear.name.clone()).collect();
        let dropped = self.outbox.trim(names).await?;
        if dropped > 0 {
            warn!("{dropped} messages of alerts are dropped: they were too many or too old, or their receiver is gone");
        }
        if posted > 0 || dropped > 0 {
            for Ear { name, .. } in &self.ears {
                let counted = self.outbox.counted(name).await?;
                self.health.note(name, |state| state.counted = counted);
            }
        }
        Ok(())
    }

    /// The maintenance that was told as changes and may go on.
    async fn maintenance(&self) -> Result<Vec<Change>, String> {
        let store = self.store.clone();
        let read = move || {
            let now = Timestamp::now();
            let window = Window { from: now.checked_sub(LONGEST).unwrap_or(Timestamp::MIN), until: now };
            let mut changes = Reader::open(&store)?.changes(Some(window))?;
            changes.retain(|change| change.kind == ChangeKind::Maintenance);
            Ok(changes)
        };
        let read: Result<Result<_, storage::error::Error>, _> = tokio::task::spawn_blocking(read).await;
        read.map_err(|broken| broken.to_string())?.map_err(|error| error.to_string())
    }
}
