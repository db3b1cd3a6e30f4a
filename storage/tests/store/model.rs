//! The store against a model that is a few maps.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use storage::interchange;
use storage::record::{Change, Gap, ProbeResult, Record};
use storage::sqlite::reader::{Reader, SeriesKey, Totals};
use storage::sqlite::writer::{Counts, Writer, derived_id};
use storage::window::Window;

use crate::fixtures::{export, records, window};

/// What a store must hold after the records it was given.
#[derive(Clone, Default)]
pub(crate) struct Model {
    results: BTreeMap<(SeriesKey, Timestamp), ProbeResult>,
    changes: BTreeMap<String, Change>,
    gaps: BTreeSet<(Timestamp, Timestamp, String, String)>,
}

impl Model {
    pub(crate) fn append(&mut self, record: &Record, counts: &mut Counts) {
        let (known, same) = match record.clone() {
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_appended_in_whatever_pieces_the_store_holds_the_last_of_each(
        batches in vec(records(30), 0..6),
        windows in vec(window(), 1..6),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let mut writer = Writer::open(&path).unwrap();
        let mut model = Model::default();
        for batch in &batches {
            let mut expected = Counts::default();
            batch.iter().for_each(|record| model.append(record, &mut expected));
            prop_assert_eq!(writer.append(batch).unwrap(), expected);
        }
        let reader = Reader::open(&path).unwrap();
        for window in windows {
            prop_assert_eq!(results(&reader, None, window), model.results(window));
            let mut by_time = model.results(window);
            by_time.sort_by_key(|result| (result.time, key(result)));
            prop_assert_eq!(results_by_time(&reader, window), by_time);
            prop_assert_eq!(reader.changes(window).unwrap(), model.changes(window));
            prop_assert_eq!(reader.gaps(window).unwrap(), model.gaps(window));
        }
        let all = model.results(None);
        for series in reader.series().unwrap() {
            let own: Vec<ProbeResult> = all.iter().filter(|result| key(result) == series.key()).cloned().collect();
            let newest = own.last().unwrap();
            prop_assert_eq!(series.first, own[0].time);
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

fn key(result: &ProbeResult) -> SeriesKey {
    SeriesKey { target: result.target.clone(), probe: result.probe.clone(), agent: result.agent.clone() }
}
