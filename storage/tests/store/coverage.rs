//! How much of a window was probed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use storage::record::{ProbeResult, Record};
use storage::sqlite::reader::Reader;
use storage::sqlite::reader::tally::Coverage;
use storage::sqlite::writer::Writer;
use storage::window::Window;
use tempfile::TempDir;

use crate::fixtures::success;

#[test]
fn slots_without_a_result_are_missing_from_the_coverage() {
    // Every thirty seconds for an hour, but for the ten minutes in the middle.
    let (_directory, path) = store((0..120).filter(|slot| !(50..70).contains(slot)).map(|slot| (slot * 30, 30.0)));
    assert_eq!(coverage(&path, 0, 3600), Some((3000, 3600)));
    assert_eq!(coverage(&path, 1500, 2100), Some((0, 600)));
    assert_eq!(coverage(&path, 0, 1500), Some((1500, 1500)));
}

#[test]
fn a_window_is_covered_only_from_the_first_result_to_the_end_of_the_last_slot() {
    let (_directory, path) = store((0..120).map(|slot| (slot * 30, 30.0)));
    assert_eq!(coverage(&path, -86_400, 86_400), Some((3600, 3600)));
    assert_eq!(coverage(&path, -86_400, 0), None, "the series did not exist");
    assert_eq!(coverage(&path, 3600, 7200), None, "its last slot had ended");
}

#[test]
fn a_schedule_that_changes_is_covered_before_and_after() {
    let half_minutes = (0..60).map(|slot| (slot * 30, 30.0));
    let (_directory, path) = store(half_minutes.chain((0..6).map(|slot| (1800 + slot * 300, 300.0))));
    assert_eq!(coverage(&path, 0, 3600), Some((3600, 3600)));
}

#[test]
fn a_share_is_at_most_one_and_of_nothing_is_none() {
    let share = |covered, planned| {
        Coverage { covered: Duration::from_secs(covered), planned: Duration::from_secs(planned) }.share()
    };
    assert_eq!(share(30, 60), Some(0.5));
    assert_eq!(share(90, 60), Some(1.0));
    assert_eq!(share(30, 0), None);
    assert_eq!(share(0, 0), None);
}

/// A store with a success at each of these seconds, and the interval in force then; half of it sealed.
fn store(slots: impl Iterator<Item = (i64, f64)>) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let record = |(second, every)| Record::Result(ProbeResult { every_s: Some(every), ..success(second) });
    let records: Vec<Record> = slots.map(record).collect();
    let (early, late) = records.split_at(records.len() / 2);
    let mut writer = Writer::open(&path).unwrap();
    writer.append(early).unwrap();
    writer.compact(|_| ()).unwrap();
    writer.append(late).unwrap();
    (directory, path)
}

/// Covered and planned seconds.
fn coverage(path: &Path, from: i64, until: i64) -> Option<(u64, u64)> {
    let second = |second| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
    let window = Window::new(second(from), second(until)).unwrap();
    let all = Reader::open(path).unwrap().coverage(None, window).unwrap();
    all.first().map(|(_, coverage)| (coverage.covered.as_secs(), coverage.planned.as_secs()))
}
