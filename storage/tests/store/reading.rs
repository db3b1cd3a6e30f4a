//! What is read of a store: in pages, to the end or not, and as lines.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;
use storage::interchange;
use storage::record::{Change, Outcome, ProbeResult, Record};
use storage::sqlite::reader::executions::Execution;
use storage::sqlite::reader::hourly::Ended;
use storage::sqlite::reader::{Reader, SeriesKey};
use storage::sqlite::writer::{Writer, derived_id};
use storage::window::Window;

use crate::fixtures::{export, records};
use crate::history::cases;
use crate::model::key;

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

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

    #[test]
    fn executions_are_those_of_the_results_and_outlines_sum_them_up(first in records(60), second in records(20), compact: bool) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let mut writer = Writer::open(&path).unwrap();
        writer.append(&first).unwrap();
        if compact {
            writer.compact(|_| ()).unwrap();
        }
        writer.append(&second).unwrap();
        let reader = Reader::open(&path).unwrap();
        let all = Window { from: Timestamp::MIN, until: Timestamp::MAX };
        let wanted: Vec<(SeriesKey, Vec<Window>)> =
            reader.series().unwrap().iter().map(|series| (series.key(), vec![all])).collect();
        let mut read: Vec<Vec<Execution>> = vec![Vec::new(); wanted.len()];
        reader.executions(&wanted, |position, executions| read[position].extend(executions)).unwrap();
        for ((key, _), read) in wanted.iter().zip(read) {
            let known = results(&reader, Some(key), None);
            let brief = |result: &ProbeResult| Execution {
                time: result.time,
                outcome: result.outcome,
                reason: result.reason,
                took_us: result.took_us,
                every_ms: result.every_s.map(|seconds| (seconds * 1000.0).round() as i64),
            };
            prop_assert_eq!(read, known.iter().map(brief).collect::<Vec<_>>());
        }
        for (key, outlines) in reader.outlines(all, true).unwrap() {
            for outline in outlines.into_iter().filter(|outline| outline.settled) {
                let day = 86_400_000 * outline.day..86_400_000 * (outline.day + 1);
                let of_day: Vec<ProbeResult> = results(&reader, Some(&key), None)
                    .into_iter()
                    .filter(|result| day.contains(&result.time.as_millisecond()))
                    .filter(|result| result.time.as_millisecond() <= outline.last_ms)
                    .collect();
                let others = of_day.iter().filter(|result| result.outcome != Outcome::Success);
                prop_assert_eq!(outline.count, of_day.len() as u64);
                prop_assert_eq!(outline.others, others.count() as u64);
                prop_assert_eq!(outline.first_ms, of_day[0].time.as_millisecond());
                let took = of_day.iter().filter(|result| result.outcome == Outcome::Success).map(|result| result.took_us);
                prop_assert!(took.max() <= outline.slowest_us);
            }
        }
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

pub(crate) fn results(reader: &Reader, series: Option<&SeriesKey>, window: Option<Window>) -> Vec<ProbeResult> {
    let mut all = Vec::new();
    reader
        .results(series, window, |result| {
            all.push(result);
            ControlFlow::Continue(())
        })
        .unwrap();
    all
}

pub(crate) fn results_by_time(reader: &Reader, window: Option<Window>) -> Vec<ProbeResult> {
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
pub(crate) fn failures(
    reader: &Reader,
    window: Option<Window>,
) -> Vec<(Timestamp, SeriesKey, Outcome, Option<String>)> {
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

/// The same read from the end, whole and cut: sorted, too.
pub(crate) fn last_failures(
    reader: &Reader,
    series: &[SeriesKey],
    window: Window,
) -> Vec<(Timestamp, SeriesKey, Outcome, Option<String>)> {
    let read = |series, limit| reader.last_failures(series, None, window, limit).unwrap();
    let all = read(Some(series), 1000);
    assert!(all.iter().rev().is_sorted_by_key(|failure| failure.time));
    assert_eq!(read(None, 3), all.get(..all.len().min(3)).unwrap());
    let mut all: Vec<_> = all
        .into_iter()
        .map(|failure| (failure.time, (*failure.series).clone(), failure.outcome, failure.detail))
        .collect();
    all.sort();
    all
}

/// How the results of each hour ended: of each series, all, failed, unclear.
pub(crate) fn hourly(
    reader: &Reader,
    series: &[SeriesKey],
    window: Window,
) -> BTreeMap<(SeriesKey, i64), (u64, u64, u64)> {
    let hours = reader.hourly(series, window).unwrap();
    let told = series.iter().zip(hours).flat_map(|(key, hours)| {
        let one = |(hour, ended): (i64, Ended)| ((key.clone(), hour), (ended.results, ended.failed, ended.unclear));
        hours.into_iter().map(one).collect::<Vec<_>>()
    });
    told.collect()
}
