//! Reads what a reference to a secret or to a TLS file leads to, up to a limit.

use std::env::{self, VarError};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use probes::credential::{Credential, Source, Unusable};
use zeroize::Zeroizing;

/// Longest file with a secret that is read, in bytes.
const LONGEST_SECRET: u64 = 64 * 1024;
/// Longest PEM file that is read, in bytes; a bundle of authorities is long.
pub(crate) const LONGEST_PEM: u64 = 1024 * 1024;

/// Reads the value that a reference leads to now. Secrets of a cluster are not read here: that takes a while.
///
/// # Errors
/// Why there is none, or why it will not do; nothing of its value.
pub(crate) fn read(source: &Source) -> Result<Credential, Unusable> {
    let value = match source {
        Source::Env(name) => env::var(name).map_err(|error| match error {
            VarError::NotPresent => Unusable("it is not set".into()),
            VarError::NotUnicode(_) => Unusable("it is no UTF-8 text".into()),
        })?,
        Source::File(path) => {
            let bytes = file(path, LONGEST_SECRET)?;
            str::from_utf8(&bytes).map_err(|_| Unusable("it is no UTF-8 text".into()))?.to_owned()
        }
        Source::Kubernetes(_) => {
            return Err(Unusable("a Secret of a cluster is read by the running program alone".into()));
        }
    };
    Credential::new(value)
}

/// Reads a regular file of at most `longest` bytes.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn file(path: &Path, longest: u64) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    let unreadable = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => Unusable("there is no such file".into()),
        ErrorKind::PermissionDenied => Unusable("this user may not read it".into()),
        other => Unusable(format!("it cannot be read: {other}")),
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    // Whatever else a path leads to, such as a pipe, may never end or never begin.
    if !metadata.is_file() {
        return Err(Unusable("it is no file".into()));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path).and_then(|file| file.take(longest + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > longest {
        return Err(Unusable(format!("it is longer than {longest} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_file_is_read_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwt.key");
        let source = Source::File(path.clone());
        fs::write(&path, "a-secret-value\n").unwrap();
        assert_eq!(read(&source).unwrap().expose(), "a-secret-value");
        fs::write(&path, vec![b'a'; 65 * 1024]).unwrap();
        assert_eq!(read(&source), Err(Unusable("it is longer than 65536 bytes".into())));
        fs::write(&path, [0xff; 16]).unwrap();
        assert_eq!(read(&source), Err(Unusable("it is no UTF-8 text".into())));
    }
}
