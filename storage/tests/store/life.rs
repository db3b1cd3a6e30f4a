//! The life of a writer: it opens a store, appends, keeps the store small, closes it, and opens it again.

use std::path::Path;
use std::time::Duration;

use storage::error::Error;
use storage::sqlite::retention::Retention;
use storage::sqlite::upkeep::Step;
use storage::sqlite::writer::Writer;

use crate::verdict::{Acknowledged, compare, of_the_first_format, verify};
use crate::workload::{batch, end};

/// A writer ends and begins again after that many batches. The retention's clock goes on by a day in each.
const BATCHES_OF_A_WRITER: i64 = 20;

/// What is kept. Runs that come late come from times that are no longer kept, too.
pub(crate) const RETENTION: Retention = Retention {
    results: Some(Duration::from_secs(48 * 3600)),
    rollups: Some(Duration::from_secs(96 * 3600)),
    round_after: Some(Duration::from_secs(24 * 3600)),
    max_size: None,
};

/// A store of format 1: three targets and two agents over two days, with failures, details, gaps and changes.
pub(crate) const FIRST_FORMAT: &[u8] = include_bytes!("format-1.db");

/// What a writer says of itself while it works.
pub(crate) enum Said {
    /// What it begins to do.
    Phase(&'static str),
    /// The batch of that number is written.
    Written(i64),
    /// Something failed. It is tried once more afterwards.
    Failed(Error),
}

/// Writes batch after batch, with upkeep between them; now and then closes the store and opens it again.
pub(crate) fn write(path: &Path, batches: impl Iterator<Item = i64>, mut say: impl FnMut(Said)) {
    let mut open: Option<Writer> = None;
    for number in batches {
        let records = batch(number);
        let mut writer = open.take().unwrap_or_else(|| {
            say(Said::Phase(opening(path)));
            twice(&mut say, |_| Writer::open(path))
        });
        say(Said::Phase("append"));
        twice(&mut say, |_| writer.append(&records));
        say(Said::Written(number));
        twice(&mut say, |say| upkeep(&mut writer, number, |phase| say(Said::Phase(phase))));
        if number % BATCHES_OF_A_WRITER == 0 {
            say(Said::Phase("close"));
            if let Err(error) = writer.close() {
                say(Said::Failed(error));
            }
        } else {
            open = Some(writer);
        }
    }
    // The last one is left as a death would leave it, with its log.
    std::mem::forget(open);
}

/// What opening the store means, by the format that stands in its header.
fn opening(path: &Path) -> &'static str {
    match std::fs::read(path) {
        Ok(bytes) if bytes.get(60..64) == FIRST_FORMAT.get(60..64) => "migrate",
        Ok(_) => "open",
        Err(_) => "create",
    }
}

/// What `attempt` gives, if need be at the second time.
fn twice<T, S: FnMut(Said)>(say: &mut S, mut attempt: impl FnMut(&mut S) -> Result<T, Error>) -> T {
    attempt(say).unwrap_or_else(|error| {
        say(Said::Failed(error));
        attempt(say).unwrap()
    })
}

/// What the owner of a store does between batches, said piece by piece.
fn upkeep(writer: &mut Writer, number: i64, mut say: impl FnMut(&'static str)) -> Result<(), Error> {
    loop {
        match writer.due() {
            Some(Step::Sealing) => say("seal"),
            Some(Step::Merging) => say("merge"),
            Some(Step::Vacuuming) | None => {}
        }
        if !writer.maintain()? {
            break;
        }
    }
    loop {
        say("retain");
        if !writer.retain(&RETENTION, end(number))?.more {
            break;
        }
    }
    if number % 7 == 0 {
        say("checkpoint");
        writer.checkpoint()?;
    }
    if number % 31 == 0 {
        say("compact");
        writer.compact(|_| ())?;
    }
    Ok(())
}

#[test]
fn whatever_a_writer_does_its_store_holds_what_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    std::fs::write(&path, FIRST_FORMAT).unwrap();
    let mut acknowledged = Acknowledged::nothing(of_the_first_format(), 0);
    write(&path, 0..100, |said| match said {
        Said::Phase("append") => assert_eq!(compare(&path, &acknowledged), Ok(()), "batch {}", acknowledged.next),
        Said::Phase(_) => {}
        Said::Written(_) => acknowledged.add(),
        Said::Failed(error) => panic!("{error:?}"),
    });
    assert_eq!(verify(&path, &mut acknowledged), Ok(()));
}
