//! Keeps results apart that a clock which was set back puts on the same millisecond of the same probe.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use storage::error::Error;
use storage::record::{ProbeResult, Record};
use storage::sqlite::reader::{Reader, SeriesKey};
use storage::window::Window;
use xxhash_rust::xxh3::Xxh3Default;

/// The grain of the store.
const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

/// Milliseconds that are tried. Only a clock that is set back a thousand times takes more.
const MOST: usize = 1000;

/// Finds the milliseconds that are taken. The store is asked for results that are no newer than others of their probe,
/// which are few until the clock is set back.
pub(crate) struct Overlap {
    store: PathBuf,
    reader: Option<Reader>,
    /// The end of what was in the store before.
    end: Timestamp,
    /// The newest result of each probe since then, by a hash of what names it.
    newest: HashMap<u64, Timestamp>,
}

impl Overlap {
    /// For a store whose results end at `end`, if it has any.
    pub(crate) fn new(store: &Path, end: Option<Timestamp>) -> Self {
        let end = end.unwrap_or(Timestamp::MIN);
        Self { store: store.to_owned(), reader: None, end, newest: HashMap::new() }
    }

    /// Moves each result of a batch that would displace another one to the next millisecond that is free. A result that
    /// is in the store just so stays where it is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn part(&mut self, batch: &mut [Record]) -> Result<(), Error> {
        let mut taken = HashSet::with_capacity(batch.len());
        for record in batch {
            let Record::Result(result) = record else { continue };
            let name = name(result);
            let end = self.newest.get(&name).map_or(self.end, |newest| self.end.max(*newest));
            for _ in 0..MOST {
                let is_taken =
                    taken.contains(&(name, result.time)) || (result.time <= end && self.displaces(result)?);
                if !is_taken {
                    break;
                }
                result.time = result.time.checked_add(MILLISECOND).unwrap_or(Timestamp::MAX);
            }
            taken.insert((name, result.time));
        }
        Ok(())
    }

    /// Takes in that a batch is in the store.
    pub(crate) fn learn(&mut self, batch: &[Record]) {
        for record in batch {
            let Record::Result(result) = record else { continue };
            let newest = self.newest.entry(name(result)).or_insert(result.time);
            *newest = result.time.max(*newest);
        }
    }

    /// Whether the store has another result of the same probe and millisecond.
    fn displaces(&mut self, result: &ProbeResult) -> Result<bool, Error> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::open(&self.store)?,
        };
        let reader = self.reader.insert(reader);
        let until = result.time.checked_add(MILLISECOND).unwrap_or(Timestamp::MAX);
        let Ok(moment) = Window::new(result.time, until) else { return Ok(false) };
        let ProbeResult { target, probe, agent, .. } = result;
        let key = SeriesKey { target: target.clone(), probe: probe.clone(), agent: agent.clone() };
        let mut other = false;
        reader.results(Some(&key), Some(moment), |found| {
            other = found != *result;
            ControlFlow::Break(())
        })?;
        Ok(other)
    }
}

/// A hash of what names a probe; two that share one cost no more than a question to the store.
fn name(result: &ProbeResult) -> u64 {
    let mut hash = Xxh3Default::new();
    for part in [&result.target, &result.probe, &result.agent] {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    hash.digest()
}

#[cfg(test)]
mod tests {
    use storage::record::{Expect, Outcome, ProbeKind, Variant};
    use storage::sqlite::writer::Writer;

    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millisecond).unwrap()
    }

    fn seen(probe: &str, millisecond: i64, took_us: u64) -> Record {
        Record::Result(ProbeResult {
            time: at(millisecond),
            target: "orchestrator".into(),
            probe: probe.into(),
            kind: ProbeKind::Login,
            expect: Expect::Allow,
            variant: Variant::Valid,
            agent: "local".into(),
            outcome: Outcome::Success,
            reason: None,
            status: Some(200),
            took_us,
            phases_us: None,
            every_s: Some(1.0),
            detail: None,
        })
    }

    fn parted(overlap: &mut Overlap, batch: &mut [Record]) -> Vec<i64> {
        overlap.part(batch).unwrap();
        let time = |record: &Record| match record {
            Record::Result(result) => result.time.as_millisecond() - at(0).as_millisecond(),
            Record::Change(_) | Record::Gap(_) | Record::Verdict(_) => panic!("no result"),
        };
        batch.iter().map(time).collect()
    }

    #[test]
    fn a_result_whose_millisecond_is_taken_moves_to_the_next_one_that_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("authprobe.db");
        let mut writer = Writer::open(&store).unwrap();
        let first = [seen("login", 0, 1), seen("login", 1, 2), seen("jwt", 2, 3), seen("login", 60_000, 4)];
        writer.append(&first).unwrap();
        let mut overlap = Overlap::new(&store, Some(at(60_000)));
        let mut again = [seen("login", 0, 5), seen("jwt", 1, 6), seen("login", 2, 7), seen("jwt", 2, 8)];
        assert_eq!(parted(&mut overlap, &mut again), [2, 1, 3, 3]);
    }

    #[test]
    fn a_result_that_is_there_just_so_stays_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("authprobe.db");
        let mut writer = Writer::open(&store).unwrap();
        let mut batch = [seen("login", 0, 1), seen("login", 60_000, 2)];
        writer.append(&batch).unwrap();
        let mut overlap = Overlap::new(&store, Some(at(60_000)));
        assert_eq!(parted(&mut overlap, &mut batch), [0, 60_000]);
    }

    #[test]
    fn results_of_one_batch_that_fall_together_are_parted_and_stay_so_when_it_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("authprobe.db");
        let _writer = Writer::open(&store).unwrap();
        let mut overlap = Overlap::new(&store, None);
        let mut batch = [seen("login", 0, 1), seen("login", 60_000, 2), seen("login", 0, 3)];
        for _ in 0..2 {
            assert_eq!(parted(&mut overlap, &mut batch), [0, 60_000, 1]);
        }
    }

    #[test]
    fn the_store_is_asked_only_for_what_is_no_newer_than_the_last_of_its_probe() {
        let mut overlap = Overlap::new(Path::new("/nowhere/authprobe.db"), Some(at(0)));
        for (login, jwt) in [(2000, 1000), (3000, 1001)] {
            let mut batch = [seen("login", login, 1), seen("jwt", jwt, 1)];
            assert_eq!(parted(&mut overlap, &mut batch), [login, jwt]);
            overlap.learn(&batch);
        }
        for (probe, late) in [("api_key", 0), ("jwt", 1001), ("login", 3000)] {
            assert!(overlap.part(&mut [seen(probe, late, 1)]).is_err(), "{probe}");
        }
    }
}
