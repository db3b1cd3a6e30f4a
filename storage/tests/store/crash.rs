//! A writer that is killed loses nothing that it had acknowledged.

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::Writer;

use crate::fixtures::successes;

/// Names the store to the process that is killed.
const STORE: &str = "STORE_OF_THE_WRITER_THAT_IS_KILLED";

/// Records in each of its batches.
const BATCH: i64 = 20;

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    for round in 0..5_u64 {
        let acknowledgements = 1 + RandomState::new().hash_one(round) % 150;
        let acknowledged = write_until_killed(&path, acknowledgements);

        let file = Connection::open(&path).unwrap();
        let verdict: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok", "round {round}, killed after {acknowledgements} batches");
        let kept: i64 = file.query_row("SELECT count(*) FROM result", [], |row| row.get(0)).unwrap();
        let ends: (i64, i64) = file
            .query_row("SELECT min(time_ms), max(time_ms) FROM result", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert!(kept >= acknowledged, "{kept} of {acknowledged} acknowledged results are there");
        assert_eq!(ends, (0, (kept - 1) * 1000), "there are holes");
        assert_eq!(kept % BATCH, 0, "half a batch is there");
        assert_eq!(Reader::open(&path).unwrap().counts().unwrap().results, kept.unsigned_abs());
    }
}

/// Runs [`writer_that_is_killed`], kills it in the midst of what follows that many batches, and tells how many results
/// it had acknowledged.
fn write_until_killed(path: &Path, acknowledgements: u64) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::writer_that_is_killed", "--exact", "--ignored", "--nocapture"])
        .env(STORE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = lines.filter_map(|line| line.unwrap().strip_prefix("ack ")?.parse().ok());
    let last =
        (0..acknowledgements).map(|_| acknowledged.next().expect("the writer goes on until it is killed")).last();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died counts as well.
    acknowledged.last().or(last).unwrap()
}

#[test]
#[ignore = "the process that `a_killed_writer_loses_nothing_that_it_acknowledged` kills"]
fn writer_that_is_killed() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let path = Path::new(&path);
    let mut writer = Writer::open(path).unwrap();
    let mut next = i64::try_from(Reader::open(path).unwrap().counts().unwrap().results).unwrap();
    println!();
    for batch in 1.. {
        writer.append(&successes(next, BATCH)).unwrap();
        next += BATCH;
        println!("ack {next}");
        if batch % 7 == 0 {
            writer.checkpoint().unwrap();
        }
    }
}
