//! One section of a block: the results of one series, into columns and back.

use pco::wrapped::FileDecompressor;
use serde::{Deserialize, Serialize};

use super::column::{Column, Effort, pack};
use super::facts::{Exceptions, split};
use super::head::{Part, Precision};
use super::rounding::{bucket, middle, rest};
use super::row::{Brief, Row};
use super::starts::{Jump, Marks, Predictor, Starts, end, predict, restore};
use crate::binary::{put, whole};
use crate::damage::Damage;

/// The results of one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) series: i64,
    /// At least one; each starts later than the one before.
    pub(crate) rows: Vec<Row>,
}

/// What is not as usual or not as predicted in a section.
#[derive(Default, Serialize, Deserialize)]
struct Sparse {
    exceptions: Exceptions,
    jumps: Vec<Jump>,
}

/// A section that is not unpacked yet.
pub(super) struct Packed<'a> {
    part: &'a Part,
    precision: Precision,
    reader: &'a FileDecompressor,
    sparse: &'a [u8],
    off: &'a [u8],
    phases: [&'a [u8]; 5],
    rest: &'a [u8],
}

/// Appends the columns of `rows` to `data` and says how to read them. `earlier` are the sections before.
pub(super) fn write(
    series: i64,
    rows: &[Row],
    earlier: &[Marks],
    effort: Effort,
    precision: Precision,
    data: &mut Vec<u8>,
) -> Part {
    let ([first, .., last] | [first @ last]) = rows else { unreachable!("a section has rows") };
    let (usual, exceptions) = split(rows);
    let Starts { predictor, off, jumps } = predict(rows, usual.every_ms, earlier);
    let before = data.len();
    if !exceptions.is_empty() || !jumps.is_empty() {
        put(&Sparse { exceptions, jumps }, data);
    }
    let sparse = (data.len() - before) as u32;
    let off = pack(&off, effort, data);
    let phases = [0, 1, 2, 3, 4].map(|phase| {
        let durations = rows.iter().map(|row| row.phases_us.map_or(0, |phases| phases[phase]));
        let numbers: Vec<i64> = match precision {
            Precision::Exact => durations.collect(),
            Precision::Rounded => durations.map(bucket).collect(),
        };
        pack(&numbers, effort, data)
    });
    let rest = pack(&rows.iter().map(rest).collect::<Vec<_>>(), effort, data);
    let (first_ms, last_ms) = (first.time_ms, last.time_ms);
    Part { series, rows: rows.len() as u32, first_ms, last_ms, usual, sparse, predictor, off, phases, rest }
}

impl<'a> Packed<'a> {
    /// Takes the bytes of the section of `part` from the front of `data`.
    pub(super) fn cut(
        part: &'a Part,
        precision: Precision,
        reader: &'a FileDecompressor,
        data: &mut &'a [u8],
    ) -> Result<Self, Damage> {
        let mut take = |bytes: u32| {
            let (taken, left) = data.split_at_checked(bytes as usize).ok_or(Damage("columns are missing"))?;
            *data = left;
            Ok(taken)
        };
        let sparse = take(part.sparse)?;
        let off = take(part.off.bytes())?;
        let mut phases: [&[u8]; 5] = [&[]; 5];
        for (bytes, column) in phases.iter_mut().zip(&part.phases) {
            *bytes = take(column.bytes())?;
        }
        let rest = take(part.rest.bytes())?;
        Ok(Self { part, precision, reader, sparse, off, phases, rest })
    }

    /// All of the section. `earlier` are the sections before, as far as they are leaned on.
    pub(super) fn section(&self, earlier: &[Marks]) -> Result<Section, Damage> {
        let Sparse { exceptions, jumps } = self.sparse()?;
        let times = self.times(jumps, earlier)?;
        let facts = exceptions.apply(self.part.usual, times.len())?;
        let mut rows: Vec<Row> = times.iter().zip(&facts).map(|(time, facts)| facts.row(*time)).collect();
        self.each_duration(|phase, row, duration| {
            let row = &mut rows[row];
            row.took_us = row.took_us.wrapping_add(duration);
            if let (Some(phase), Some(phases)) = (phase, &mut row.phases_us) {
                phases[phase] = duration;
            }
        })?;
        if rows.iter().any(|row| row.took_us < 0) {
            return Err(NEGATIVE);
        }
        Ok(Section { series: self.part.series, rows })
    }

