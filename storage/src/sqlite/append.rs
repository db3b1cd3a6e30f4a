//! Writes a batch of records in one transaction.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::cells::{self, CELLS};
use super::day;
use super::late::{self, Late};
use super::memory::{Known, Memory};
use super::noted;
use super::present::{self, Key, Present};
use super::rollups::Difference;
use super::row::Row;
use super::writer::{Counts, derived_id};
use crate::error::Trouble;
use crate::interchange::json;
use crate::record::{Change, Gap, ProbeResult, Record, Verdict};
use crate::window::{milliseconds_down, milliseconds_up};

/// Writes all of `records`, or none.
pub(super) fn append(
    connection: &mut Connection,
    memory: &mut Option<Memory>,
    records: &[Record],
) -> Result<Counts, Trouble> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let memory = Memory::refresh(memory, &transaction)?;
    let mut counts = Counts::default();
    write_results(&transaction, memory, records, &mut counts)?;
    for record in records {
        match record {
            Record::Result(_) => {}
            Record::Change(change) => counts.add(write_change(&transaction, change)?),
            Record::Gap(gap) => counts.add(write_gap(&transaction, gap)?),
            Record::Verdict(verdict) => counts.add(write_verdict(&transaction, verdict)?),
        }
    }
    transaction.commit()?;
    Ok(counts)
}

/// What became of a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    New,
    Replaced,
    Duplicate,
    Expired,
}

/// A result on its way in.
struct Incoming {
    series: i64,
    row: Row,
    /// Newer than everything of its series, so that nothing need be looked up.
    newest: bool,
}

fn write_results(
    transaction: &Transaction<'_>,
    memory: &mut Memory,
    records: &[Record],
    counts: &mut Counts,
) -> Result<(), Trouble> {
    let results = records.iter().filter_map(|record| match record {
        Record::Result(result) => Some(result),
        Record::Change(_) | Record::Gap(_) | Record::Verdict(_) => None,
    });
    let mut incoming = Vec::new();
    let kept_from = memory.standing.dropped_day;
    for result in results {
        if kept_from.is_some_and(|kept| day::of(result.time.as_millisecond()) < kept) {
            // The rollups of that day may know it already, and nothing else remembers it.
            counts.add(Fate::Expired);
            continue;
        }
        incoming.push(receive(transaction, memory, result)?);
    }
    let keys: HashSet<Key> =
        incoming.iter().filter(|one| !one.newest).map(|one| (one.series, one.row.time_ms)).collect();
    let present = if keys.is_empty() { HashMap::new() } else { present::look_up(transaction, memory, &keys)? };
    let mut desk = Desk { transaction, memory, keys, present, difference: Difference::default() };
    let mut hot = transaction.prepare_cached(&format!(
        "INSERT INTO {}({CELLS}) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        desk.memory.standing.active.table()
    ))?;
    for Incoming { series, row, newest } in incoming {
        if newest {
            cells::insert(&mut hot, series, &row, &[])?;
            desk.entered(series, row)?;
            counts.add(Fate::New);
        } else {
            counts.add(desk.late(series, row)?);
        }
    }
    desk.difference.write(transaction)
}

/// Numbers the result's names, and tells whether it is the newest of its series.
fn receive(connection: &Connection, memory: &mut Memory, result: &ProbeResult) -> rusqlite::Result<Incoming> {
    let series = memory.names.series(connection, result)?;
    let detail = match &result.detail {
        Some(text) => Some(memory.names.detail(connection, text)?),
        None => None,
    };
    let row = Row::of(result, detail);
    let known = match memory.series.get_mut(&series) {
        Some(known) => known,
        None => {
            let group = connection
                .prepare_cached("SELECT grp FROM series WHERE id = ?1")?
                .query_row(params![series], |row| row.get(0))?;
            memory.series.entry(series).or_insert(Known { group, sealed_ms: None, last_ms: None })
        }
    };
    let newest = known.last_ms < Some(row.time_ms);
    if newest {
        known.last_ms = Some(row.time_ms);
    }
    Ok(Incoming { series, row, newest })
}

/// Where the results of a batch are worked in.
struct Desk<'a> {
    transaction: &'a Transaction<'a>,
    memory: &'a mut Memory,
    /// Results of the batch that are not the newest of their series.
    keys: HashSet<Key>,
    /// Those of them that the store has by now.
    present: HashMap<Key, Present>,
    /// What the batch does to results that are sealed.
    difference: Difference,
}

