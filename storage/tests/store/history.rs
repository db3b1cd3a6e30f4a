//! The store against its model, through random histories of two writers.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use storage::record::{ProbeResult, Record};
use storage::sqlite::reader::{Reader, SeriesKey};
use storage::sqlite::retention::Retention;
use storage::sqlite::writer::{Counts, Writer};
use storage::window::Window;

use crate::fixtures::{records, window};
use crate::model::{Model, key};
use crate::reading::{failures, hourly, last_failures, results, results_by_time};

/// What is done to a store.
#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Record>),
    /// One of the batches before, once more.
    AppendAgain(Index),
    /// So many pieces of upkeep, whether due or not.
    Maintain(usize),
    Compact,
    Reopen,
    /// At that hour since 1970.
    Retain {
        now: i64,
        retention: Retention,
    },
}

/// Two writers, their store, and what it must hold.
struct History<'a> {
    path: &'a Path,
    writers: [Writer; 2],
    /// Whether each has made the retention's clock go on, which it does once an hour.
    followed: [bool; 2],
    clock_ms: Option<i64>,
    batches: Vec<Vec<Record>>,
    model: Model,
}

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// What is asked of latencies.
const QUANTILES: [f64; 4] = [0.0, 0.5, 0.99, 1.0];

fn step() -> impl Strategy<Value = Step> {
    let days = || option::of((0..4_u64).prop_map(|days| Duration::from_secs(days * 86_400)));
    let size = option::weighted(0.2, prop_oneof![Just(0), 100_000..400_000_u64]);
    let retention = (days(), days(), days(), size).prop_map(|(results, rollups, round_after, max_size)| Retention {
        results,
        rollups,
        round_after,
        max_size,
    });
    prop_oneof![
        6 => records(30).prop_map(Step::Append),
        1 => any::<Index>().prop_map(Step::AppendAgain),
        3 => (1..6_usize).prop_map(Step::Maintain),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
        2 => (-60..60_i64, retention).prop_map(|(now, retention)| Step::Retain { now, retention }),
    ]
}

