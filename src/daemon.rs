//! `authprobe run`: starts the parts in order, lets them work, and stops them in order.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use storage::locator::Locator;
use storage::record::{Gap, Record};
use storage::sqlite::checkpointer::{Checkpointer, Notice};
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::{Checkpoint, Writer};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::alerts::Alerts;
use crate::alerts::own::Own;
use crate::alerts::reached;
use crate::changes::blind::Blind;
use crate::changes::kubernetes::credentials::Fetcher;
use crate::changes::{Context, Sources, kubernetes};
use crate::config::schedule::Schedule;
use crate::config::{Config, TargetConfig};
use crate::credentials::Keeper;
use crate::judge::Judge;
use crate::on_demand::OnDemand;
use crate::overlap::Overlap;
use crate::prober::{Prober, Shared};
use crate::recorder::{self, Recorder};
use crate::schedule::calendar::{Calendar, Entry};
use crate::schedule::clock::Step;
use crate::schedule::grid::Grid;
use crate::schedule::timer::{Due, Lost, Slot, Timer, grace};
use crate::scheduled::Scheduled;
use crate::scheduled::counts::Counts;
use crate::store_lock::StoreLock;
use crate::tally::Tally;
use crate::web::kept::Judges;
use crate::web::reading::Reading;
use crate::web::serve::{Address, Web};
use crate::web::state::{Parts, Phase};
use crate::web::token::Guard;

/// Runs that one host and port has to bear at once; further ones wait, and are skipped when the wait is too long.
const PER_HOST: usize = 32;

/// Runs that are under way at once in all.
const IN_ALL: usize = 4096;

/// Runs that are still going when the daemon is asked to stop have this long to end.
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// Slots that a planner may have handed out and the timer not yet taken.
const PLANNED: usize = 1024;

/// The running daemon's parts.
struct Daemon {
    probers: Vec<Arc<Prober>>,
    hosts: Vec<Arc<Semaphore>>,
    all: Arc<Semaphore>,
    records: mpsc::Sender<Record>,
    runs: TaskTracker,
    give_up: CancellationToken,
    tally: Arc<Tally>,
    calendar: Option<Calendar>,
    reports: Option<Scheduled>,
}

