//! Several writers and readers of one store.

use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use storage::error::Error;
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::{Checkpoint, Counts, Writer};
use storage::window::Window;

use crate::fixtures::successes;

#[test]
fn a_reader_and_a_writer_do_not_wait_for_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut writer = Writer::open_waiting(&path, Duration::ZERO).unwrap();
    writer.append(&successes(0, 10)).unwrap();
    let reader = Reader::open(&path).unwrap();
    reader
        .at_one_moment(|reader| {
            assert_eq!(reader.counts()?.results, 10);
            writer.append(&successes(10, 10)).unwrap();
            assert_eq!(reader.counts()?.results, 10, "the reader stays at its moment");
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(reader.counts().unwrap().results, 20);
}

#[test]
fn everything_can_be_asked_at_one_moment() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut writer = Writer::open(&path).unwrap();
    writer.append(&successes(0, 10)).unwrap();
    let day = Window::new(Timestamp::UNIX_EPOCH, Timestamp::from_second(86_400).unwrap()).unwrap();
    let copy = directory.path().join("copy.db");
    Reader::open(&path)
        .unwrap()
        .at_one_moment(|reader| {
            assert_eq!(reader.counts()?.results, 10);
            writer.append(&successes(10, 10)).unwrap();
            assert_eq!(reader.stats()?.totals.results, 10);
            assert_eq!(reader.coverage(None, day)?[0].1.planned, Duration::from_secs(39));
            reader.backup(&copy, |_, _| ())
        })
        .unwrap();
    assert_eq!(Reader::open(&copy).unwrap().counts().unwrap().results, 10);
}

#[test]
fn a_copy_appears_when_it_is_whole_and_takes_nobodys_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut writer = Writer::open(&path).unwrap();
    writer.append(&successes(0, 10)).unwrap();
    let reader = Reader::open(&path).unwrap();
    let copy = directory.path().join("copy.db");
    let mut steps = 0;
    let progress = |_, _| {
        assert!(!copy.exists());
        steps += 1;
    };
    reader.backup(&copy, progress).unwrap();
    assert!(steps > 0);
    writer.append(&successes(10, 10)).unwrap();
    let refused = reader.backup(&copy, |_, _| ()).unwrap_err().to_string();
    assert!(refused.contains("there is something already"), "{refused}");
    assert_eq!(Reader::open(&copy).unwrap().counts().unwrap().results, 10);
    let left = std::fs::read_dir(directory.path()).unwrap();
    let partial = left.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|one| one == "partial"));
    assert_eq!(partial.count(), 0);
}

#[test]
fn a_writer_may_write_while_a_reading_is_under_way() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut writer = Writer::open_waiting(&path, Duration::ZERO).unwrap();
    writer.append(&successes(0, 10)).unwrap();
    let mut seen = 0;
    let write_on = |_| {
        writer.append(&successes(100 + seen, 1)).unwrap();
        assert!(writer.checkpoint().unwrap().pages > 0);
        seen += 1;
        ControlFlow::Continue(())
    };
    Reader::open(&path).unwrap().results(None, None, write_on).unwrap();
    assert_eq!(seen, 10, "a reading ends, however much is written meanwhile");
}

#[test]
fn two_writers_take_turns_and_know_each_others_series() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (mut one, mut other) = (Writer::open(&path).unwrap(), Writer::open(&path).unwrap());
    for turn in 0..20 {
        one.append(&successes(turn * 10, 10)).unwrap();
        let again = other.append(&successes(turn * 10, 11)).unwrap();
        assert_eq!(again, Counts { new: 1, duplicate: 10, ..Counts::default() }, "turn {turn}");
        one.append(&successes(turn * 10 + 10, 1)).unwrap();
    }
    let reader = Reader::open(&path).unwrap();
    assert_eq!((reader.series().unwrap().len(), reader.counts().unwrap().results), (1, 201));
}

#[test]
fn many_may_create_the_store_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    std::thread::scope(|scope| {
        for second in 0..8 {
            let path = &path;
            scope.spawn(move || Writer::open(path).unwrap().append(&successes(second, 1)).unwrap());
        }
    });
    assert_eq!(Reader::open(&path).unwrap().counts().unwrap().results, 8);
}

#[test]
fn a_store_that_another_process_locks_for_long_is_busy_and_takes_the_batch_later() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut writer = Writer::open_waiting(&path, Duration::from_millis(30)).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = writer.append(&successes(0, 3)).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }) && error.is_transient(), "{error}");
    assert!(error.to_string().contains("locked by another process"), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(writer.append(&successes(0, 3)).unwrap(), Counts { new: 3, ..Counts::default() });
}

#[test]
fn a_checkpoint_is_due_when_the_log_is_long_and_closing_empties_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let log = directory.path().join("a.db-wal");
    let mut writer = Writer::open(&path).unwrap();
    let reader = Reader::open(&path).unwrap();
    writer.append(&successes(0, 10)).unwrap();
    assert_eq!(writer.checkpoint_if_due().unwrap(), None);
    let mut second = 10;
    let Checkpoint { pages, done } = loop {
        writer.append(&successes(second, 50)).unwrap();
        second += 50;
        if let Some(checkpoint) = writer.checkpoint_if_due().unwrap() {
            break checkpoint;
        }
    };
    assert!((1000..1100).contains(&pages) && done == pages, "{done} of {pages} pages");
    assert!(log.metadata().unwrap().len() > 0);
    writer.close().unwrap();
    assert_eq!(log.metadata().unwrap().len(), 0);
    assert_eq!(reader.counts().unwrap().results, second.unsigned_abs());
}

#[test]
#[cfg(target_os = "linux")]
fn a_reader_beside_the_writer_leaves_the_writer_its_lock() {
    use std::os::unix::fs::MetadataExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut writer = Writer::open(&path).unwrap();
    writer.append(&successes(0, 10)).unwrap();
    let file = format!(":{} ", std::fs::metadata(&path).unwrap().ino());
    let locks = || std::fs::read_to_string("/proc/locks").unwrap().lines().filter(|lock| lock.contains(&file)).count();
    assert_eq!(locks(), 1);
    let _reader = Reader::open(&path).unwrap();
    assert_eq!(locks(), 1);
}
