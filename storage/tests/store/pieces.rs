//! Upkeep that is broken off between any two of its pieces, with others at work between them.

use std::path::Path;

use jiff::Timestamp;
use storage::record::{Outcome, Phases, ProbeResult, Reason, Record, to_milliseconds};
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::{Counts, Writer};

use crate::fixtures::success;
use crate::model::Model;
use crate::reading::{results, results_by_time};

/// Targets, each with a group of its own: so many that sealing takes more than one piece.
const TARGETS: [&str; 5] = ["billing", "gateway", "login", "orchestrator", "shop"];

/// Results of each target.
const EACH: i64 = 3000;

/// Seconds from one result to the next.
const EVERY: i64 = 3;

#[test]
fn whoever_goes_on_with_upkeep_finds_what_the_one_before_has_left() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut model = Model::default();
    let mut writers = [Writer::open(&path).unwrap(), Writer::open(&path).unwrap()];
    for target in TARGETS {
        let all: Vec<Record> = (0..EACH).map(|turn| result(target, turn * EVERY)).collect();
        append(&mut writers[0], &mut model, &all);
    }
    for turn in 0.. {
        // The first one works on with what it knows, the second one begins anew each time.
        writers[1] = Writer::open(&path).unwrap();
        let more = writers[(turn % 2) as usize].maintain().unwrap();
        let other = &mut writers[(turn / 2 % 2) as usize];
        let mut batch = Vec::new();
        for target in TARGETS {
            let told_again = turn * 37 % EACH * EVERY;
            batch.extend([
                result(target, told_again),
                failure(target, told_again + EVERY),
                failure(target, told_again + 1),
                failure(target, turn - 50),
                result(target, EACH * EVERY + turn),
            ]);
        }
        append(other, &mut model, &batch);
        agrees(&path, &model);
        if !more && turn > 12 {
            return;
        }
    }
}

#[test]
fn a_flood_of_late_results_is_worked_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut model = Model::default();
    let mut writer = Writer::open(&path).unwrap();
    let day = 86_400;
    append(&mut writer, &mut model, &[result("shop", 0), result("shop", 9 * day)]);
    writer.compact(|_| ()).unwrap();
    // The days before, from the newest to the oldest, and some of it for the second time.
    for from in (0..9).rev().flat_map(|day| [day, day + 1]) {
        let all: Vec<Record> = (0..700).rev().map(|turn| result("shop", from * day + turn * 60)).collect();
        append(&mut writer, &mut model, &all);
        while writer.maintain().unwrap() {}
    }
    let stats = Reader::open(&path).unwrap().stats().unwrap();
    assert!(stats.late < 4096 && stats.sealed > 2000, "{stats:?}");
    agrees(&path, &model);
    writer.compact(|_| ()).unwrap();
    assert_eq!(Reader::open(&path).unwrap().stats().unwrap().late, 0);
    agrees(&path, &model);
}

#[test]
fn the_ends_of_time_are_moments_as_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut model = Model::default();
    let mut writer = Writer::open(&path).unwrap();
    let ends = [Timestamp::MIN, Timestamp::MAX].map(to_milliseconds);
    for time in [ends[1], ends[0], Timestamp::UNIX_EPOCH, ends[0], ends[1]] {
        append(&mut writer, &mut model, &[Record::Result(ProbeResult { time, ..success(0) })]);
        while writer.maintain().unwrap() {}
        agrees(&path, &model);
    }
    writer.compact(|_| ()).unwrap();
    agrees(&path, &model);
    let counts = Reader::open(&path).unwrap().counts().unwrap();
    assert_eq!(counts.results, 3);
}

fn result(target: &str, second: i64) -> Record {
    let processing = 40_000 + second.unsigned_abs() % 977;
    let phases = Phases { resolve: 0, connect: 300, tls: 2000, processing, transfer: 90 };
    Record::Result(ProbeResult {
        target: target.into(),
        took_us: phases.total(),
        phases_us: Some(phases),
        ..success(second)
    })
}

fn failure(target: &str, second: i64) -> Record {
    let (outcome, reason) = (Outcome::Failure, Some(Reason::LoginRejected));
    let detail = Some(format!("refused at {}", second % 7));
    Record::Result(ProbeResult { target: target.into(), outcome, reason, detail, ..success(second) })
}

/// Appends to both, which must say the same.
fn append(writer: &mut Writer, model: &mut Model, records: &[Record]) {
    let mut expected = Counts::default();
    records.iter().for_each(|record| model.append(record, &mut expected));
    assert_eq!(writer.append(records).unwrap(), expected);
}

fn agrees(path: &Path, model: &Model) {
    let reader = Reader::open(path).unwrap();
    assert_eq!(reader.verify(|_, _| ()).unwrap().findings, vec![]);
    let mut expected = model.results(None);
    assert!(results(&reader, None, None) == expected, "other results are there");
    expected.sort_by_key(|result| (result.time, result.target.clone()));
    assert!(results_by_time(&reader, None) == expected, "other results are there by time");
    assert_eq!(reader.counts().unwrap(), model.totals());
    assert_eq!(reader.tally(None, None).unwrap(), model.tally(None, None));
}
