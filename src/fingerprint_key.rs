//! The key of the fingerprints: random, local to a store, readable by its owner alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Length of the key in bytes.
const LENGTH: usize = 32;

/// The key beside a store; made when there is none.
///
/// # Errors
/// When it cannot be read or made, or is not one.
pub(crate) fn beside(store: &Path) -> io::Result<Vec<u8>> {
    let path = path(store);
    match fs::read(&path) {
        Ok(key) if key.len() == LENGTH => return Ok(key),
        Ok(_) => {
            let what = format!("{} is no key of {LENGTH} bytes: remove it to begin a new one", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (),
        Err(error) => return Err(error),
    }
    let mut key = vec![0u8; LENGTH];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| io::Error::other("the system gives no randomness"))?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    match made {
        Ok(mut file) => file.write_all(&key).and_then(|()| file.sync_all()).map(|()| key),
        // Another process made it in this moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::read(&path),
        Err(error) => Err(error),
    }
}

fn path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = dir.path().join("authprobe.db");
        let key = beside(&store).expect("made");
        assert_eq!(key, beside(&store).expect("read"));
        assert_eq!(fs::metadata(path(&store)).expect("there").permissions().mode() & 0o777, 0o600);
        fs::write(path(&store), "short").expect("written");
        assert!(beside(&store).is_err());
    }
}
