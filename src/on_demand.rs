//! Runs the probes of a target when somebody asks, beside the schedule and without touching what it keeps.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use globset::GlobBuilder;
use probes::target::{Plan, Target};
use storage::record::{Expect, ProbeKind, ProbeResult, Record, Variant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::config::TargetConfig;
use crate::prober::{Prober, Shared};

/// Runs that are asked for and under way at once; the schedule has the rest of the machine.
const AT_ONCE: usize = 8;
/// Time from one run of a target to the next: a scraper that asks too often must not lock an account.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest selector, in bytes.
const LONGEST: usize = 256;

/// Runs targets on demand. They have sessions of their own, so that a held token of the schedule stays as it is.
pub(crate) struct OnDemand {
    targets: BTreeMap<String, Asked>,
    at_once: Arc<Semaphore>,
    shared: Shared,
    records: mpsc::Sender<Record>,
    stop: CancellationToken,
}

/// A target that may be asked for.
struct Asked {
    config: TargetConfig,
    prober: OnceLock<Arc<Prober>>,
    turn: Arc<Semaphore>,
    /// When it may be run again.
    next: Mutex<Option<Instant>>,
}

/// Why nothing was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotRun {
    /// No target has this name.
    UnknownTarget,
    /// The selector is no glob, or no probe of the target matches it.
    NoProbe,
    /// It did not begin, or did not end, within the time.
    TooLate,
    /// The daemon ends.
    Stopping,
}

impl OnDemand {
    /// Knows the targets, and runs none yet. Changes that a run sees go to `records`; results do not.
    pub(crate) fn new(
        targets: &[TargetConfig],
        shared: Shared,
        records: mpsc::Sender<Record>,
        stop: CancellationToken,
    ) -> Self {
        let asked = |config: &TargetConfig| Asked {
            config: config.clone(),
            prober: OnceLock::new(),
            turn: Arc::new(Semaphore::new(1)),
            next: Mutex::default(),
        };
        let targets = targets.iter().map(|config| (config.target.name.clone(), asked(config))).collect();
        Self { targets, at_once: Arc::new(Semaphore::new(AT_ONCE)), shared, records, stop }
    }

    /// For a test that configures nothing.
    #[cfg(test)]
    pub(crate) fn of_nothing(records: mpsc::Sender<Record>) -> Self {
        let shared = Shared {
            keeper: Arc::new(crate::credentials::Keeper::new(b"a key of a test")),
            profiles: Arc::default(),
            sightings: Arc::default(),
            agent: "local".into(),
        };
        Self::new(&[], shared, records, CancellationToken::new())
    }

    /// The targets' names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.targets.keys().map(String::as_str)
    }

    /// A target, if it is configured.
    pub(crate) fn target(&self, name: &str) -> Option<&Target> {
        self.targets.get(name).map(|asked| &asked.config.target)
    }

    /// The name of this prober.
    pub(crate) fn agent(&self) -> &str {
        &self.shared.agent
    }

    /// The probes of a target that a selector means; all where there is none, but for those that need an earlier run and
    /// those that send a wrong password, which are run only when they are named in full.
    pub(crate) fn selected(&self, target: &str, module: Option<&str>) -> Result<Vec<Plan>, NotRun> {
        let plans = self.targets.get(target).ok_or(NotRun::UnknownTarget)?.config.target.probes.plans();
        let by_itself =
            |plan: &Plan| plan.variant != Variant::Held && (plan.kind, plan.expect) != (ProbeKind::Login, Expect::Deny);
        let selected: Vec<Plan> = match module {
            None => plans.into_iter().filter(by_itself).collect(),
            Some(module) if module.len() > LONGEST => Vec::new(),
            Some(module) => {
                let glob = GlobBuilder::new(module).literal_separator(true).build().map_err(|_| NotRun::NoProbe)?;
                let glob = glob.compile_matcher();
                let meant = |plan: &Plan| plan.name == module || (by_itself(plan) && glob.is_match(&plan.name));
                plans.into_iter().filter(meant).collect()
            }
        };
        if selected.is_empty() { Err(NotRun::NoProbe) } else { Ok(selected) }
    }

    /// Runs probes of a target now. A run that has begun goes to its end, though nobody waits for it any more: what it
    /// sees of changes is recorded.
    pub(crate) async fn run(
        &self,
        target: &str,
        wanted: HashSet<String>,
        until: Instant,
    ) -> Result<Vec<ProbeResult>, NotRun> {
        let asked = self.targets.get(target).ok_or(NotRun::UnknownTarget)?;
        let turn = timeout_at(until, self.turn(asked)).await.map_err(|_| NotRun::TooLate)??;
        let prober = asked.prober.get_or_init(|| Arc::new(Prober::new(&asked.config, self.shared.clone())));
        let (prober, records, stop) = (Arc::clone(prober), self.records.clone(), self.stop.clone());
        let (told, results) = oneshot::channel();
        tokio::spawn(async move {
            let Some(session) = prober.take() else { return };
            let Some(seen) = stop.run_until_cancelled(prober.run(session, Some(&wanted), None)).await else { return };
            let mut results = Vec::new();
            for record in seen {
                match record {
                    Record::Result(result) => results.push(result),
                    // The recorder outlives every run.
                    change => drop(records.send(change).await),
                }
            }
            // Whoever asked may have gone.
            let _ = told.send(results);
            drop(turn);
        });
        let waited = timeout_at(until, results).await.map_err(|_| NotRun::TooLate)?;
        waited.map_err(|_| NotRun::Stopping)
    }

    /// Waits until the target may be run, and one more run may be under way.
    async fn turn(&self, asked: &Asked) -> Result<[OwnedSemaphorePermit; 2], NotRun> {
        let stopping = |_| NotRun::Stopping;
        let turn = Arc::clone(&asked.turn).acquire_owned().await.map_err(stopping)?;
        let next = *asked.next.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = next {
            sleep_until(next).await;
        }
        let slot = Arc::clone(&self.at_once).acquire_owned().await.map_err(stopping)?;
        *asked.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
        Ok([turn, slot])
    }
}
