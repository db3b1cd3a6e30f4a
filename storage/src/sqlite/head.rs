//! The head of a block: which series it holds, how many rows of each, and where their columns lie.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::column::{Column, Format};
use super::facts::Facts;
use super::starts::Predictor;
use crate::binary::whole;
use crate::damage::Damage;

/// Most sections of a block.
pub(crate) const MAX_SECTIONS: usize = 16;

/// Most rows of a block: as many as one is filled with, and as many again that come late.
pub(crate) const MAX_ROWS: usize = 2 * 131_072;

/// How exactly a block keeps durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Precision {
    /// To the microsecond.
    Exact,
    /// The phases with ten significant bits.
    Rounded,
}

/// What is known of a block without its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// One for each series, in the order in which the series run.
    pub(crate) sections: Vec<Part>,
    pub(crate) precision: Precision,
    pub(super) format: Format,
}

/// What is known of a section without its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) series: i64,
    /// At least 1.
    pub(crate) rows: u32,
    /// Start of the first row.
    pub(crate) first_ms: i64,
    /// Start of the last row.
    pub(crate) last_ms: i64,
    /// What most rows are like.
    pub(crate) usual: Facts,
    /// Bytes in the data that say what is not as usual or not as predicted.
    pub(super) sparse: u32,
    pub(super) predictor: Predictor,
    /// Starts less what is predicted, of all rows but the first.
    pub(super) off: Column,
    /// Resolve, connect, tls, processing and transfer.
    pub(super) phases: [Column; 5],
    /// What the duration holds beside the phases.
    pub(super) rest: Column,
}

impl Head {
    /// Rows in all sections.
    pub(super) fn results(&self) -> usize {
        self.sections.iter().map(|part| part.rows as usize).sum()
    }

    /// Whether durations have ten significant bits.
    pub(super) fn is_rounded(&self) -> bool {
        self.precision == Precision::Rounded
    }

    /// Whether a result of that series and time may be inside.
    pub(super) fn covers(&self, series: i64, time_ms: i64) -> bool {
        self.reaches(series, time_ms, time_ms.saturating_add(1))
    }

    /// Whether results of that series from `from_ms` up to but not including `until_ms` may be inside.
    pub(super) fn reaches(&self, series: i64, from_ms: i64, until_ms: i64) -> bool {
        self.sections.iter().any(|part| part.series == series && part.first_ms < until_ms && from_ms <= part.last_ms)
    }
}

/// Reads the head of a block and checks that what it declares is within bounds.
pub(crate) fn read(bytes: &[u8]) -> Result<Head, Damage> {
    let head: Head = whole(bytes)?;
    let Head { sections, .. } = &head;
    if sections.len() > MAX_SECTIONS {
        return Err(Damage("too many sections"));
    }
    if sections.iter().map(|part| u64::from(part.rows)).sum::<u64>() > MAX_ROWS as u64 {
        return Err(Damage("too many rows"));
    }
    if !sections.iter().map(|part| part.series).all({
        let mut seen = HashSet::new();
        move |series| seen.insert(series)
    }) {
        return Err(Damage("a series has two sections"));
    }
    for (position, part) in sections.iter().enumerate() {
        check(part, &sections[..position])?;
    }
    Ok(head)
}

fn check(part: &Part, earlier: &[Part]) -> Result<(), Damage> {
    let span = part.last_ms.checked_sub(part.first_ms).ok_or(Damage("starts lie too far apart"))?;
    // Starts are whole milliseconds and rise.
    if part.rows == 0 || span < i64::from(part.rows) - 1 {
        return Err(Damage("more rows than there is time for"));
    }
    if let Predictor::Chain(back) | Predictor::Beside(back) = part.predictor {
        let like = earlier.iter().rev().nth(usize::from(back).wrapping_sub(1));
        if like.is_none_or(|like| like.rows != part.rows) {
            return Err(Damage("starts without their like"));
        }
    }
    Ok(())
}
