//! Files that are no store, or a store no more: each gets its own clear error.

use std::ops::ControlFlow;
use std::path::PathBuf;

use rusqlite::Connection;
use storage::error::Error;
use storage::record::{ProbeResult, Record};
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::Writer;
use tempfile::TempDir;

use crate::fixtures::{success, successes};

#[test]
fn a_place_without_a_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none/a.db");
    says(Writer::open(&path), "/none does not exist; create it first");
    says(Reader::open(&path), "it does not exist");
    says(Writer::open(directory.path()), "it is a directory");
    says(Reader::open(directory.path()), "it is a directory");
}

#[test]
fn a_reader_makes_no_file() {
    let directory = tempfile::tempdir().unwrap();
    says(Reader::open(&directory.path().join("a.db")), "it does not exist");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_not_sqlite_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    for garbage in [&b"hello"[..], &[b'x'; 65_536], &[0; 4096]] {
        std::fs::write(&path, garbage).unwrap();
        says(Writer::open(&path), "it is not a SQLite file");
        says(Reader::open(&path), "it is not a SQLite file");
        assert_eq!(std::fs::read(&path).unwrap(), garbage);
    }
}

#[test]
fn the_file_of_another_application_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE bookmark(url TEXT)").unwrap();
    let before = std::fs::read(&path).unwrap();
    says(Writer::open(&path), "another application");
    says(Reader::open(&path), "another application");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_store_of_a_newer_version_is_left_as_it_is() {
    let (_directory, path) = store();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    says(Writer::open(&path), "has format 999, this version knows formats up to 4: use a newer version");
    says(Reader::open(&path), "has format 999, this version knows formats up to 4: use a newer version");
}

#[test]
fn an_empty_file_becomes_a_store_but_cannot_be_read_as_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    std::fs::write(&path, "").unwrap();
    says(Reader::open(&path), "nothing has been recorded");
    Writer::open(&path).unwrap().append(&successes(0, 1)).unwrap();
    assert_eq!(Reader::open(&path).unwrap().counts().unwrap().results, 1);
}

#[test]
fn a_store_that_was_cut_off_is_damaged() {
    for keep in [0.9, 0.5, 0.01] {
        let (_directory, path) = store();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let length = file.metadata().unwrap().len() as f64 * keep;
        file.set_len(length as u64).unwrap();
        says(Writer::open(&path), "is damaged");
        says(Reader::open(&path).and_then(|reader| read(&reader)), "is damaged");
    }
}

#[test]
fn a_page_that_was_overwritten_is_found_when_it_is_read() {
    let (_directory, path) = store();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 4096 / 2 * 4096;
    bytes[middle..middle + 4096].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    says(Reader::open(&path).and_then(|reader| read(&reader)), "is damaged");
}

#[test]
fn a_word_that_this_version_does_not_know_is_damage_and_not_another_word() {
    let (_directory, path) = store();
    Connection::open(&path).unwrap().execute("UPDATE hot0 SET outcome = 77 WHERE time_ms = 5000", []).unwrap();
    says(Reader::open(&path).and_then(|reader| read(&reader)), "a column holds what does not belong there");
}

#[test]
fn a_record_that_cannot_be_kept_keeps_its_whole_batch_out() {
    let (_directory, path) = store();
    let mut writer = Writer::open(&path).unwrap();
    let before = Reader::open(&path).unwrap().counts().unwrap();
    let mut batch = successes(900_000, 3);
    batch.push(Record::Result(ProbeResult { target: String::new(), ..success(900_003) }));
    let error = writer.append(&batch).unwrap_err();
    assert!(matches!(error, Error::Refused { position: 3, .. }) && !error.is_transient(), "{error}");
    assert_eq!(error.to_string(), "record 3 of the batch cannot be kept: `target` is empty");
    assert_eq!(Reader::open(&path).unwrap().counts().unwrap(), before);
}

#[cfg(unix)]
#[test]
fn a_new_store_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut writer = Writer::open(&path).unwrap();
    writer.append(&successes(0, 1)).unwrap();
    for name in ["a.db", "a.db-wal", "a.db-shm"] {
        let mode = directory.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// A closed store of some hundred pages.
fn store() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut writer = Writer::open(&path).unwrap();
    writer.append(&successes(0, 20_000)).unwrap();
    writer.close().unwrap();
    (directory, path)
}

fn read(reader: &Reader) -> Result<(), Error> {
    reader.results(None, None, |_| ControlFlow::Continue(()))
}

fn says<T>(outcome: Result<T, Error>, words: &str) {
    let Err(error) = outcome else { panic!("no error that says `{words}`") };
    assert!(error.to_string().contains(words), "`{error}` does not say `{words}`");
    assert!(!error.is_transient(), "{error}");
}
