//! What is known of scheduled reports from one start of the daemon to the next: a file beside the store.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use probes::credential::Unusable;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::file;
use crate::source;

/// What the name of an unfinished record begins with, behind a dot.
const UNFINISHED: &str = "authprobe-reports";
/// Longest file that is read, in bytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The file and what it says.
#[derive(Debug)]
pub(super) struct Record {
    path: PathBuf,
    known: BTreeMap<String, Known>,
}

/// What is known of one report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Planned moment of the last one, or when the report was first asked for.
    pub(super) slot: Timestamp,
    /// When one reached its destination last.
    #[serde(default)]
    pub(super) written_at: Option<Timestamp>,
    /// Files of which some are going to be deleted, the oldest first.
    #[serde(default)]
    pub(super) files: Vec<Written>,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    /// Where.
    pub(super) path: PathBuf,
    /// For which planned moment.
    pub(super) slot: Timestamp,
}

impl Record {
    /// The record beside a store. Where it cannot be read it begins anew: then nothing was missed, and nothing that
    /// was written before is deleted.
    pub(super) fn beside(store: &Path) -> Self {
        let mut name = store.as_os_str().to_owned();
        name.push(".reports.json");
        let path = PathBuf::from(name);
        file::sweep(&path, UNFINISHED);
        let known = if path.exists() { read(&path) } else { Ok(BTreeMap::new()) };
        let known = known.unwrap_or_else(|why| {
            warn!("{}: {why}; what is known of scheduled reports begins anew", path.display());
            BTreeMap::new()
        });
        Self { path, known }
    }

    /// What is known of a report; of a new one, that it is asked for since `now`.
    pub(super) fn of(&mut self, report: &str, now: Timestamp) -> &mut Known {
        self.known.entry(report.to_owned()).or_insert_with(|| Known { slot: now, written_at: None, files: Vec::new() })
    }

    /// Forgets the reports that are not among `names`, and with them the files that they wrote.
    pub(super) fn retain(&mut self, names: &[&str]) {
        self.known.retain(|name, _| names.contains(&name.as_str()));
    }

    /// Keeps it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn save(&self) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(&self.known).context("what is known of reports cannot be written")?;
        file::replace_as(&self.path, UNFINISHED, |to| Ok(to.write_all(&text)?))
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Known>, String> {
    let bytes = source::file(path, LONGEST).map_err(|Unusable(why)| why)?;
    serde_json::from_slice(&bytes).map_err(|error| format!("it is no record of reports: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_known_after_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("a.db");
        let (slot, later): (Timestamp, Timestamp) =
            ("2027-01-01T08:00:00Z".parse().unwrap(), "2027-01-02T08:00:00Z".parse().unwrap());
        let mut record = Record::beside(&store);
        record.of("weekly", slot).files.push(Written { path: "weekly.json".into(), slot });
        record.of("gone", slot);
        record.retain(&["weekly"]);
        record.save().unwrap();
        let mut again = Record::beside(&store);
        assert_eq!(again.of("weekly", later), record.of("weekly", later));
        assert_eq!(again.of("weekly", later).slot, slot);
        assert_eq!(again.of("gone", later).slot, later);
    }

    #[test]
    fn a_broken_record_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.db.reports.json"), "{\"weekly\": 7}").unwrap();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(Record::beside(&folder.path().join("a.db")).of("weekly", now).slot, now);
    }
}
