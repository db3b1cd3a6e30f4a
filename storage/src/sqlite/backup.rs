//! Copies a store while it is in use.

use std::fs::{self, OpenOptions};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::reader::Reader;
use crate::error::Error;

impl Reader {
    /// Copies the store as it is at one moment to a new file at `to`, readable by its owner only. `progress` gets what
    /// is done and how much there is, in bytes.
    ///
    /// # Errors
    ///
    /// When there is something at `to`, or it cannot be written, or the store cannot be read.
    pub fn backup(&self, to: &Path, mut progress: impl FnMut(u64, u64)) -> Result<(), Error> {
        progress(0, 1);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(to).map_err(|error| Error::CannotOpen { path: to.to_owned(), reason: error.to_string() })?;
        let copied = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .and_then(|source| source.execute("VACUUM INTO ?1", [to.to_string_lossy()]));
        copied.map_err(|error| {
            // What is there is no store.
            let _ = fs::remove_file(to);
            Error::sqlite(to, error)
        })?;
        progress(1, 1);
        Ok(())
    }
}
