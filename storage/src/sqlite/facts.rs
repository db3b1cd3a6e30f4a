//! What the rows of a section have in common, and the few that differ.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::row::Row;
use crate::damage::Damage;
use crate::record::Outcome;

/// Everything of a row but its times; see [`Row`] for the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) kind: u8,
    pub(crate) expect: u8,
    pub(crate) variant: u8,
    pub(crate) outcome: u8,
    pub(crate) reason: Option<u8>,
    pub(crate) status: Option<u16>,
    pub(crate) every_ms: Option<i64>,
    pub(crate) detail: Option<i64>,
    /// Whether the row has phases.
    pub(crate) phases: bool,
}

/// The rows that differ from the section's usual facts.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Exceptions {
    /// The facts that occur besides the usual ones, each once.
    facts: Vec<Facts>,
    runs: Vec<Run>,
}

/// Rows in a row with the same unusual facts.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    /// Usual rows since the run before.
    skip: u32,
    rows: u32,
    /// Position in the list of facts.
    facts: u32,
}

impl Facts {
    /// The facts of `row`.
    pub(super) fn of(row: &Row) -> Self {
        let Row { kind, expect, variant, outcome, reason, status, every_ms, detail, .. } = *row;
        Self { kind, expect, variant, outcome, reason, status, every_ms, detail, phases: row.phases_us.is_some() }
    }

    /// The row with these facts that began at `time_ms` and took no time.
    pub(super) fn row(&self, time_ms: i64) -> Row {
        let Self { kind, expect, variant, outcome, reason, status, every_ms, detail, phases } = *self;
        let phases_us = phases.then_some([0; 5]);
        Row { time_ms, kind, expect, variant, outcome, reason, status, took_us: 0, phases_us, every_ms, detail }
    }

    /// Whether such a row ended as expected.
    pub(super) fn succeeded(&self) -> bool {
        self.outcome == Outcome::Success.code()
    }
}

impl Exceptions {
    /// Whether every row is as usual.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The facts of each of `rows` rows, in their order.
    pub(super) fn apply(&self, usual: Facts, rows: usize) -> Result<Vec<Facts>, Damage> {
        let mut all = vec![usual; rows];
        let mut left = all.as_mut_slice();
        for run in &self.runs {
            let facts = self.facts.get(run.facts as usize).ok_or(Damage("an exception has no facts"))?;
            let beyond = Damage("an exception lies beyond the rows");
            let (_, from) = left.split_at_mut_checked(run.skip as usize).ok_or(beyond)?;
            let (run, after) = from.split_at_mut_checked(run.rows as usize).ok_or(beyond)?;
            run.fill(*facts);
            left = after;
        }
        Ok(all)
    }
}

/// The most frequent facts of `rows`, of equally frequent ones the first, and what differs from them.
pub(super) fn split(rows: &[Row]) -> (Facts, Exceptions) {
    let mut kinds: Vec<(Facts, usize)> = Vec::new();
    let mut positions = HashMap::new();
    let mut stretches = Vec::new();
    for stretch in rows.chunk_by(|row, next| Facts::of(row) == Facts::of(next)) {
        let facts = Facts::of(&stretch[0]);
        let position = *positions.entry(facts).or_insert(kinds.len());
        match kinds.get_mut(position) {
            Some((_, count)) => *count += stretch.len(),
            None => kinds.push((facts, stretch.len())),
        }
        stretches.push((position, stretch.len() as u32));
    }
    let most = kinds.iter().map(|(_, count)| *count).max();
    let Some(usual) = kinds.iter().position(|(_, count)| Some(*count) == most) else {
        unreachable!("a section has rows");
    };
    let mut runs = Vec::new();
    let mut skip = 0;
    for (position, rows) in stretches {
        if position == usual {
            skip += rows;
        } else {
            // The usual facts are not in the list, so those behind them move up.
            runs.push(Run { skip, rows, facts: (position - usize::from(position > usual)) as u32 });
            skip = 0;
        }
    }
    let (usual, _) = kinds.remove(usual);
    (usual, Exceptions { facts: kinds.into_iter().map(|(facts, _)| facts).collect(), runs })
}
