//! Whatever is altered behind the store's back, verifying finds.

use std::path::PathBuf;

use rusqlite::Connection;
use storage::record::{Outcome, ProbeResult, Reason, Record};
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::Writer;
use tempfile::TempDir;

use crate::fixtures::success;

#[test]
fn what_was_altered_behind_the_back_of_the_store_is_found() {
    check("UPDATE block1 SET n = n + 1", "block1 1", "something else of it than its head");
    check("UPDATE block1 SET rounded = 1", "block1 1", "something else of it than its head");
    check("UPDATE block1 SET day = day + 1", "block1 1", "a checksum is wrong");
    check("UPDATE block1 SET data = zeroblob(length(data))", "block1 1", "a checksum is wrong");
    check("DELETE FROM block1", "series 1", "it counts 5 sealed results, 1 are there");
    check("DELETE FROM tally", "tally of group 1, day 0", "not count what the rollups do");
    check("UPDATE tally SET day = day + 1", "tally of group 1, day 0", "not count what the rollups do");
    check("UPDATE tally SET day = day + 1", "tally of group 1, day 1", "not count what the rollups do");
    check("UPDATE tally SET grp = grp + 1", "tally of group 2, day 0", "not count what the rollups do");
    check("UPDATE tally SET body = x'ff'", "tally of group 1, day 0", "does not parse");
    check("DELETE FROM rollup", "rollup of series 1, day 0", "it is missing");
    check("DELETE FROM noted", "noted results of series 1, day 0", "those that did not succeed");
    check("DELETE FROM noted", "noted results of series 1, not sealed", "those that did not succeed");
    check("UPDATE noted SET time_ms = time_ms + 1", "noted results of series 1, day 0", "those that did not succeed");
    check("UPDATE noted SET outcome = outcome + 1", "noted results of series 1, day 0", "those that did not succeed");
    check("UPDATE noted SET reason = reason + 1", "noted results of series 1, day 0", "those that did not succeed");
    check("UPDATE noted SET status = 7", "noted results of series 1, not sealed", "those that did not succeed");
    check("UPDATE noted SET time_ms = -1 WHERE time_ms = 0", "noted results", "1 are there, 0 are of days that have");
    check("UPDATE late SET fresh = 0", "late results of group 1, day 0", "does not fit the blocks");
    check("DELETE FROM late", "series 1", "it counts 5 sealed results, 4 are there");
    check("DELETE FROM detail", "noted", "1 rows name a detail that is not there");
    check("UPDATE series SET first_ms = 1", "series 1", "older than its first one");
    check("UPDATE series SET sealed_ms = sealed_ms + 1", "series 1", "its newest sealed result is another one");
    check("UPDATE series SET every_ms = 1", "series 1", "its newest sealed result is another one");
    check("UPDATE hot0 SET outcome = 100; UPDATE hot1 SET outcome = 100", "hot", "words that are in no list");
    check("DELETE FROM hot0; DELETE FROM hot1", "noted results of series 1, not sealed", "they are of no result");
    check("UPDATE hot0 SET series = 9; UPDATE hot1 SET series = 9", "hot", "name a series that is not there");
}

/// Runs `sql` on a store that is well, and looks for a finding about `place` that says `message`.
fn check(sql: &str, place: &str, message: &str) {
    let (_directory, path) = store();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.verify(|_, _| ()).unwrap().findings, vec![]);
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(sql).unwrap();
    let findings = reader.verify(|_, _| ()).unwrap().findings;
    let found = findings.iter().any(|found| found.place.starts_with(place) && found.message.contains(message));
    assert!(found, "{sql}: {findings:?}");
}

/// A store of one series: four results in a block, one that came late, one that is not sealed.
fn store() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut writer = Writer::open(&path).unwrap();
    let (outcome, reason) = (Outcome::Failure, Some(Reason::LoginRejected));
    let failure = |second| ProbeResult { outcome, reason, ..success(second) };
    let detailed = ProbeResult { detail: Some("refused".into()), ..failure(0) };
    let sealed = [detailed, success(30), success(60), success(120)];
    writer.append(&sealed.map(Record::Result)).unwrap();
    writer.compact(|_| ()).unwrap();
    writer.append(&[Record::Result(success(90)), Record::Result(failure(150))]).unwrap();
    (directory, path)
}
