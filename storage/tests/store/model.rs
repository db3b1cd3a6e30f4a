//! The store against a model that is a few maps.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use storage::interchange;
use storage::record::{Change, Gap, Outcome, ProbeResult, Record};
use storage::sqlite::reader::tally::Tally;
use storage::sqlite::reader::{Reader, SeriesKey, Totals};
use storage::sqlite::retention::Retention;
use storage::sqlite::writer::{Counts, Writer, derived_id};
use storage::window::Window;

use crate::fixtures::{export, records, window};

/// What a store must hold after the records it was given.
#[derive(Clone, Default)]
pub(crate) struct Model {
    results: BTreeMap<(SeriesKey, Timestamp), ProbeResult>,
    changes: BTreeMap<String, Change>,
    gaps: BTreeSet<(Timestamp, Timestamp, String, String)>,
    /// Results that were dropped, of which the sums remain.
    dropped: BTreeMap<(SeriesKey, Timestamp), ProbeResult>,
    kept_from: Option<Timestamp>,
}

impl Model {
    pub(crate) fn append(&mut self, record: &Record, counts: &mut Counts) {
        let (known, same) = match record.clone() {
            Record::Result(result) if self.kept_from.is_some_and(|kept_from| result.time < kept_from) => {
                counts.expired += 1;
                return;
            }
            Record::Result(result) => {
                let before = self.results.insert((key(&result), result.time), result.clone());
                (before.is_some(), before == Some(result))
            }
            Record::Change(mut change) => {
                if change.id.is_empty() {
                    change.id = derived_id(&change);
                }
                let before = self.changes.insert(change.id.clone(), change.clone());
                (before.is_some(), before == Some(change))
            }
            Record::Gap(Gap { feed, from, until, why }) => {
                let known = !self.gaps.insert((from, until, feed, why));
                (known, known)
            }
        };
        match (known, same) {
            (false, _) => counts.new += 1,
            (true, false) => counts.replaced += 1,
            (true, true) => counts.duplicate += 1,
        }
    }

    fn drop_before(&mut self, kept_from: Option<Timestamp>) {
        let Some(moment) = kept_from else { return };
        self.kept_from = kept_from;
        let results = std::mem::take(&mut self.results);
        let (dropped, kept) = results.into_iter().partition(|((_, time), _)| *time < moment);
        self.results = kept;
        self.dropped.extend::<BTreeMap<_, _>>(dropped);
    }

    /// The dropped results whose whole `unit` of so many seconds lies inside the window.
    fn summed(&self, window: Option<Window>, unit: i64) -> impl Iterator<Item = (&SeriesKey, &ProbeResult)> {
        let whole = move |time: Timestamp| {
            let from = Timestamp::from_second(time.as_millisecond().div_euclid(unit * 1000) * unit).unwrap();
            let until = from + SignedDuration::from_secs(unit);
            // Results begin in whole milliseconds, so a window that ends within one reaches to its end.
            let end = |window: Window| window.until + SignedDuration::from_nanos(999_999);
            window.is_none_or(|window| window.from <= from && until <= end(window))
        };
        self.dropped.iter().filter(move |((_, time), _)| whole(*time)).map(|((key, _), result)| (key, result))
    }

    fn kept(&self, window: Option<Window>) -> impl Iterator<Item = (&SeriesKey, &ProbeResult)> {
        let inside = move |time: Timestamp| window.is_none_or(|window| window.contains(time));
        self.results.iter().filter(move |((_, time), _)| inside(*time)).map(|((key, _), result)| (key, result))
    }

    fn tally(&self, series: Option<&SeriesKey>, window: Option<Window>) -> Vec<(SeriesKey, Tally)> {
        let mut tallies: BTreeMap<SeriesKey, Tally> = BTreeMap::new();
        for (key, result) in self.kept(window).chain(self.summed(window, 3600)) {
            if series.is_some_and(|series| series != key) {
                continue;
            }
            let tally = tallies.entry(key.clone()).or_default();
            tally.results += 1;
            tally.covered += Duration::from_secs_f64(result.every_s.unwrap_or(0.0));
            if result.outcome != Outcome::Success {
                *tally.others.entry((result.outcome, result.reason)).or_default() += 1;
            }
        }
        tallies.into_iter().collect()
    }

    /// Durations of the successes, sorted. `summed`: with those of which only the sums are there.
    fn durations(&self, window: Option<Window>, summed: bool) -> BTreeMap<SeriesKey, Vec<u64>> {
        let mut durations: BTreeMap<SeriesKey, Vec<u64>> = BTreeMap::new();
        let dropped = self.summed(window, 86_400).filter(|_| summed);
        for (key, result) in self.kept(window).chain(dropped).filter(|(_, result)| result.outcome == Outcome::Success) {
            durations.entry(key.clone()).or_default().push(result.took_us);
        }
        durations.values_mut().for_each(|durations| durations.sort_unstable());
        durations
    }

