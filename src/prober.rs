//! One target with all it needs to be run: its way, its secrets, and what it keeps between runs.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use probes::credential::Source;
use probes::run::{self, Order, Ran, Scope};
use probes::session::Session;
use probes::target::{Target, Tls};
use storage::record::{Outcome, ProbeResult, Reason, Record};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::error;

use crate::config::TargetConfig;
use crate::credentials::Keeper;
use crate::sightings::Sightings;
use crate::transports::{Profiles, Way};

/// What all targets share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) profiles: Arc<Profiles>,
    pub(crate) sightings: Arc<Sightings>,
    pub(crate) agent: Arc<str>,
}

/// A target that can be run, by one run at a time.
pub(crate) struct Prober {
    pub(crate) target: Target,
    tls: Tls,
    way: Way,
    sources: Vec<Source>,
    session: Arc<Mutex<Session>>,
    shared: Shared,
}

impl Prober {
    pub(crate) fn new(config: &TargetConfig, shared: Shared) -> Self {
        let TargetConfig { target, schedule: _, tls } = config.clone();
        let sources: Vec<Source> = target.probes.sources().into_iter().cloned().collect();
        shared.keeper.register(&target.name, sources.iter());
        Self { target, tls, way: Way::default(), sources, session: Arc::default(), shared }
    }

    /// Builds the way to the target ahead of the first run. A way that cannot be built is told by each run.
    pub(crate) fn prepare(&self) {
        let _ = self.way.to(&self.target, &self.tls, &self.shared.profiles);
    }

    /// Takes the target for a run; `None` while another run has it.
    pub(crate) fn take(&self) -> Option<OwnedMutexGuard<Session>> {
        Arc::clone(&self.session).try_lock_owned().ok()
    }

    /// Since when the token is held that is kept for later runs; `None` while there is none, or a run has it.
    pub(crate) fn held_since(&self) -> Option<Timestamp> {
        self.session.try_lock().ok()?.held_since()
    }

    /// Runs the target once: its results, the rotations of its secrets, and what else was seen to have changed.
    pub(crate) async fn run(
        &self,
        mut session: OwnedMutexGuard<Session>,
        wanted: Option<&HashSet<String>>,
        every: Option<Duration>,
    ) -> Vec<Record> {
        let now = Timestamp::now();
        let (wallet, rotations) = self.shared.keeper.wallet(self.sources.iter(), now);
        let mut records: Vec<Record> = rotations.into_iter().map(Record::Change).collect();
        let results = match self.way.to(&self.target, &self.tls, &self.shared.profiles) {
            Ok(transport) => {
                let order = Order { scope: self.scope(wanted, every), transport: &transport, wallet: &wallet };
                let running = AssertUnwindSafe(run::run(order, &mut session)).catch_unwind();
                match running.await {
                    Ok(Ran { results, sighting }) => {
                        let seen = self.shared.sightings.take(&self.target, &sighting, Timestamp::now());
                        records.extend(seen.into_iter().map(Record::Change));
                        results
                    }
                    Err(_) => {
                        let name = &self.target.name;
                        error!(target.name = %name, "a run of target `{name}` broke inside authprobe");
                        let why = "authprobe broke inside, its log says where";
                        self.invalid(wanted, every, now, Reason::ProberOverloaded, why)
                    }
                }
            }
            Err(why) => self.invalid(wanted, every, now, Reason::CredentialUnavailable, &format!("TLS: {why}")),
        };
        records.extend(results.into_iter().map(Record::Result));
        records
    }

    /// Results for a slot that was not run.
    pub(crate) fn skipped(&self, planned: Timestamp, every: Option<Duration>, why: &str) -> Vec<Record> {
        run::skipped(self.scope(None, every), planned, why).into_iter().map(Record::Result).collect()
    }

    fn invalid(
        &self,
        wanted: Option<&HashSet<String>>,
        every: Option<Duration>,
        at: Timestamp,
        reason: Reason,
        why: &str,
    ) -> Vec<ProbeResult> {
        let mut results = run::skipped(self.scope(wanted, every), at, why);
        for result in &mut results {
            (result.outcome, result.reason) = (Outcome::Invalid, Some(reason));
        }
        results
    }

    fn scope<'a>(&'a self, wanted: Option<&'a HashSet<String>>, every: Option<Duration>) -> Scope<'a> {
        Scope { target: &self.target, wanted, agent: &self.shared.agent, every }
    }
}
