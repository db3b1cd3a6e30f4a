//! What is recorded in a store, read as any other program reads it: through `authprobe export`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use storage::record::{Change, Gap, ProbeResult, Reason, Record, Verdict};

use super::program::authprobe;
use super::wait::{Seen, until};

/// A store that a program under test writes.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    path: PathBuf,
}

/// Everything that was in a store at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Records {
    /// By time.
    pub(crate) results: Vec<ProbeResult>,
    pub(crate) changes: Vec<Change>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Store {
    /// The store at a path, there or not.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Its path, as an argument; temporary directories have plain names.
    pub(crate) fn path(&self) -> &str {
        self.path.to_str().unwrap_or_default()
    }

    /// The lines of an export.
    pub(crate) async fn lines(&self) -> Result<String> {
        let dir = self.path.parent().context("a store lies in a directory")?;
        let ended = authprobe(dir, &["export", "--store", self.path()]).await?;
        anyhow::ensure!(ended.code == Some(0), "export ended with {:?}: {}", ended.code, ended.err);
        Ok(ended.out)
    }

    /// Everything in it; an error when it cannot be read.
    pub(crate) async fn records(&self) -> Result<Records> {
        Records::parse(&self.lines().await?)
    }

    /// Looks until a condition holds of what is recorded.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Records) -> bool) -> Result<Records> {
        until(what, async || {
            // Before the first record there may be no store yet.
            let Ok(lines) = self.lines().await else { return Ok(Seen::NotYet("no store".into())) };
            let records = Records::parse(&lines)?;
            let found = holds(&records);
            let state = records.to_string();
            Ok(Seen::when(found, records, || state))
        })
        .await
    }

    /// Waits until every probe has been executed so many times.
    pub(crate) async fn runs(&self, count: usize) -> Result<Records> {
        self.until(&format!("{count} runs"), |records| {
            let names = records.probes();
            !names.is_empty() && names.iter().all(|name| records.of(name).len() >= count)
        })
        .await
    }
}

impl Records {
    /// Reads the lines of an export.
    pub(crate) fn parse(lines: &str) -> Result<Self> {
        let mut all = Self::default();
        for line in lines.lines() {
            match serde_json::from_str(line).with_context(|| format!("an exported line: {line}"))? {
                Record::Result(result) => all.results.push(result),
                Record::Change(change) => all.changes.push(change),
                Record::Gap(gap) => all.gaps.push(gap),
                Record::Verdict(verdict) => all.verdicts.push(verdict),
            }
        }
        Ok(all)
    }

    /// `target/probe` of everything that has a result, sorted.
    pub(crate) fn probes(&self) -> Vec<String> {
        let mut names: Vec<String> = self.results.iter().map(name).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The results of one `target/probe`, by time.
    pub(crate) fn of(&self, probe: &str) -> Vec<&ProbeResult> {
        self.results.iter().filter(|result| name(result) == probe).collect()
    }

    /// How the results of one `target/probe` ended, by time.
    pub(crate) fn endings(&self, probe: &str) -> Vec<&'static str> {
        self.of(probe).into_iter().map(ending).collect()
    }
}

impl std::fmt::Display for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const LAST: usize = 8;
        for probe in self.probes() {
            let endings = self.endings(&probe);
            writeln!(
                f,
                "\n  {probe}: {} results, the last {:?}",
                endings.len(),
                &endings[endings.len().saturating_sub(LAST)..]
            )?;
        }
        writeln!(f, "  {} changes, {} gaps", self.changes.len(), self.gaps.len())
    }
}

/// `success`, or the reason, which implies the outcome.
pub(crate) fn ending(result: &ProbeResult) -> &'static str {
    result.reason.map_or("success", Reason::as_str)
}

/// `target/probe` of a result.
pub(crate) fn name(result: &ProbeResult) -> String {
    format!("{}/{}", result.target, result.probe)
}
