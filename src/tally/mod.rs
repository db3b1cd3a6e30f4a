//! Counts what the daemon does while it does it, so that nobody has to read the store to know.

pub(crate) mod feeds;
pub(crate) mod histogram;
pub(crate) mod objectives;
pub(crate) mod results;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reports::settings::Settings;
use storage::record::{Record, Variant};

use crate::config::TargetConfig;
use crate::schedule::lateness::Lateness;
use crate::tally::feeds::Feeds;
use crate::tally::histogram::Histogram;
use crate::tally::results::Results;

/// Everything that is counted. Who counts holds a lock for as long as a few additions take.
pub(crate) struct Tally {
    /// What sources of changes see.
    pub(crate) feeds: Arc<Feeds>,
    /// Where records are kept.
    pub(crate) store: PathBuf,
    /// When the configuration was loaded.
    pub(crate) loaded: Timestamp,
    /// Name of what the configuration says: the same for the same text.
    pub(crate) config: String,
    results: Mutex<Results>,
    lateness: Mutex<Lateness>,
    commits: Mutex<Histogram>,
    /// Of each target that can hold a token: its name, and when the token that is held was received.
    tokens: Mutex<Vec<(String, Option<Timestamp>)>>,
}

impl Tally {
    /// Nothing is counted yet. What can be counted is bounded by what the configuration names.
    pub(crate) fn new(agent: &str, config: String, targets: &[TargetConfig], judging: &Settings, store: &Path) -> Self {
        let holds = |config: &&TargetConfig| {
            config.target.probes.plans().iter().any(|plan| matches!(plan.variant, Variant::Held | Variant::Fresh))
        };
        let mut tokens: Vec<_> =
            targets.iter().filter(holds).map(|config| (config.target.name.clone(), None)).collect();
        tokens.sort_unstable();
        Self {
            feeds: Arc::default(),
            store: store.to_owned(),
            loaded: Timestamp::now(),
            config,
            results: Mutex::new(Results::new(agent, targets, judging)),
            lateness: Mutex::default(),
            commits: Mutex::default(),
            tokens: Mutex::new(tokens),
        }
    }

    /// Counts for a test that configures nothing.
    #[cfg(test)]
    pub(crate) fn of_nothing() -> Self {
        Self::new("local", String::new(), &[], &Settings::default(), Path::new("authprobe.db"))
    }

    /// Counts records, once each.
    pub(crate) fn count(&self, records: &[Record]) {
        let mut results = self.results();
        for record in records {
            results.count(record);
        }
    }

    /// Counts a batch that reached the disk.
    pub(crate) fn committed(&self, took: Duration) {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).add(took);
    }

    /// Notes since when a target holds the token that it holds.
    pub(crate) fn holds(&self, target: &str, since: Option<Timestamp>) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(at) = tokens.binary_search_by(|(name, _)| name.as_str().cmp(target))
            && let Some((_, held)) = tokens.get_mut(at)
        {
            *held = since;
        }
    }

    /// What results say.
    pub(crate) fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How well the schedule is kept.
    pub(crate) fn lateness(&self) -> MutexGuard<'_, Lateness> {
        self.lateness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the store takes to write a batch.
    pub(crate) fn commits(&self) -> Histogram {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Targets that hold a token, and since when.
    pub(crate) fn tokens(&self) -> Vec<(String, Option<Timestamp>)> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