impl Desk<'_> {
    /// Notes what follows from a result that went into the active generation.
    fn entered(&mut self, series: i64, row: Row) -> rusqlite::Result<()> {
        self.memory.hot.add(row.time_ms);
        noted::add(self.transaction, series, &row)?;
        let key = (series, row.time_ms);
        if self.keys.contains(&key) {
            self.present.insert(key, Present::exact(row, false));
        }
        Ok(())
    }

    /// Takes in a result whose series has a newer one, or the same.
    fn late(&mut self, series: i64, row: Row) -> Result<Fate, Trouble> {
        let key = (series, row.time_ms);
        let before = self.present.get(&key);
        if before.is_some_and(|before| before.same_as(&row)) {
            return Ok(Fate::Duplicate);
        }
        let fresh = before.is_none_or(|before| before.late_only);
        let known = late::find(self.transaction, series, row.time_ms)?.is_some();
        late::put(self.transaction, series, &Late { row: row.clone(), fresh })?;
        noted::replace(self.transaction, series, &row)?;
        let sealed_ms = self.memory.series.get(&series).and_then(|known| known.sealed_ms);
        if Some(row.time_ms) <= sealed_ms {
            self.memory.late += u64::from(!known);
            self.sealed(series, &row, Some(row.time_ms) == sealed_ms)?;
        } else {
            // It is sealed together with the hot ones, and as bounded.
            self.memory.hot.add(row.time_ms);
        }
        let fate = match self.present.insert(key, Present::exact(row, fresh)) {
            Some(_) => Fate::Replaced,
            None => Fate::New,
        };
        Ok(fate)
    }

    /// Brings what is told of the sealed results of a series up to date.
    fn sealed(&mut self, series: i64, row: &Row, newest: bool) -> rusqlite::Result<()> {
        let before = self.present.get(&(series, row.time_ms));
        self.transaction
            .prepare_cached("UPDATE series SET results = results + ?2, first_ms = min(first_ms, ?3) WHERE id = ?1")?
            .execute(params![series, before.is_none(), row.time_ms])?;
        if newest {
            self.transaction
                .prepare_cached("UPDATE series SET kind = ?2, expect = ?3, variant = ?4, every_ms = ?5 WHERE id = ?1")?
                .execute(params![series, row.kind, row.expect, row.variant, row.every_ms])?;
        }
        if let Some(before) = before {
            self.difference.remove(series, before.row.clone());
        }
        self.difference.add(series, row);
        Ok(())
    }
}

fn write_change(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<Fate> {
    let mut change = change.clone();
    if change.id.is_empty() {
        change.id = derived_id(&change);
    }
    let lo = change.lo().map_or(0, milliseconds_down);
    let hi = change.until.or(change.hi()).map_or(0, milliseconds_up);
    replace(transaction, "change", &change.id, (lo, hi), &json(&change))
}

fn write_verdict(transaction: &Transaction<'_>, verdict: &Verdict) -> rusqlite::Result<Fate> {
    let mut verdict = verdict.clone();
    if verdict.id.is_empty() {
        verdict.id = Verdict::id_of(&verdict.incident);
    }
    let (lo, hi) = verdict.span();
    replace(transaction, "verdict", &verdict.id, (milliseconds_down(lo), milliseconds_up(hi)), &json(&verdict))
}

/// Writes a record that its id identifies into its table; the last one wins.
fn replace(
    transaction: &Transaction<'_>,
    table: &str,
    id: &str,
    (lo, hi): (i64, i64),
    body: &str,
) -> rusqlite::Result<Fate> {
    let known: Option<String> = transaction
        .prepare_cached(&format!("SELECT body FROM {table} WHERE id = ?1"))?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let fate = match known {
        Some(known) if known == body => return Ok(Fate::Duplicate),
        Some(_) => Fate::Replaced,
        None => Fate::New,
    };
    transaction
        .prepare_cached(&format!("INSERT OR REPLACE INTO {table}(id, lo_ms, hi_ms, body) VALUES(?1, ?2, ?3, ?4)"))?
        .execute(params![id, lo, hi, body])?;
    Ok(fate)
}

fn write_gap(transaction: &Transaction<'_>, gap: &Gap) -> rusqlite::Result<Fate> {
    let (from, until) = (milliseconds_down(gap.from), milliseconds_up(gap.until));
    let added = transaction
        .prepare_cached("INSERT INTO gap(body, from_ms, until_ms) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![json(gap), from, until])?;
    Ok(if added == 1 { Fate::New } else { Fate::Duplicate })
}
