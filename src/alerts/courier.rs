//! Carries what waits for one receiver to it, a few messages at once, those of one alert one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use jiff::Timestamp;
use storage::outbox::Waiting;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::alerts::Receiver;
use crate::alerts::health::Health;
use crate::alerts::message::{Last, Message, Status};
use crate::alerts::outbox::Outbox;

/// One receiver's courier.
pub(super) struct Courier {
    name: String,
    receiver: Arc<Receiver>,
    outbox: Outbox,
    health: Arc<Health>,
    posted: watch::Receiver<()>,
    pauses: BTreeMap<i64, Pause>,
    repeat_at: Instant,
    /// Nothing new is carried before: a receiver that takes nothing is not asked for each message that waits.
    carry_at: Instant,
}

/// A message that was not taken: when it is tried again, and how long it waits after that.
struct Pause {
    until: Instant,
    next: ExponentialBackoff,
}

/// What came of a delivery.
struct Delivered {
    id: i64,
    result: Result<(), String>,
}

/// Deliveries to one receiver at once.
const AT_ONCE: usize = 4;
/// Pauses after deliveries that failed.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Pause when the outbox cannot be read.
const AGAIN: Duration = Duration::from_secs(5);
/// Nothing is waited for longer without looking again.
const LONGEST: Duration = Duration::from_secs(30);
/// A delivery bounds itself; this is for one that does not.
const LIMIT: Duration = Duration::from_secs(90);

impl Courier {
    /// The courier of a receiver. `posted` says when something new waits.
    pub(super) fn new(
        name: String,
        receiver: Receiver,
        outbox: Outbox,
        health: Arc<Health>,
        posted: watch::Receiver<()>,
    ) -> Self {
        let receiver = Arc::new(receiver);
        let (pauses, now) = (BTreeMap::new(), Instant::now());
        Self { name, receiver, outbox, health, posted, pauses, repeat_at: now, carry_at: now }
    }

    /// Carries until `stop`; what is under way then may end.
    pub(super) async fn work(mut self, stop: CancellationToken) {
        let mut under_way: JoinSet<Delivered> = JoinSet::new();
        let mut carried: BTreeSet<i64> = BTreeSet::new();
        loop {
            self.posted.mark_unchanged();
            let heads = match self.outbox.heads(&self.name).await {
                Ok(heads) => heads,
                Err(why) => {
                    error!("the outbox of alerts cannot be read: {why}");
                    tokio::select! {
                        () = tokio::time::sleep(AGAIN) => continue,
                        () = stop.cancelled() => break,
                    }
                }
            };
            self.pauses.retain(|id, _| heads.iter().any(|head| head.id == *id));
            let now = Instant::now();
            let due = |head: &&Waiting| {
                !carried.contains(&head.id) && self.pauses.get(&head.id).is_none_or(|pause| pause.until <= now)
            };
            let free = if self.carry_at <= now { AT_ONCE.saturating_sub(under_way.len()) } else { 0 };
            let due: Vec<&Waiting> = heads.iter().filter(due).take(free).collect();
            for head in due {
                carried.insert(head.id);
                under_way.spawn(deliver(Arc::clone(&self.receiver), head.id, head.body.clone()));
            }
            if under_way.is_empty() && self.repeat_at <= now {
                // Alone, so that a repetition never overtakes the message that an alert is over.
                self.repeat(&stop).await;
            }
            let next = self.pauses.values().map(|pause| pause.until).chain([self.carry_at]);
            let next = next.filter(|until| *until > now).min();
            let mut wake = next.unwrap_or(now + LONGEST).min(now + LONGEST);
            if let Receiver::Alertmanager(_) = &*self.receiver
                && under_way.is_empty()
            {
                wake = wake.min(self.repeat_at);
            }
            tokio::select! {
                Some(done) = under_way.join_next() => match done {
                    Ok(done) => {
                        carried.remove(&done.id);
                        self.note(done).await;
                    }
                    Err(broken) => {
                        error!("a delivery to {} broke: {broken}", self.name);
                        carried.clear();
                    }
                },
                changed = self.posted.changed() => if changed.is_err() { break },
                () = sleep_until(wake) => (),
                () = stop.cancelled() => break,
            }
        }
        while let Some(done) = under_way.join_next().await {
            if let Ok(done) = done {
                self.note(done).await;
            }
        }
    }

    async fn note(&mut self, Delivered { id, result }: Delivered) {
        match &result {
            Ok(()) => {
                self.pauses.remove(&id);
                self.carry_at = Instant::now();
                // It takes messages again: the others need not wait for longer.
                self.pauses.values_mut().for_each(|pause| pause.until = Instant::now());
            }
            Err(_) => {
                let pause = self.pauses.entry(id).or_insert_with(|| Pause { until: Instant::now(), next: growing() });
                self.carry_at = Instant::now() + PAUSES.0;
                pause.until = Instant::now() + pause.next.next().unwrap_or(PAUSES.1).min(PAUSES.1 + PAUSES.0);
            }
        }
        match self.outbox.note(&self.name, id, result.is_ok()).await {
            Ok(counted) => {
                self.health.note(&self.name, |state| state.counted = counted);
            }
            // It comes again with the same key.
            Err(why) => error!("what {} was told cannot be noted: {why}", self.name),
        }
        self.heard(&result);
    }

    /// Tells an Alertmanager again what fires.
    async fn repeat(&mut self, stop: &CancellationToken) {
        let Receiver::Alertmanager(alertmanager) = &*self.receiver else { return };
        self.repeat_at = Instant::now() + alertmanager.every();
        let Ok(told) = self.outbox.told(&self.name).await else { return };
        let firing = told.iter().filter(|told| told.firing && !told.waits);
        let firing: Vec<Message> = firing.filter_map(|told| Some(Last::of(told)?.message)).collect();
        if firing.iter().any(|message| message.status == Status::Firing) {
            let repeated = stop.run_until_cancelled(timeout(LIMIT, alertmanager.repeat(&firing))).await;
            let Some(repeated) = repeated else { return };
            self.heard(&repeated.unwrap_or_else(|_| Err(format!("no answer within {LIMIT:?}"))));
        }
    }

    /// Tells once that a receiver takes nothing, and once that it does again.
    fn heard(&self, result: &Result<(), String>) {
        let turned = self.health.note(&self.name, |state| match result {
            Ok(()) => {
                state.heard_at = Some(Timestamp::now());
                state.trouble = None;
            }
            Err(why) => state.trouble = Some(why.clone()),
        });
        match result {
            Ok(()) if turned => info!("{} takes alerts again", self.name),
            Err(why) if turned => warn!("{} takes no alerts, they wait and are tried again: {why}", self.name),
            Ok(()) | Err(_) => (),
        }
    }
}

async fn deliver(receiver: Arc<Receiver>, id: i64, body: String) -> Delivered {
    let result = match serde_json::from_str::<Message>(&body) {
        Ok(message) => match timeout(LIMIT, receiver.deliver(&message)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {LIMIT:?}")),
        },
        Err(_) => Err("another version of authprobe wrote the message".into()),
    };
    Delivered { id, result }
}

fn growing() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(PAUSES.0)
        .with_max_delay(PAUSES.1)
        .with_jitter()
        .without_max_times()
        .build()
}
