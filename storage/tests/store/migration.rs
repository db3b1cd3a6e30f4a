//! Stores of older formats are brought to the present one, with nothing lost.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use storage::error::Error;
use storage::interchange::{self, parse};
use storage::record::{Outcome, Phases, ProbeResult, Reason, Record};
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::{Counts, Writer};
use tempfile::TempDir;

use crate::life::FIRST_FORMAT;

/// A store of the second format, with results that are compacted, sealed and late.
const SECOND_FORMAT: &[u8] = include_bytes!("format-2.db");

/// A store of the third format, with results that are compacted and late.
const THIRD_FORMAT: &[u8] = include_bytes!("format-3.db");

/// A result as the first format kept it: names, numbers, detail.
type Old = ([String; 3], Vec<Option<i64>>, Option<String>);

#[test]
fn a_store_of_the_first_format_is_migrated_with_nothing_lost() {
    let (_directory, path) = first();
    let old = old_results(&path);
    assert_eq!(old.len(), 900);
    let bodies = bodies(&path);
    assert_eq!(bodies.len(), 3);
    for migrate in [reading, writing] {
        let (_directory, path) = first();
        migrate(&path);
        let reader = Reader::open(&path).unwrap();
        let mut kept = Vec::new();
        let mut records = Vec::new();
        reader
            .records(None, |record| {
                match record {
                    Record::Result(result) => kept.push(as_old(result)),
                    other => records.push(other),
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        kept.sort();
        assert_eq!(kept, old);
        let mut lines: Vec<String> = records.iter().map(body).collect();
        lines.sort();
        assert_eq!(lines, bodies);
        let verdict = reader.verify(|_, _| ()).unwrap();
        assert_eq!((verdict.results, verdict.findings), (900, vec![]));
        assert_eq!(reader.stats().unwrap().format, 4);
    }
}

#[test]
fn a_migrated_store_knows_what_it_had() {
    let (_directory, path) = first();
    let again = Writer::open(&path).unwrap().append(&all(&path)).unwrap();
    assert_eq!(again, Counts { duplicate: 903, ..Counts::default() });
}

#[test]
fn a_migration_that_finds_damage_leaves_the_store_as_it_is() {
    let (_directory, path) = first();
    Connection::open(&path).unwrap().execute("UPDATE result SET outcome = -1", []).unwrap();
    let before = std::fs::read(&path).unwrap();
    let Err(error) = Writer::open(&path) else { panic!("damage was migrated") };
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_store_of_the_second_format_is_migrated_with_nothing_lost() {
    migrated_with_nothing_lost(SECOND_FORMAT);
}

#[test]
fn a_store_of_the_third_format_is_migrated_with_nothing_lost() {
    migrated_with_nothing_lost(THIRD_FORMAT);
}

/// Compares what a store of a later format than the first holds with the store of the first.
fn migrated_with_nothing_lost(format: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    std::fs::write(&path, format).unwrap();
    // What it holds is what the other fixture does, but for one result that was told again, otherwise.
    let (_other, first) = first();
    let mut expected = all(&first);
    let again = expected.iter_mut().find_map(|record| match record {
        Record::Result(result) if result.time.to_string() == "2026-10-30T21:30:00.026Z" => Some(result),
        Record::Result(_) | Record::Change(_) | Record::Gap(_) | Record::Verdict(_) => None,
    });
    let again = again.unwrap();
    (again.outcome, again.reason, again.status) = (Outcome::Failure, Some(Reason::LoginRejected), Some(401));
    again.detail = Some("told later".into());
    assert_eq!(all(&path), expected);
    let reader = Reader::open(&path).unwrap();
    let verdict = reader.verify(|_, _| ()).unwrap();
    assert_eq!((verdict.results, verdict.findings), (900, vec![]));
    assert_eq!(reader.stats().unwrap().format, 4);
    let results = expected.iter().filter(|record| matches!(record, Record::Result(_))).count() as u64;
    let tallied: u64 = reader.tally(None, None).unwrap().iter().map(|(_, tally)| tally.results).sum();
    assert_eq!(tallied, results);
    let verdict = parse(include_str!("../../../fuzz/seeds/lines/verdict.ndjson")).unwrap().0;
    Writer::open(&path).unwrap().append(std::slice::from_ref(&verdict)).unwrap();
    assert_eq!(all(&path).pop(), Some(verdict));
}

/// Every record of a store.
fn all(path: &Path) -> Vec<Record> {
    let mut all = Vec::new();
    let take = |record| {
        all.push(record);
        ControlFlow::Continue(())
    };
    Reader::open(path).unwrap().records(None, take).unwrap();
    all
}

fn first() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    std::fs::write(&path, FIRST_FORMAT).unwrap();
    (directory, path)
}

fn reading(path: &Path) {
    Reader::open(path).unwrap();
}

fn writing(path: &Path) {
    Writer::open(path).unwrap();
}

fn old_results(path: &Path) -> Vec<Old> {
    let file = Connection::open(path).unwrap();
    let mut statement = file
        .prepare(
            "SELECT target, probe, agent, text, time_ms, kind, expect, variant, outcome, reason, status, took_us,
                    resolve_us, connect_us, tls_us, processing_us, transfer_us, every_ms
             FROM result JOIN series ON series.id = series LEFT JOIN detail ON detail.id = detail",
        )
        .unwrap();
    let rows = statement.query_map([], |row| {
        let numbers = (4..18).map(|column| row.get(column).unwrap()).collect();
        Ok(([row.get(0)?, row.get(1)?, row.get(2)?], numbers, row.get(3)?))
    });
    let mut old: Vec<Old> = rows.unwrap().map(Result::unwrap).collect();
    old.sort();
    old
}

fn as_old(result: ProbeResult) -> Old {
    let natural = |number: u64| Some(i64::try_from(number).unwrap());
    let phases = match result.phases_us {
        Some(Phases { resolve, connect, tls, processing, transfer }) => {
            [resolve, connect, tls, processing, transfer].map(natural)
        }
        None => [None; 5],
    };
    let mut numbers = vec![
        Some(result.time.as_millisecond()),
        Some(result.kind.code().into()),
        Some(result.expect.code().into()),
        Some(result.variant.code().into()),
        Some(Outcome::code(result.outcome).into()),
        result.reason.map(|reason| Reason::code(reason).into()),
        result.status.map(Into::into),
        natural(result.took_us),
    ];
    numbers.extend(phases);
    numbers.push(result.every_s.map(|seconds| (seconds * 1000.0).round() as i64));
    ([result.target, result.probe, result.agent], numbers, result.detail)
}

fn bodies(path: &Path) -> Vec<String> {
    let file = Connection::open(path).unwrap();
    let mut statement = file.prepare("SELECT body FROM change UNION ALL SELECT body FROM gap ORDER BY 1").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// A record as its table keeps it: its line without the `type`.
fn body(record: &Record) -> String {
    let mut line = Vec::new();
    interchange::write(record, &mut line).unwrap();
    let line = String::from_utf8(line).unwrap();
    let (_, fields) = line.trim_end().split_once(',').unwrap();
    format!("{{{fields}")
}