/// Runs until `stop`. `further` brings records of other sources into the same store; `listens` is told where it answers.
///
/// # Errors
/// When the store cannot be opened or another daemon has it, or a part cannot be started.
pub(crate) async fn run(
    config: Config,
    store: &Locator,
    stop: CancellationToken,
    further: Option<mpsc::Receiver<Record>>,
    listens: Option<oneshot::Sender<SocketAddr>>,
) -> anyhow::Result<()> {
    let Config { agent, targets, retention, changes, web, judging, mut alerts, reports, digest, .. } = config;
    let Locator::Sqlite(path) = store;
    // Held until everything is written; before anything of the store is touched, since the other may be an older version.
    let _lock = StoreLock::take(path)?;
    let address = Address::take(&web.listen).await?;
    if let Some((listens, taken)) = listens.zip(address.taken()) {
        // Who does not wait for it does not need it.
        let _ = listens.send(taken);
    }
    alerts.public_url = Some(reached::url(alerts.public_url.as_deref(), &web.listen, address.taken()));
    let guard = Guard::new(web.api_token.clone())?;
    let blind = blind_since(path);
    let writer = Writer::open(path)?;
    let checkpointer = Checkpointer::start(path, tell)?;
    let key = crate::fingerprint_key::beside(path).context("the key for fingerprints of secrets")?;
    let tally = Arc::new(Tally::new(&agent, digest, &targets, &judging, path));
    let (records, recorder) =
        Recorder::start(writer, retention, Overlap::new(path, blind), recorder::KEPT, Arc::clone(&tally));
    let corrections = judging.corrections.clone();
    let judging = Arc::new(judging);
    let judge = Judge::start(path, Arc::clone(&judging), &recorder.health(), stop.clone());
    let judges = Judges::start(path, &judging, &judge.latest(), stop.clone())?;
    let reading = Reading::start(path, Arc::clone(&judging), &targets, &web, judges.shared(), stop.clone());
    let blind_sources = Arc::new(Blind::default());
    let own = Own {
        recorder: recorder.health(),
        judged: judge.latest(),
        blind: Arc::clone(&blind_sources),
        started: Timestamp::now(),
        every: shortest(&targets),
        agent: agent.clone(),
    };
    let alerts = Alerts::start(path, alerts, corrections, &key, own).await?;
    let shared = Shared {
        keeper: Arc::new(Keeper::new(&key)),
        profiles: Arc::default(),
        sightings: Arc::default(),
        agent: agent.into(),
    };
    let on_demand = OnDemand::new(&targets, shared.clone(), records.clone(), stop.clone());
    let counts = Arc::new(Counts::new(reports.iter().map(|report| report.name.as_str())));
    let parts = Parts {
        health: recorder.health(),
        judged: judge.latest(),
        records: records.clone(),
        guard,
        reading,
        alerts: alerts.health(),
        reports: Arc::clone(&counts),
        tally: Arc::clone(&tally),
        on_demand,
    };
    let web = Web::start(address, parts)?;
    let context = Context {
        records: records.clone(),
        keeper: Arc::clone(&shared.keeper),
        blind: blind_sources,
        since: blind,
        feeds: Arc::clone(&tally.feeds),
        stop: CancellationToken::new(),
    };
    let mut daemon = Daemon::new(&targets, &shared, records, Arc::clone(&tally));
    daemon.probers.iter().for_each(|prober| prober.prepare());
    let access = changes.kubernetes.as_ref().map(kubernetes::Settings::access).unwrap_or_default();
    let fetcher = Fetcher::new(access, Arc::clone(&shared.keeper));
    let fetching = match fetcher {
        // The first runs need their credentials. What is not there within the time of one answer comes later.
        Some(mut fetcher) => {
            fetcher.fetch().await;
            Some(tokio::spawn(fetcher.follow(context.stop.clone())))
        }
        None => None,
    };
    // The schedule begins when everything is ready: no slot has passed by then.
    let started = Timestamp::now();
    if let Some(gap) = blind.and_then(|since| gap(since, started)) {
        info!("nothing was probed since {}: recorded as a gap", gap.from);
        let _ = daemon.records.send(Record::Gap(gap)).await;
    }
    let (planner, planned) = mpsc::channel(PLANNED);
    daemon.calendar = match calendar_entries(&targets, started) {
        entries if entries.is_empty() => None,
        entries => Some(Calendar::start(entries, planner.clone()).await?),
    };
    drop(planner);
    daemon.reports = Scheduled::start(reports, judging, path, counts).await?;
    let sources = Sources::start(changes, &targets, &shared.sightings, &context);
    drop(context);
    let relay = further.map(|further| tokio::spawn(relay(further, daemon.records.clone())));
    info!("probing; targets: {}, probes: {}, store: {store}", targets.len(), daemon.probes());
    web.tell(Phase::Running);
    daemon.timer(&targets, started).drive(planned, stop, |due| daemon.take(due)).await;

    info!("stopping");
    web.tell(Phase::Stopping);
    alerts.finish().await;
    if let Some(calendar) = daemon.calendar.take() {
        calendar.stop().await;
    }
    daemon.finish_runs().await;
    if let Some(reports) = daemon.reports.take() {
        reports.finish().await;
    }
    sources.finish().await;
    web.finish().await;
    judge.finish().await;
    judges.finish().await;
    if let Some(relay) = relay {
        relay.abort();
    }
    if let Some(fetching) = fetching {
        let _ = fetching.await;
    }
    drop(daemon);
    let written = recorder.finish().await?;
    drop(checkpointer);
    let lateness = tally.lateness().clone();
    info!("stopped: {lateness}; {} records kept, {} lost", written.kept, written.lost);
    anyhow::ensure!(written.lost == 0, "{} records could not be written to {store}", written.lost);
    Ok(())
}