    fn failures(&self, window: Option<Window>) -> Vec<(Timestamp, SeriesKey, Outcome, Option<String>)> {
        let failed = self.kept(window).filter(|(_, result)| result.outcome != Outcome::Success);
        let mut failures: Vec<_> =
            failed.map(|(key, result)| (result.time, key.clone(), result.outcome, result.detail.clone())).collect();
        failures.sort();
        failures
    }

    pub(crate) fn results(&self, window: Option<Window>) -> Vec<ProbeResult> {
        self.results.values().filter(|result| window.is_none_or(|w| w.contains(result.time))).cloned().collect()
    }

    pub(crate) fn changes(&self, window: Option<Window>) -> Vec<Change> {
        let inside = |change: &&Change| {
            let (lo, hi) = (change.lo().unwrap(), change.until.or(change.hi()).unwrap());
            window.is_none_or(|window| window.from <= hi && lo < window.until)
        };
        let mut changes: Vec<Change> = self.changes.values().filter(inside).cloned().collect();
        changes.sort_by_key(|change| (change.lo(), change.id.clone()));
        changes
    }

    pub(crate) fn gaps(&self, window: Option<Window>) -> Vec<Gap> {
        let all = self.gaps.iter().cloned().map(|(from, until, feed, why)| Gap { feed, from, until, why });
        all.filter(|gap| window.is_none_or(|w| w.overlaps(Window::new(gap.from, gap.until).unwrap()))).collect()
    }

    fn watermark(&self) -> Option<Timestamp> {
        let newest = self.results.values().map(|result| result.time).max()?;
        let last = self.results.values().filter(|result| result.time == newest);
        last.map(|result| newest + SignedDuration::from_secs_f64(result.every_s.unwrap_or(0.0))).max()
    }
}

/// What is done to a store.
#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Record>),
    /// So many pieces of upkeep, whether due or not.
    Maintain(usize),
    Compact,
    Reopen,
    /// So many days before that hour since 1970.
    Retain {
        now: i64,
        days: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => records(30).prop_map(Step::Append),
        3 => (1..6_usize).prop_map(Step::Maintain),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
        1 => (-60..60_i64, 0..3_u64).prop_map(|(now, days)| Step::Retain { now, days }),
    ]
}

/// Stores that each property is tried on; a long run sets `STORE_CASES`.
fn cases() -> u32 {
    std::env::var("STORE_CASES").map_or(48, |cases| cases.parse().unwrap())
}

/// What is asked of latencies.
const QUANTILES: [f64; 4] = [0.0, 0.5, 0.99, 1.0];

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_appended_and_however_it_is_kept_the_store_holds_the_last_of_each(
        steps in vec(step(), 0..12),
        windows in vec(window(), 1..6),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let mut writer = Writer::open(&path).unwrap();
        let mut model = Model::default();
        for step in &steps {
            match step {
                Step::Append(batch) => {
                    let mut expected = Counts::default();
                    batch.iter().for_each(|record| model.append(record, &mut expected));
                    prop_assert_eq!(writer.append(batch).unwrap(), expected);
                }
                Step::Maintain(pieces) => {
                    for _ in 0..*pieces {
                        writer.maintain().unwrap();
                    }
                }
                Step::Compact => drop(writer.compact(|_| ()).unwrap()),
                Step::Reopen => writer = Writer::open(&path).unwrap(),
                Step::Retain { now, days } => {
                    // What is not sealed yet would be dropped later.
                    writer.compact(|_| ()).unwrap();
                    let results = Some(Duration::from_secs(days * 86_400));
                    let retention = Retention { results, ..Retention::default() };
                    let now = Timestamp::from_second(now * 3600).unwrap();
                    while writer.retain(&retention, now).unwrap().more {}
                    model.drop_before(Reader::open(&path).unwrap().stats().unwrap().kept_from);
                }
            }
        }
        let reader = Reader::open(&path).unwrap();
        prop_assert_eq!(reader.verify(|_, _| ()).unwrap().findings, vec![]);
        for window in windows {
            prop_assert_eq!(results(&reader, None, window), model.results(window));
            let mut by_time = model.results(window);
            by_time.sort_by_key(|result| (result.time, key(result)));
            prop_assert_eq!(results_by_time(&reader, window), by_time);
            prop_assert_eq!(reader.changes(window).unwrap(), model.changes(window));
            prop_assert_eq!(reader.gaps(window).unwrap(), model.gaps(window));
            prop_assert_eq!(failures(&reader, window), model.failures(window));
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
        }
        let all = model.results(None);
        for series in reader.series().unwrap() {
            let own: Vec<ProbeResult> = all.iter().filter(|result| key(result) == series.key()).cloned().collect();
            let newest = own.last().unwrap();
            prop_assert!(series.first <= own[0].time);
            prop_assert_eq!(series.count, own.len() as u64);
            prop_assert_eq!((series.last, series.every_s), (newest.time, newest.every_s));
            prop_assert_eq!((series.kind, series.expect, series.variant), (newest.kind, newest.expect, newest.variant));
            prop_assert_eq!(results(&reader, Some(&series.key()), None), own);
        }
        prop_assert_eq!(reader.watermark().unwrap(), model.watermark());
        let (results, changes, gaps) = (all.len() as u64, model.changes.len() as u64, model.gaps.len() as u64);
        prop_assert_eq!(reader.counts().unwrap(), Totals { results, changes, gaps });
    }

    #[test]
    fn what_is_exported_and_imported_is_exported_as_the_same(batch in records(60)) {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (directory.path().join("a.db"), directory.path().join("b.db"));
        Writer::open(&first).unwrap().append(&batch).unwrap();
        let exported = export(&first, None);
        let summary = import(&second, &exported);
        prop_assert_eq!((summary.refused, summary.unknown_fields), (0, 0));
        prop_assert_eq!(summary.records, exported.lines().count() as u64);
        prop_assert_eq!(export(&second, None), exported);
    }
}