    /// The rows without status, phases and detail, and what later sections may lean on; they cost less than the rows.
    pub(super) fn briefs(&self, earlier: &[Marks]) -> Result<(Vec<Brief>, Marks), Damage> {
        let Sparse { exceptions, jumps } = self.sparse()?;
        let starts = self.times(jumps, earlier)?;
        let facts = exceptions.apply(self.part.usual, starts.len())?;
        let took = self.took()?;
        let ends = starts.iter().zip(&took).map(|(time, took)| end(*time, *took)).collect();
        let rows = starts.iter().zip(&facts).zip(took).map(|((time_ms, facts), took_us)| Brief {
            time_ms: *time_ms,
            outcome: facts.outcome,
            reason: facts.reason,
            took_us,
            every_ms: facts.every_ms,
        });
        Ok((rows.collect(), Marks { starts, ends }))
    }

    /// When the rows started and, if that is asked for, ended, which is all that later sections lean on.
    pub(super) fn marks(&self, earlier: &[Marks], ends: bool) -> Result<Marks, Damage> {
        let starts = self.times(self.sparse()?.jumps, earlier)?;
        let took = if ends { self.took()? } else { Vec::new() };
        let ends = starts.iter().zip(took).map(|(time, took)| end(*time, took)).collect();
        Ok(Marks { starts, ends })
    }

    /// The durations of the rows that succeeded.
    pub(super) fn durations(&self) -> Result<Vec<u64>, Damage> {
        let facts = self.sparse()?.exceptions.apply(self.part.usual, self.part.rows as usize)?;
        let succeeded = facts.iter().zip(self.took()?).filter(|(facts, _)| facts.succeeded());
        Ok(succeeded.map(|(_, took)| took.unsigned_abs()).collect())
    }

    fn took(&self) -> Result<Vec<i64>, Damage> {
        let mut took = vec![0i64; self.part.rows as usize];
        self.each_duration(|_, row, duration| took[row] = took[row].wrapping_add(duration))?;
        if took.iter().any(|took| *took < 0) { Err(NEGATIVE) } else { Ok(took) }
    }

    /// Hands every phase of every row to `take`, and what the row took beside them, which is of no phase.
    fn each_duration(&self, mut take: impl FnMut(Option<usize>, usize, i64)) -> Result<(), Damage> {
        let Part { phases, rest, .. } = self.part;
        let mut sound = true;
        for (phase, (column, bytes)) in phases.iter().zip(self.phases).enumerate() {
            self.unpack(column, bytes, |row, number| {
                let duration = match self.precision {
                    Precision::Exact => (number >= 0).then_some(number),
                    Precision::Rounded => middle(number),
                };
                sound &= duration.is_some();
                take(Some(phase), row, duration.unwrap_or(0));
            })?;
        }
        self.unpack(rest, self.rest, |row, duration| take(None, row, duration))?;
        if sound { Ok(()) } else { Err(NEGATIVE) }
    }

    fn unpack(&self, column: &Column, bytes: &[u8], take: impl FnMut(usize, i64)) -> Result<(), Damage> {
        column.unpack(self.reader, bytes, self.part.rows as usize, take)
    }

    fn times(&self, jumps: Vec<Jump>, earlier: &[Marks]) -> Result<Vec<i64>, Damage> {
        let Part { rows, predictor, first_ms, last_ms, usual, .. } = *self.part;
        let mut off = vec![0; rows as usize - 1];
        self.part.off.unpack(self.reader, self.off, off.len(), |row, number| off[row] = number)?;
        let back = |back: u8| earlier.iter().rev().nth(usize::from(back) - 1);
        let leaned_on = match predictor {
            Predictor::Before | Predictor::Grid => None,
            Predictor::Chain(sections) => back(sections).map(|marks| marks.ends.as_slice()),
            Predictor::Beside(sections) => back(sections).map(|marks| marks.starts.as_slice()),
        };
        let times = restore(&Starts { predictor, off, jumps }, first_ms, usual.every_ms, leaned_on)?;
        if times.last() == Some(&last_ms) { Ok(times) } else { Err(Damage("the last start is another one")) }
    }

    fn sparse(&self) -> Result<Sparse, Damage> {
        if self.sparse.is_empty() { Ok(Sparse::default()) } else { whole(self.sparse) }
    }
}

const NEGATIVE: Damage = Damage("a duration is none");