/// Stores that each property is tried on; a long run sets `STORE_CASES`.
pub(crate) fn cases() -> u32 {
    std::env::var("STORE_CASES").map_or(48, |cases| cases.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_appended_and_however_it_is_kept_the_store_holds_the_last_of_each(
        steps in vec((step(), 0..2_usize), 0..14),
        windows in vec(window(), 1..6),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let mut history = History::new(&path);
        for (step, writer) in steps {
            history.go_on(step, writer)?;
        }
        let reader = Reader::open(&path).unwrap();
        prop_assert_eq!(reader.verify(|_, _| ()).unwrap().findings, vec![]);
        let mut model = history.model;
        model.take_over(results(&reader, None, None)).map_err(TestCaseError::fail)?;
        for window in windows {
            windowed(&reader, &model, window)?;
        }
        whole(&reader, &model)?;
        let read = read_while_compacted(&reader, &mut history.writers[0]);
        model.take_over(read).map_err(TestCaseError::fail)?;
        prop_assert_eq!(reader.verify(|_, _| ()).unwrap().findings, vec![]);
    }
}

impl<'a> History<'a> {
    fn new(path: &'a Path) -> Self {
        let writers = [Writer::open(path).unwrap(), Writer::open(path).unwrap()];
        let model = Model::default();
        Self { path, writers, followed: [false; 2], clock_ms: None, batches: Vec::new(), model }
    }

    fn go_on(&mut self, step: Step, writer: usize) -> Result<(), TestCaseError> {
        match step {
            Step::Append(batch) => {
                self.append(&batch, writer)?;
                self.batches.push(batch);
            }
            Step::AppendAgain(_) if self.batches.is_empty() => {}
            Step::AppendAgain(index) => {
                let batch = self.batches[index.index(self.batches.len())].clone();
                self.append(&batch, writer)?;
            }
            Step::Maintain(pieces) => {
                for _ in 0..pieces {
                    self.writers[writer].maintain().unwrap();
                }
            }
            Step::Compact => drop(self.writers[writer].compact(|_| ()).unwrap()),
            Step::Reopen => {
                self.writers[writer] = Writer::open(self.path).unwrap();
                self.followed[writer] = false;
            }
            Step::Retain { now, retention } => {
                // What is rounded first and then dropped by size leaves sums of rounded results: the model looks between.
                self.retain(now, Retention { max_size: None, ..retention }, writer)?;
                if retention.max_size.is_some() {
                    self.retain(now, Retention { round_after: None, ..retention }, writer)?;
                }
            }
        }
        Ok(())
    }

    fn append(&mut self, batch: &[Record], writer: usize) -> Result<(), TestCaseError> {
        let mut expected = Counts::default();
        batch.iter().for_each(|record| self.model.append(record, &mut expected));
        prop_assert_eq!(self.writers[writer].append(batch).unwrap(), expected);
        Ok(())
    }

    fn retain(&mut self, now: i64, retention: Retention, writer: usize) -> Result<(), TestCaseError> {
        if self.model.is_rounding() {
            // What comes late may be rounded before it is dropped: then the sums that remain are of rounded results.
            self.writers[writer].compact(|_| ()).unwrap();
        }
        let reader = Reader::open(self.path).unwrap();
        self.model.take_over(results(&reader, None, None)).map_err(TestCaseError::fail)?;
        let now_ms = now * 3_600_000;
        let clock_ms = match self.clock_ms {
            Some(clock_ms) if self.followed[writer] => clock_ms,
            Some(clock_ms) => now_ms.min(clock_ms + DAY_MS).max(clock_ms),
            None => now_ms,
        };
        (self.clock_ms, self.followed[writer]) = (Some(clock_ms), true);
        let now = Timestamp::from_millisecond(now_ms).unwrap();
        while self.writers[writer].retain(&retention, now).unwrap().more {
            prop_assert_eq!(reader.verify(|_, _| ()).unwrap().findings, vec![]);
        }

        let day = |age: Duration| {
            let day = (clock_ms - i64::try_from(age.as_millis()).unwrap()).div_euclid(DAY_MS);
            Timestamp::from_millisecond(day * DAY_MS).unwrap()
        };
        let kept_from = reader.stats().unwrap().kept_from;
        let by_age = self.model.kept_from().max(retention.results.map(day));
        prop_assert!(by_age <= kept_from && (by_age == kept_from || retention.max_size.is_some()));
        self.model.drop_before(kept_from);
        if let Some(age) = retention.rollups {
            self.model.forget_before(day(age));
        }
        if let Some(age) = retention.round_after {
            self.model.round_before(day(age));
        }
        Ok(())
    }
}

/// Compares everything that can be asked of a window.
fn windowed(reader: &Reader, model: &Model, window: Option<Window>) -> Result<(), TestCaseError> {
    prop_assert_eq!(results(reader, None, window), model.results(window));
    let mut by_time = model.results(window);
    by_time.sort_by_key(|result| (result.time, key(result)));
    prop_assert_eq!(results_by_time(reader, window), by_time);
    prop_assert_eq!(reader.changes(window).unwrap(), model.changes(window));
    prop_assert_eq!(reader.gaps(window).unwrap(), model.gaps(window));
    prop_assert_eq!(reader.verdicts(window).unwrap(), model.verdicts(window));
    prop_assert_eq!(failures(reader, window), model.failures(window));
    if let Some(window) = window {
        // Of a series without results, the sums of those that it had may still be there.
        let keys = model.series();
        prop_assert_eq!(last_failures(reader, &keys, window), model.failures(Some(window)));
        prop_assert_eq!(hourly(reader, &keys, window), model.hourly(window));
    }
    prop_assert_eq!(reader.tally(None, window).unwrap(), model.tally(None, window));
    let exact = reader.exact_latency(None, window, &QUANTILES).unwrap();
    prop_assert_eq!(exact, quantiles(model.durations(window, false)));
    let sketched = reader.latency(None, window).unwrap();
    let exact = quantiles(model.durations(window, true));
    prop_assert_eq!(sketched.len(), exact.len());
    for ((key, sketch), (other, exact)) in sketched.iter().zip(&exact) {
        prop_assert_eq!(key, other);
        for (quantile, exact) in QUANTILES.iter().zip(exact) {
            let about = sketch.quantile(*quantile).unwrap();
            let error = about.abs_diff(*exact) as f64;
            prop_assert!(error <= *exact as f64 * 0.01 + 1.0, "{key:?} {quantile}: {about} for {exact}");
        }
    }
    for series in reader.series().unwrap() {
        let key = series.key();
        prop_assert_eq!(reader.tally(Some(&key), window).unwrap(), model.tally(Some(&key), window));
    }
    Ok(())
}

/// Compares what is asked of the store as a whole.
fn whole(reader: &Reader, model: &Model) -> Result<(), TestCaseError> {
    let all = model.results(None);
    for series in reader.series().unwrap() {
        let own: Vec<ProbeResult> = all.iter().filter(|result| key(result) == series.key()).cloned().collect();
        let newest = own.last().unwrap();
        prop_assert!(series.first <= own[0].time);
        prop_assert_eq!(series.count, own.len() as u64);
        prop_assert_eq!((series.last, series.every_s), (newest.time, newest.every_s));
        prop_assert_eq!((series.kind, series.expect, series.variant), (newest.kind, newest.expect, newest.variant));
        prop_assert_eq!(results(reader, Some(&series.key()), None), own);
    }
    prop_assert_eq!(reader.watermark().unwrap(), model.watermark());
    prop_assert_eq!(reader.counts().unwrap(), model.totals());
    Ok(())
}

/// All results, of which everything is packed anew after the first one.
fn read_while_compacted(reader: &Reader, writer: &mut Writer) -> Vec<ProbeResult> {
    let mut all = Vec::new();
    let take = |result| {
        if all.is_empty() {
            writer.compact(|_| ()).unwrap();
        }
        all.push(result);
        ControlFlow::Continue(())
    };
    reader.results_by_time(None, take).unwrap();
    all
}

/// Nearest rank.
fn quantiles(durations: BTreeMap<SeriesKey, Vec<u64>>) -> Vec<(SeriesKey, Vec<u64>)> {
    let at = |sorted: &[u64], quantile: f64| {
        let rank = (quantile * sorted.len() as f64).ceil() as usize;
        sorted[rank.max(1) - 1]
    };
    let of = |durations: Vec<u64>| QUANTILES.iter().map(|quantile| at(&durations, *quantile)).collect();
    durations.into_iter().map(|(key, durations)| (key, of(durations))).collect()
}
