//! Looks whether a store holds what it should.

use rusqlite::params;

use super::reader::Reader;
use crate::error::Error;

/// What a look at everything found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Sealed blocks that were looked at.
    pub blocks: u64,
    /// Results that were looked at.
    pub results: u64,
    /// Sums that were compared with their results.
    pub rollups: u64,
    /// The first hundred findings.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more: u64,
}

/// Something that is not as it should be. Repeats nothing of what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: String,
    /// What.
    pub message: String,
}

impl Reader {
    /// Looks whether the store holds what it should. `progress` gets what is done and how much there is.
    ///
    /// # Errors
    ///
    /// When the store cannot be read. Damage is no error, but a finding.
    pub fn verify(&self, mut progress: impl FnMut(u64, u64)) -> Result<Verdict, Error> {
        progress(0, 1);
        let lines = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.connection.prepare("PRAGMA integrity_check(100)")?;
            let rows = statement.query_map(params![], |row| row.get(0))?;
            rows.collect()
        };
        let mut lines = lines().map_err(|error| Error::sqlite(&self.path, error))?;
        lines.retain(|line| line != "ok");
        let finding = |message| Finding { place: "file".into(), message };
        let findings: Vec<Finding> = lines.into_iter().map(finding).collect();
        progress(1, 1);
        let results = if findings.is_empty() { self.counts()?.results } else { 0 };
        Ok(Verdict { results, findings, ..Verdict::default() })
    }
}