impl Daemon {
    fn new(targets: &[TargetConfig], shared: &Shared, records: mpsc::Sender<Record>, tally: Arc<Tally>) -> Self {
        let mut by_host: HashMap<String, Arc<Semaphore>> = HashMap::new();
        let hosts = targets.iter().map(|config| {
            let url = &config.target.url;
            let host = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0));
            Arc::clone(by_host.entry(host).or_insert_with(|| Arc::new(Semaphore::new(PER_HOST))))
        });
        Self {
            hosts: hosts.collect(),
            probers: targets.iter().map(|config| Arc::new(Prober::new(config, shared.clone()))).collect(),
            all: Arc::new(Semaphore::new(IN_ALL)),
            records,
            runs: TaskTracker::new(),
            give_up: CancellationToken::new(),
            tally,
            calendar: None,
            reports: None,
        }
    }

    fn probes(&self) -> usize {
        self.probers.iter().map(|prober| prober.target.probes.plans().len()).sum()
    }

    fn timer(&self, targets: &[TargetConfig], now: Timestamp) -> Timer {
        let grids = targets
            .iter()
            .map(|TargetConfig { target, schedule, .. }| schedule.every().map(|every| Grid::new(&target.name, every)));
        Timer::new(grids, now)
    }

    /// Takes what the timer hands out.
    fn take(&self, due: Due) {
        match due {
            Due::Now(slot) => self.start(slot),
            Due::Late(slot) => self.skip(slot, "authprobe came too late for this slot".into()),
            Due::Lost(lost) => self.lost(lost),
            Due::Step(step) => self.stepped(step),
        }
    }

    fn start(&self, slot: Slot) {
        let Some(prober) = self.probers.get(slot.target) else { return };
        let Some(session) = prober.take() else {
            return self.skip(slot, "the last run was still going".into());
        };
        let Some(host) = self.hosts.get(slot.target) else { return };
        let every = slot.every();
        let (prober, host, all) = (Arc::clone(prober), Arc::clone(host), Arc::clone(&self.all));
        let (records, give_up, tally) = (self.records.clone(), self.give_up.clone(), Arc::clone(&self.tally));
        self.runs.spawn(async move {
            let skipped = |why: &str| {
                tally.lateness().skipped += 1;
                prober.skipped(slot.planned, Some(every), why)
            };
            let free = async { (all.acquire_owned().await, host.acquire_owned().await) };
            let results = match tokio::time::timeout(grace(every), free).await {
                Err(_) => skipped("too many runs were under way at this host or in all"),
                Ok(_permits) => {
                    let late = Timestamp::now().duration_since(slot.planned);
                    tally.lateness().started(Duration::try_from(late).unwrap_or_default());
                    tokio::select! {
                        results = prober.run(session, None, Some(every)) => results,
                        () = give_up.cancelled() => skipped("authprobe was stopped before the run ended"),
                    }
                }
            };
            tally.holds(&prober.target.name, prober.held_since());
            for record in results {
                debug!(target.name = %prober.target.name, ?record, "recorded");
                // The recorder outlives every run.
                let _ = records.send(record).await;
            }
        });
    }

    fn skip(&self, slot: Slot, why: String) {
        let Some(prober) = self.probers.get(slot.target) else { return };
        self.tally.lateness().skipped += 1;
        warn!(target.name = %prober.target.name, "target `{}` skipped its slot at {}: {why}", prober.target.name, slot.planned);
        self.send(prober.skipped(slot.planned, Some(slot.every()), &why));
    }

    fn lost(&self, Lost { target, from, until }: Lost) {
        let Some(prober) = self.probers.get(target) else { return };
        self.tally.lateness().lost(Duration::try_from(until.duration_since(from)).unwrap_or_default());
        let name = &prober.target.name;
        let why = "authprobe stood still, or the clock was set";
        warn!(target.name = %name, "target `{name}` lost every slot from {from} until {until}: {why}");
        let why = format!("{why}; target {name} lost every slot");
        self.send(vec![Record::Gap(Gap { feed: "prober".into(), from, until, why })]);
    }

    fn stepped(&self, step: Step) {
        warn!("{step}: from {} until {}", step.from, step.until);
        if step.is_back() {
            self.calendar.iter().for_each(Calendar::set_back);
            self.reports.iter().for_each(Scheduled::set_back);
        }
        let Step { from, until, .. } = step;
        self.send(vec![Record::Gap(Gap { feed: "prober".into(), from, until, why: step.to_string() })]);
    }

    fn send(&self, all: Vec<Record>) {
        let records = self.records.clone();
        self.runs.spawn(async move {
            for record in all {
                let _ = records.send(record).await;
            }
        });
    }

    /// Lets the runs under way end, for a while; then each is recorded as skipped.
    async fn finish_runs(&self) {
        self.runs.close();
        if tokio::time::timeout(STOP_WITHIN, self.runs.wait()).await.is_err() {
            warn!("{} runs did not end within {STOP_WITHIN:?} and are given up", self.runs.len());
            self.give_up.cancel();
            self.runs.wait().await;
        }
    }
}

impl Schedule {
    /// The interval, unless a calendar plans the slots.
    fn every(&self) -> Option<Duration> {
        match self {
            Schedule::Every(every) => Some(*every),
            Schedule::Cron { .. } => None,
        }
    }
}

/// The shortest interval; none where every target has a calendar.
fn shortest(targets: &[TargetConfig]) -> Option<SignedDuration> {
    targets.iter().filter_map(|config| config.schedule.every()).min().and_then(|every| every.try_into().ok())
}

fn calendar_entries(targets: &[TargetConfig], watermark: Timestamp) -> Vec<Entry> {
    let entry = |(target, config): (usize, &TargetConfig)| match &config.schedule {
        Schedule::Every(_) => None,
        Schedule::Cron { expression, timezone } => {
            Some(Entry { target, expression: expression.as_ref().clone(), timezone: timezone.clone(), watermark })
        }
    };
    targets.iter().enumerate().filter_map(entry).collect()
}

/// The end of the last result of a store that is continued.
fn blind_since(path: &Path) -> Option<Timestamp> {
    Reader::open(path).ok()?.watermark().ok()?
}

/// The gap that a stretch without a daemon leaves, if it is worth telling.
fn gap(from: Timestamp, until: Timestamp) -> Option<Gap> {
    const WORTH_TELLING: SignedDuration = SignedDuration::from_secs(1);
    let gap = Gap { feed: "prober".into(), from, until, why: "authprobe was not running".into() };
    (until.duration_since(from) > WORTH_TELLING).then_some(gap)
}

/// Tells what the checkpoints of the store have to say.
fn tell(notice: Notice) {
    match notice {
        Notice::Failed(failure) => warn!("the store's log cannot be moved into the store: {failure}"),
        Notice::Long(Checkpoint { pages, .. }) => {
            warn!(
                "the store's log has {pages} pages: something that still reads the store keeps it from being emptied"
            );
        }
    }
}

async fn relay(mut from: mpsc::Receiver<Record>, to: mpsc::Sender<Record>) {
    while let Some(record) = from.recv().await {
        if to.send(record).await.is_err() {
            return;
        }
    }
}
