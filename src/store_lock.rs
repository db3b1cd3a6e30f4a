//! The lock of the daemon: two of them on one store would probe everything twice.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use storage::sqlite::writer::Writer;

/// A lock on a store, beside it in a file of its own. The system lets go of it when the process ends, however it ends;
/// the file stays, for to remove it would let two processes lock two files of one name.
#[derive(Debug)]
pub(crate) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Locks the store at `path`, there or not, without waiting.
    ///
    /// # Errors
    /// When another process has it, or no lock can be made there.
    pub(crate) fn take(path: &Path) -> anyhow::Result<Self> {
        // Another name of the same store is the same lock.
        let mut lock = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).into_os_string();
        lock.push(".lock");
        let lock = Path::new(&lock);
        let mut options = OpenOptions::new();
        // The file of a lock that is held must not lose the name of its holder.
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let failed = || format!("the store {} cannot be locked: {}", path.display(), lock.display());
        let mut file = match options.open(lock) {
            Ok(file) => file,
            Err(error) => {
                // Where no lock can be made there can mostly be no store, and its own error says what to do.
                Writer::open(path)?;
                return Err(error).with_context(failed);
            }
        };
        match file.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file).map_or_else(String::new, |pid| format!(", process {pid}"));
                bail!(
                    "the store {} is in use by another `authprobe run`{holder}: stop that one, or give this one \
                     another store with --store",
                    path.display()
                );
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
        // Only words for whoever comes second: on a full disk the lock holds without them.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// The process that wrote itself into the file of its lock.
fn holder(file: &mut File) -> Option<u32> {
    // More than the number of a process takes.
    const LONGEST: u64 = 16;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_locked_once_under_all_its_names_and_again_when_it_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let (store, other) = (dir.path().join("authprobe.db"), dir.path().join("other.db"));
        fs::write(&store, "").unwrap();
        std::os::unix::fs::symlink(&store, &other).unwrap();
        let lock = StoreLock::take(&store).unwrap();
        for name in [&store, &other] {
            let told = StoreLock::take(name).unwrap_err().to_string();
            let holder = format!("process {}", std::process::id());
            assert!(told.contains(&holder) && told.contains(name.to_str().unwrap()), "{told}");
        }
        drop(lock);
        StoreLock::take(&other).unwrap();
    }

    #[test]
    fn a_holder_that_has_not_told_its_process_is_told_without_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("authprobe.db");
        let lock = StoreLock::take(&store).unwrap();
        for text in ["", "\n", "no number", "99999999999999999999999999999999999999"] {
            fs::write(dir.path().join("authprobe.db.lock"), text).unwrap();
            let told = StoreLock::take(&store).unwrap_err().to_string();
            assert!(told.contains("`authprobe run`: stop"), "{told}");
        }
        drop(lock);
    }
}
