//! What goes wrong with a store: what, where, and what to do next.

use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use crate::check::Refusal;
use crate::damage::Damage;

/// A store could not be opened, read or written. Repeats nothing of what is stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened or created.
    #[error("cannot open the store {}: {reason}", path.display())]
    CannotOpen {
        /// The store.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// Another process holds the lock for longer than the wait.
    #[error("the store {} is locked by another process: try again when it has finished", path.display())]
    Busy {
        /// The store.
        path: PathBuf,
    },
    /// The file, its directory or its file system cannot be written.
    #[error("the store {} cannot be written: give this user write access to it and to its directory", path.display())]
    ReadOnly {
        /// The store.
        path: PathBuf,
    },
    /// No space is left.
    #[error("no space is left for the store {}: free some, then try again", path.display())]
    Full {
        /// The store.
        path: PathBuf,
    },
    /// The disk failed.
    #[error("the disk failed under the store {}: {reason}; look at the system's log", path.display())]
    Io {
        /// The store.
        path: PathBuf,
        /// The failed operation.
        reason: String,
    },
    /// The file is a store no more.
    #[error("the store {} is damaged: {reason}; keep a copy of it and of its -wal file, then restore a backup", path.display())]
    Corrupt {
        /// The store.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file is not SQLite's.
    #[error("{} is not a store: it is not a SQLite file; give another path or move it away", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is SQLite's, but not ours.
    #[error("{} is not a store: it is the SQLite file of another application; give another path", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Nothing was ever written to the file.
    #[error("the store {} is empty: nothing has been recorded in it yet", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A newer version made the store.
    #[error(
        "the store {} has format {found}, this version knows formats up to {known}: use a newer version of authprobe",
        path.display()
    )]
    Newer {
        /// The store.
        path: PathBuf,
        /// Format of the store.
        found: i64,
        /// Newest format that this version knows.
        known: i64,
    },
    /// `--store` or `store:` names no place.
    #[error("this is no place for a store: {reason}")]
    InvalidLocator {
        /// Why, and what to give instead.
        reason: &'static str,
    },
    /// A record cannot be kept; nothing of its batch was written.
    #[error("record {position} of the batch cannot be kept: {refusal}")]
    Refused {
        /// Position in the batch, from 0.
        position: usize,
        /// The rule that it breaks.
        refusal: Refusal,
    },
    /// Anything else; our own fault.
    #[error("the store {} failed: {reason}", path.display())]
    Internal {
        /// The store.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
}

/// What goes wrong inside the store, before the path of the file is put to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// SQLite says no.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Bytes that do not hold what they should.
    #[error(transparent)]
    Damage(#[from] Damage),
}

impl Error {
    /// Names the file that is in trouble.
    pub(crate) fn of(path: &Path, trouble: impl Into<Trouble>) -> Self {
        match trouble.into() {
            Trouble::Sqlite(error) => Self::sqlite(path, error),
            Trouble::Damage(damage) => Self::Corrupt { path: path.to_owned(), reason: damage.to_string() },
        }
    }

    /// Whether the same batch may well be written when it is tried again later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Full { .. } | Self::Io { .. } => true,
            Self::CannotOpen { .. }
            | Self::ReadOnly { .. }
            | Self::Corrupt { .. }
            | Self::NotADatabase { .. }
            | Self::Foreign { .. }
            | Self::Empty { .. }
            | Self::Newer { .. }
            | Self::InvalidLocator { .. }
            | Self::Refused { .. }
            | Self::Internal { .. } => false,
        }
    }

    /// Names what SQLite answered. Its message may quote a statement, so only the meaning of its code is kept.
    fn sqlite(path: &Path, error: rusqlite::Error) -> Self {
        use rusqlite::Error as Sqlite;

        let path = path.to_owned();
        let cause = match &error {
            Sqlite::SqliteFailure(cause, _) | Sqlite::SqlInputError { error: cause, .. } => cause,
            Sqlite::FromSqlConversionFailure(..)
            | Sqlite::IntegralValueOutOfRange(..)
            | Sqlite::InvalidColumnType(..)
            | Sqlite::Utf8Error(..) => {
                return Self::Corrupt { path, reason: "a column holds what does not belong there".into() };
            }
            Sqlite::QueryReturnedNoRows => return Self::Corrupt { path, reason: "a row is missing".into() },
            _ => return Self::Internal { path, reason: "a statement was used wrongly".into() },
        };
        let reason = cause.to_string();
        // What fails is to lengthen the file of shared memory. SQLite calls that a failure of the disk.
        if matches!(cause.extended_code, ffi::SQLITE_IOERR_SHMOPEN | ffi::SQLITE_IOERR_SHMSIZE) {
            return Self::Full { path };
        }
        match cause.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                Self::Busy { path }
            }
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Self::ReadOnly { path },
            ErrorCode::DiskFull => Self::Full { path },
            ErrorCode::SystemIoFailure => Self::Io { path, reason },
            ErrorCode::DatabaseCorrupt => Self::Corrupt { path, reason },
            ErrorCode::NotADatabase => Self::NotADatabase { path },
            ErrorCode::CannotOpen => Self::CannotOpen { path, reason },
            _ => Self::Internal { path, reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(code: i32) -> Error {
        Error::sqlite(Path::new("a.db"), rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn no_space_for_shared_memory_is_no_space() {
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMOPEN, ffi::SQLITE_IOERR_SHMSIZE] {
            assert!(matches!(named(code), Error::Full { .. }), "{code}");
        }
        for code in [ffi::SQLITE_IOERR, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_SHMMAP] {
            assert!(matches!(named(code), Error::Io { .. }), "{code}");
        }
    }
}
