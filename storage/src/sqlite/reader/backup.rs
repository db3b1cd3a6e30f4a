//! Copies a store while it is in use.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::Reader;
use crate::error::Error;
use crate::sqlite::open;

/// Pages that are copied between two words of progress: 4 MiB.
const PAGES: std::ffi::c_int = 1024;

impl Reader {
    /// Copies the store, as it is at this moment, to a new file that only its owner can read. Others may read and write
    /// meanwhile. `progress` gets the pages that are copied and those that there are. The file appears when it is whole;
    /// a process that is killed on the way leaves one beside it whose name ends in `.partial`.
    ///
    /// # Errors
    ///
    /// When there is something at `to`, or the one cannot be read or the other one written; then nothing is left there.
    pub fn backup(&self, to: &Path, mut progress: impl FnMut(u64, u64)) -> Result<(), Error> {
        let partial = open::partial(to)?;
        self.at_one_moment(|reader| {
            let failed = |error: rusqlite::Error| Error::of(to, error);
            // A statement makes the moment begin; from then on nobody's writing makes the copy start again.
            reader.counts()?;
            let mut copy =
                Connection::open_with_flags(partial.path(), OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
            let backup = Backup::new(&reader.connection, &mut copy).map_err(failed)?;
            loop {
                let step = backup.step(PAGES).map_err(failed)?;
                let pages = backup.progress();
                let count = |pages: i32| u64::try_from(pages).unwrap_or(0);
                progress(count(pages.pagecount - pages.remaining), count(pages.pagecount));
                match step {
                    StepResult::Done => return Ok(()),
                    StepResult::More => {}
                    StepResult::Busy | StepResult::Locked => return Err(Error::Busy { path: to.to_owned() }),
                    _ => return Err(open::cannot_open(to, "SQLite stopped copying".into())),
                }
            }
        })?;
        open::name(partial, to)
    }
}
