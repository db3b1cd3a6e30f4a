//! Writes a report to its place, and deletes those of its files that need not be kept.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use reports::formats::Format;
use tracing::warn;

use crate::file;
use crate::scheduled::record::Written;
use crate::scheduled::settings::{Destination, Keep, Report};

/// Most files that are remembered of one report; with an age to keep and a beat of seconds there would be no end.
const MOST: usize = 10_000;

/// Writes a page to a file, in one step.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(path: &Path, report: &str, page: &str) -> anyhow::Result<()> {
    file::replace_as(path, &unfinished(report), |to| Ok(to.write_all(page.as_bytes())?))
}

/// Deletes what a kill left of a report that was being written.
pub(super) fn sweep(report: &Report) {
    match &report.destination {
        Destination::File(path) => file::sweep(path, &unfinished(&report.name)),
        Destination::Directory { path, .. } => file::sweep(&path.join("any"), &unfinished(&report.name)),
        Destination::Webhook(_) => (),
    }
}

/// What the name of an unfinished file begins with, behind a dot.
fn unfinished(report: &str) -> String {
    format!("authprobe-report-{report}")
}

/// Writes a page to a directory, which is made when it is not there. Says where the page is.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_into(
    directory: &Path,
    report: &str,
    slot: Timestamp,
    format: Format,
    page: &str,
) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make the directory {}", directory.display()))?;
    let path = directory.join(name(report, slot, format));
    write(&path, report, page)?;
    Ok(path)
}

/// The name of the file of a report: its name, its planned moment in UTC, its form.
fn name(report: &str, slot: Timestamp, format: Format) -> String {
    format!("{report}-{}.{}", slot.strftime("%Y-%m-%dT%H%M%SZ"), format.ending())
}

/// Deletes the files that need not be kept, of those that were written. What cannot be deleted stays remembered.
pub(super) fn tidy(files: &mut Vec<Written>, keep: Keep, now: Timestamp) {
    files.sort_by_key(|file| file.slot);
    let superfluous = match keep {
        Keep::Files(most) => files.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX)),
        Keep::Age(age) => {
            let oldest = now.checked_sub(age).unwrap_or(Timestamp::MIN);
            files.partition_point(|file| file.slot < oldest)
        }
    };
    let kept = files.split_off(superfluous);
    files.retain(|file| !is_gone(&file.path));
    files.extend(kept);
    let forgotten = files.len().saturating_sub(MOST);
    if forgotten > 0 {
        warn!("{forgotten} files of reports are too many to be remembered, and stay");
        files.drain(..forgotten);
    }
}

/// Deletes a file; whether it is not there now. What has become something else than a file is left alone.
fn is_gone(path: &Path) -> bool {
    let deleted = match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => return true,
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match deleted {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            warn!("{} cannot be deleted and is tried again: {error}", path.display());
            false
        }
        Ok(()) | Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::SignedDuration;

    use super::*;

    fn day(number: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * number)
    }

    /// The names in a directory, in order.
    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn written(directory: &Path, days: std::ops::Range<i64>) -> Vec<Written> {
        let write = |number| Written {
            path: write_into(directory, "daily", day(number), Format::Json, "{}").unwrap(),
            slot: day(number),
        };
        days.map(write).collect()
    }

    #[test]
    fn the_newest_files_stay_and_what_others_wrote_stays_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = written(folder.path(), 0..5);
        fs::write(folder.path().join("daily-1969-01-01T000000Z.json"), "of somebody else").unwrap();
        tidy(&mut files, Keep::Files(2), day(5));
        assert_eq!(
            names(folder.path()),
            ["daily-1969-01-01T000000Z.json", "daily-1970-01-04T000000Z.json", "daily-1970-01-05T000000Z.json"]
        );
        assert_eq!(files.len(), 2);
    }

    #[test]
    fn files_up_to_an_age_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = written(folder.path(), 0..5);
        tidy(&mut files, Keep::Age(Duration::from_hours(48)), day(5));
        assert_eq!(names(folder.path()), ["daily-1970-01-04T000000Z.json", "daily-1970-01-05T000000Z.json"]);
    }

    #[test]
    fn a_file_that_is_gone_or_has_become_a_link_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = written(folder.path(), 0..3);
        fs::write(folder.path().join("precious"), "").unwrap();
        fs::remove_file(&files[0].path).unwrap();
        fs::remove_file(&files[1].path).unwrap();
        std::os::unix::fs::symlink(folder.path().join("precious"), &files[1].path).unwrap();
        tidy(&mut files, Keep::Files(1), day(5));
        assert_eq!(files.len(), 1);
        assert!(names(folder.path()).contains(&"precious".to_owned()));
    }
}
