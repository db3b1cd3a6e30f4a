//! Stores with numbers in them that nobody wrote.

use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use storage::error::Error;
use storage::record::{Outcome, ProbeResult, Reason, Record};
use storage::sqlite::reader::Reader;
use storage::sqlite::retention::Retention;
use storage::sqlite::writer::Writer;
use storage::window::Window;

use crate::dice::{Dice, times};
use crate::fixtures::{success, successes};

/// Numbers at the ends of what a column holds, and of what makes sense in it.
const NUMBERS: [i64; 6] = [i64::MIN, -1, 0, 17, 1 << 40, i64::MAX];

/// How many of them are tried in each column; a thorough run takes all.
const TRIED: &str = "STORE_NUMBERS";

/// Seconds of a day.
const DAY: i64 = 86_400;

#[test]
fn no_number_in_a_column_makes_anything_panic() {
    let seed = RandomState::new().hash_one(0);
    let mut dice = Dice::new(seed);
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole.db");
    fill(&whole);
    let path = directory.path().join("altered.db");
    for (table, column) in columns(&whole) {
        let from = dice.below(NUMBERS.len() as u64) as usize;
        for number in NUMBERS.iter().cycle().skip(from).take(times(TRIED, 1) as usize) {
            println!("seed {seed}: {number} in {column} of {table}");
            std::fs::copy(&whole, &path).unwrap();
            let altered = Connection::open(&path).unwrap();
            // What the table itself refuses is no alteration. Where one row can take the number, all others keep theirs.
            if altered.execute(&format!("UPDATE {table} SET {column} = ?1"), [number]).is_err() {
                let one = format!("UPDATE OR IGNORE {table} SET {column} = ?1");
                altered.execute(&one, [number]).unwrap_or(0);
            }
            altered.close().unwrap();
            // Whatever comes of it: an error, or something that makes sense.
            let _ = read_all(&path);
            let _ = write_all(&path);
            let _ = read_all(&path);
        }
    }
}

#[test]
fn more_series_than_a_group_should_have_are_sealed_in_more_blocks() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut writer = Writer::open(&path).unwrap();
    let steps = (0..40).map(|step| Record::Result(ProbeResult { probe: format!("step {step}"), ..success(step) }));
    writer.append(&steps.collect::<Vec<_>>()).unwrap();
    Connection::open(&path).unwrap().execute_batch("UPDATE series SET grp = 1").unwrap();
    writer.compact(|_| ()).unwrap();
    let verdict = Reader::open(&path).unwrap().verify(|_, _| ()).unwrap();
    assert_eq!((verdict.results, verdict.findings), (40, vec![]));
}

/// A store with something in every table: merged and other blocks, late results, both generations in use.
fn fill(path: &Path) {
    let mut writer = Writer::open(path).unwrap();
    let (outcome, reason, detail) = (Outcome::Failure, Some(Reason::LoginRejected), Some("refused".to_owned()));
    let failure = |second| Record::Result(ProbeResult { outcome, reason, detail: detail.clone(), ..success(second) });
    writer.append(&successes(0, 40)).unwrap();
    writer.append(&[failure(50)]).unwrap();
    writer.compact(|_| ()).unwrap();
    let rounding = Retention { round_after: Some(Duration::from_secs(DAY.unsigned_abs())), ..Retention::default() };
    while writer.retain(&rounding, second(3 * DAY)).unwrap().more {}
    writer.append(&successes(2 * DAY, 40)).unwrap();
    writer.append(&successes(2 * DAY + 10_000, 40)).unwrap();
    // Frozen and sealed, but not merged yet.
    writer.maintain().unwrap();
    writer.maintain().unwrap();
    writer.append(&[failure(10), failure(20_000), failure(2 * DAY)]).unwrap();
    writer.append(&successes(2 * DAY + 20_000, 40)).unwrap();
    writer.append(&successes(2 * DAY + 30_000, 40)).unwrap();
    writer.maintain().unwrap();
    writer.append(&successes(2 * DAY + 40_000, 3)).unwrap();
    writer.append(&[failure(2 * DAY + 40_001)]).unwrap();
    writer.close().unwrap();
}

/// The columns of all tables that hold numbers.
fn columns(path: &Path) -> Vec<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
             WHERE tables.type = 'table' AND columns.type = 'INTEGER'",
        )
        .unwrap();
    let columns = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    columns.collect::<rusqlite::Result<_>>().unwrap()
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn read_all(path: &Path) -> Result<(), Error> {
    let reader = Reader::open(path)?;
    let inside = Window::new(second(-1000), second(2 * DAY + 35_000)).unwrap();
    for window in [None, Some(inside)] {
        let read = [
            reader.records(window, |_| ControlFlow::Continue(())),
            reader.results(None, window, |_| ControlFlow::Continue(())),
            reader.failures(window, |_| ControlFlow::Continue(())),
            reader
                .tally(None, window)
                .map(|tallies| tallies.iter().map(|(_, tally)| tally.succeeded()).max())
                .map(drop),
            reader
                .coverage(None, inside)
                .map(|coverage| coverage.iter().map(|(_, one)| one.share()).collect::<Vec<_>>())
                .map(drop),
            reader.latency(None, window).map(drop),
            reader.exact_latency(None, window, &[0.5]).map(drop),
            reader.series().map(drop),
            reader.watermark().map(drop),
            reader.counts().map(drop),
            reader.stats().map(drop),
            reader.verify(|_, _| ()).map(drop),
        ];
        drop(read);
    }
    Ok(())
}

fn write_all(path: &Path) -> Result<(), Error> {
    let mut writer = Writer::open(path)?;
    let again = successes(0, 40).into_iter().chain(successes(2 * DAY, 3)).chain(successes(2 * DAY + 40_001, 3));
    let again: Vec<Record> = again.collect();
    let days = |days: i64| Some(Duration::from_secs((DAY * days).unsigned_abs()));
    let retention = Retention { results: days(2), rollups: days(2), round_after: days(1), max_size: Some(0) };
    let written = [
        writer.append(&again).map(drop),
        writer.append(&again).map(drop),
        maintain(&mut writer),
        writer.append(&again).map(drop),
        (0..50).try_for_each(|_| writer.retain(&retention, second(4 * DAY)).map(drop)),
        writer.compact(|_| ()).map(drop),
        writer.close(),
    ];
    drop(written);
    Ok(())
}

/// Some pieces, for an altered store may never be done.
fn maintain(writer: &mut Writer) -> Result<(), Error> {
    (0..50).try_for_each(|_| writer.maintain().map(drop))
}
