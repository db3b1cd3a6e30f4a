//! Sources of changes: each looks in a task of its own beside the probes, and reports on the one channel.

pub(crate) mod blind;
mod feed;
pub(crate) mod jwks;
pub(crate) mod kubernetes;
pub(crate) mod logs;
mod poll;
pub(crate) mod postgres;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use storage::record::Record;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::changes::blind::Blind;
use crate::config::TargetConfig;
use crate::credentials::Keeper;
use crate::sightings::Sightings;
use crate::tally::feeds::Feeds;

/// Sources that are asked to stop have this long to say what they were blind to.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Where changes are looked for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Changes")]
pub(crate) struct Settings {
    /// Secrets, rollouts and restarts of a cluster.
    pub(crate) kubernetes: Option<kubernetes::Settings>,
    /// Key sets (RFC 7517).
    #[serde(default)]
    pub(crate) jwks: Vec<jwks::Settings>,
    /// API keys and roles in a database.
    pub(crate) postgres: Option<postgres::Settings>,
    /// Log files and logs of workloads.
    pub(crate) logs: Option<logs::Settings>,
}

impl Settings {
    /// Relative paths begin at `base`.
    pub(crate) fn begin_at(&mut self, base: &Path) {
        if let Some(kubernetes) = &mut self.kubernetes {
            kubernetes.begin_at(base);
        }
        self.jwks.iter_mut().for_each(|key_set| key_set.begin_at(base));
        if let Some(postgres) = &mut self.postgres {
            postgres.begin_at(base);
        }
        if let Some(logs) = &mut self.logs {
            logs.begin_at(base);
        }
    }
}

/// What every source is given.
#[derive(Clone)]
pub(crate) struct Context {
    /// Takes what the source saw.
    pub(crate) records: mpsc::Sender<Record>,
    /// The values of references to secrets.
    pub(crate) keeper: Arc<Keeper>,
    /// Which sources see nothing.
    pub(crate) blind: Arc<Blind>,
    /// Since when nobody looked: the end of what the store holds; none where it is new.
    pub(crate) since: Option<Timestamp>,
    /// Where each source says whether it sees.
    pub(crate) feeds: Arc<Feeds>,
    /// Ends the sources.
    pub(crate) stop: CancellationToken,
}

/// The running sources.
pub(crate) struct Sources {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Sources {
    /// Starts every source that the settings name. `targets` are what changes concern, `sightings` what probes see.
    pub(crate) fn start(
        settings: Settings,
        targets: &[TargetConfig],
        sightings: &Arc<Sightings>,
        context: &Context,
    ) -> Self {
        let Settings { kubernetes, jwks, postgres, logs } = settings;
        let tasks = TaskTracker::new();
        let access = kubernetes.as_ref().map(kubernetes::Settings::access).unwrap_or_default();
        if let Some(kubernetes) = kubernetes {
            kubernetes::start(kubernetes, context, &tasks);
        }
        if let Some(postgres) = &postgres {
            postgres::start(postgres, context, &tasks);
        }
        if let Some(logs) = &logs {
            logs::start(logs, &access, context, &tasks);
        }
        for key_set in jwks {
            tasks.spawn(jwks::watch(key_set, targets, Arc::clone(sightings), context));
        }
        Self { tasks, stop: context.stop.clone() }
    }

    /// Ends them, and waits until each has said what it did not see.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP_WITHIN, self.tasks.wait()).await.is_err() {
            warn!("{} sources of changes did not end within {STOP_WITHIN:?}", self.tasks.len());
        }
    }
}