#[test]
fn pages_and_merges_join_without_a_seam() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut writer = Writer::open(&path).unwrap();
    let mut all = Vec::new();
    for second in 0..5000 {
        for probe in ["login", "jwt"] {
            all.push(ProbeResult { probe: probe.into(), ..crate::fixtures::success(second) });
        }
    }
    let records: Vec<Record> = all.iter().cloned().map(Record::Result).collect();
    for batch in records.chunks(1000) {
        writer.append(batch).unwrap();
    }
    let reader = Reader::open(&path).unwrap();
    all.sort_by_key(|result| (result.time, key(result)));
    assert_eq!(results_by_time(&reader, None), all);
    all.sort_by_key(|result| (key(result), result.time));
    assert_eq!(results(&reader, None, None), all);
}

#[test]
fn a_reading_ends_where_the_receiver_says() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    Writer::open(&path).unwrap().append(&crate::fixtures::successes(0, 10)).unwrap();
    let mut seen = 0;
    let three = |_| {
        seen += 1;
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    Reader::open(&path).unwrap().results(None, None, three).unwrap();
    assert_eq!(seen, 3);
}

#[test]
fn the_same_change_posted_again_later_is_the_same_change() {
    let change = Change { time: Some(Timestamp::UNIX_EPOCH), object: "Secret/a/b".into(), ..Change::default() };
    let later = Change { known_at: Some(Timestamp::MAX), ..change.clone() };
    let other = Change { object: "Secret/a/c".into(), ..change.clone() };
    assert_eq!(derived_id(&change), derived_id(&later));
    assert_ne!(derived_id(&change), derived_id(&other));
    // Stores keep these ids: another way to derive them would add every change a second time.
    assert_eq!(derived_id(&change), "c-0ad1d38ed382e908475a9908d70771b6");
}

fn import(path: &Path, lines: &str) -> interchange::Summary {
    let mut writer = Writer::open(path).unwrap();
    interchange::read::<Box<dyn std::error::Error>>(lines.as_bytes(), |batch| Ok(writer.append(&batch).map(|_| ())?))
        .unwrap()
}

fn results(reader: &Reader, series: Option<&SeriesKey>, window: Option<Window>) -> Vec<ProbeResult> {
    let mut all = Vec::new();
    reader
        .results(series, window, |result| {
            all.push(result);
            ControlFlow::Continue(())
        })
        .unwrap();
    all
}

fn results_by_time(reader: &Reader, window: Option<Window>) -> Vec<ProbeResult> {
    let mut all = Vec::new();
    reader
        .results_by_time(window, |result| {
            all.push(result);
            ControlFlow::Continue(())
        })
        .unwrap();
    all
}

/// Sorted, for failures of one moment come in the order of the numbers of their series.
fn failures(reader: &Reader, window: Option<Window>) -> Vec<(Timestamp, SeriesKey, Outcome, Option<String>)> {
    let mut all = Vec::new();
    reader
        .failures(window, |failure| {
            all.push((failure.time, (*failure.series).clone(), failure.outcome, failure.detail));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(all.is_sorted_by_key(|(time, ..)| *time));
    all.sort();
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

fn key(result: &ProbeResult) -> SeriesKey {
    SeriesKey { target: result.target.clone(), probe: result.probe.clone(), agent: result.agent.clone() }
}
