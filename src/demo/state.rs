//! Everything that one demo API holds, shared by its routes, its front and its control.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::demo::counters::Counters;
use crate::demo::directory::{Credentials, Directory};
use crate::demo::fault::Faults;
use crate::demo::replicas::Replicas;
use crate::demo::tokens::Signing;

/// How a demo API is set up.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// How tokens are signed.
    pub(crate) signing: Signing,
    /// What a login gives at first.
    pub(crate) issuing: Issuing,
    /// Replicas behind the front.
    pub(crate) replicas: usize,
}

/// What a login gives; may change while the service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Issuing {
    /// Whether tokens are random strings instead of JWTs.
    pub(crate) opaque: bool,
    /// From the login to the expiry; tokens count in whole seconds.
    #[serde(with = "humantime_serde")]
    pub(crate) lifetime: Duration,
}

impl Default for Issuing {
    fn default() -> Self {
        Self { opaque: false, lifetime: Duration::from_secs(900) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { signing: Signing::Hs256, issuing: Issuing::default(), replicas: 3 }
    }
}

/// The service's state.
pub(crate) struct State {
    /// What fits the tables at the start.
    pub(crate) credentials: Credentials,
    /// What is made to go wrong.
    pub(crate) faults: Arc<Faults>,
    /// Ends everything.
    pub(crate) stop: CancellationToken,
    issuing: Mutex<Issuing>,
    directory: Mutex<Directory>,
    replicas: Mutex<Replicas>,
    counters: Mutex<Counters>,
}

impl State {
    /// The state at the start.
    pub(crate) fn generate(settings: &Settings) -> anyhow::Result<Self> {
        let (directory, credentials) = Directory::generate()?;
        let replicas = Replicas::start(settings.signing, settings.replicas)?;
        Ok(Self {
            credentials,
            faults: Arc::new(Faults::none()),
            stop: CancellationToken::new(),
            issuing: Mutex::new(settings.issuing),
            directory: Mutex::new(directory),
            replicas: Mutex::new(replicas),
            counters: Mutex::default(),
        })
    }

    /// What a login gives now.
    pub(crate) fn issuing(&self) -> Issuing {
        *self.issuing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what logins give from now on.
    pub(crate) fn issue(&self, issuing: Issuing) {
        *self.issuing.lock().unwrap_or_else(PoisonError::into_inner) = issuing;
    }

    /// Users, keys and grants.
    pub(crate) fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signing keys.
    pub(crate) fn replicas(&self) -> MutexGuard<'_, Replicas> {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen.
    pub(crate) fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches every fault off and lifts every lock.
    pub(crate) fn heal(&self) {
        self.directory().unlock();
        self.faults.clear();
    }
}
