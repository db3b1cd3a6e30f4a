//! What is dropped and rounded leaves a store that agrees with itself, after every piece of it.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use storage::record::{Outcome, Phases, ProbeResult, Reason, Record};
use storage::sqlite::reader::Reader;
use storage::sqlite::retention::{Retained, Retention};
use storage::sqlite::writer::{Counts, Writer};
use tempfile::TempDir;

use crate::fixtures::success;

/// Seconds of a day.
const DAY: i64 = 86_400;

#[test]
fn a_late_result_that_is_not_sealed_goes_with_its_day_whoever_wrote_it() {
    let (_directory, path, mut writer) = store();
    writer.append(&[Record::Result(success(10 * DAY))]).unwrap();
    writer.append(&[failure(2 * DAY, "refused")]).unwrap();
    let mut writer = Writer::open(&path).unwrap();
    retain(&path, &mut writer, results(5), 10);
    assert_eq!(read(&path), [success(10 * DAY)]);
}

#[test]
fn results_that_were_replaced_are_rounded_as_what_they_are_now() {
    const COUNT: i64 = 600;
    let (_directory, path, mut writer) = store();
    // So many that some of them are rounded into another bucket of the sketch.
    let took = |second: i64| 8120 + second.unsigned_abs() * 997;
    let slow = |second, took_us| Record::Result(ProbeResult { took_us, phases_us: phases(took_us), ..success(second) });
    let first: Vec<Record> = (0..COUNT).map(|second| slow(second, took(second))).collect();
    writer.append(&first).unwrap();
    writer.append(&[Record::Result(success(9 * DAY))]).unwrap();
    writer.compact(|_| ()).unwrap();
    let slower: Vec<Record> = (0..COUNT).map(|second| slow(second, took(second) * 100)).collect();
    writer.append(&slower).unwrap();
    let retained = retain(&path, &mut writer, Retention { round_after: Some(days(2)), ..Retention::default() }, 9);
    assert_eq!(retained.rounded, COUNT.unsigned_abs());
    for result in &read(&path)[..COUNT as usize] {
        let exact = took(result.time.as_second()) * 100;
        assert!(
            result.took_us != exact && result.took_us.abs_diff(exact) * 1000 <= exact,
            "{} {exact}",
            result.took_us
        );
    }
    let again = writer.append(&slower).unwrap();
    assert_eq!(
        again,
        Counts { duplicate: COUNT.unsigned_abs(), ..Counts::default() },
        "a rounded result is known when it comes again"
    );
}

#[test]
fn a_result_that_was_replaced_is_dropped_with_what_took_its_place() {
    let (_directory, path, mut writer) = store();
    writer.append(&[Record::Result(success(0)), Record::Result(success(9 * DAY))]).unwrap();
    writer.compact(|_| ()).unwrap();
    writer.append(&[failure(0, "told later"), failure(60, "not told before")]).unwrap();
    let retained = retain(&path, &mut writer, results(2), 9);
    assert_eq!(retained.results, 2);
    assert_eq!(read(&path), [success(9 * DAY)]);
}

#[test]
fn a_detail_that_a_replaced_result_had_may_go() {
    let (_directory, path, mut writer) = store();
    writer.append(&[failure(0, "old")]).unwrap();
    writer.compact(|_| ()).unwrap();
    writer.append(&[failure(9 * DAY, "wrong")]).unwrap();
    writer.append(&[Record::Result(success(9 * DAY))]).unwrap();
    retain(&path, &mut writer, results(2), 9);
    assert_eq!(read(&path), [success(9 * DAY)]);
}

#[test]
fn sums_stay_as_long_as_the_results_that_they_are_of() {
    let (_directory, path, mut writer) = store();
    writer.append(&[Record::Result(success(0)), Record::Result(success(9 * DAY))]).unwrap();
    writer.compact(|_| ()).unwrap();
    let sized = Retention { rollups: Some(days(2)), max_size: Some(1 << 30), ..Retention::default() };
    retain(&path, &mut writer, sized, 9);
    let replaced = writer.append(&[failure(0, "told later")]).unwrap();
    assert_eq!(replaced, Counts { replaced: 1, ..Counts::default() });
    assert_eq!(Reader::open(&path).unwrap().tally(None, None).unwrap()[0].1.results, 2);
}

#[test]
fn today_stays_however_large_it_is_and_whatever_came_with_a_date_ahead() {
    let (_directory, path, mut writer) = store();
    let days: Vec<Record> = [0, 8, 9, 400].map(|day| Record::Result(success(day * DAY))).into();
    writer.append(&days).unwrap();
    writer.compact(|_| ()).unwrap();
    let sized = Retention { max_size: Some(1), ..Retention::default() };
    assert_eq!(retain(&path, &mut writer, sized, 9).results, 2);
    assert_eq!(read(&path), [success(9 * DAY), success(400 * DAY)]);
}

fn store() -> (TempDir, std::path::PathBuf, Writer) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let writer = Writer::open(&path).unwrap();
    (directory, path, writer)
}

fn failure(second: i64, detail: &str) -> Record {
    let (outcome, reason) = (Outcome::Failure, Some(Reason::LoginRejected));
    Record::Result(ProbeResult { outcome, reason, detail: Some(detail.into()), ..success(second) })
}

/// All of the duration in one phase, which is then rounded as the whole is.
fn phases(processing: u64) -> Option<Phases> {
    Some(Phases { resolve: 0, connect: 0, tls: 0, processing, transfer: 0 })
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * DAY.unsigned_abs())
}

fn results(kept: u64) -> Retention {
    Retention { results: Some(days(kept)), ..Retention::default() }
}

/// Does all that is asked for on that day, and verifies the store after every piece.
fn retain(path: &Path, writer: &mut Writer, retention: Retention, day: i64) -> Retained {
    let now = Timestamp::from_second(day * DAY).unwrap();
    let mut all = Retained::default();
    loop {
        let Retained { results, rounded, rollups, records, more } = writer.retain(&retention, now).unwrap();
        all.results += results;
        all.rounded += rounded;
        all.rollups += rollups;
        all.records += records;
        assert_eq!(Reader::open(path).unwrap().verify(|_, _| ()).unwrap().findings, vec![]);
        read(path);
        if !more {
            return all;
        }
    }
}

fn read(path: &Path) -> Vec<ProbeResult> {
    let mut all = Vec::new();
    let take = |result| {
        all.push(result);
        ControlFlow::Continue(())
    };
    Reader::open(path).unwrap().results(None, None, take).unwrap();
    all
}
