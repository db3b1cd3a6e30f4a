//! Writes a file that has either its old content or all of the new one.

use std::fs::File;
use std::path::Path;

use anyhow::Context;

/// Writes a file by `write`, in one step: a reader sees the old content or all of the new one.
/// A device or a pipe is written to, never replaced; of a link, what it points to is.
///
/// # Errors
/// When it cannot be written, or `write` fails; the old content stays.
pub(crate) fn replace<T>(file: &Path, write: impl FnOnce(&mut File) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let failed = || format!("cannot write {}", file.display());
    if file.metadata().is_ok_and(|found| !found.is_file()) {
        return write(&mut File::options().write(true).open(file).with_context(failed)?);
    }
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut unfinished = builder.tempfile_in(directory).with_context(failed)?;
    let written = write(unfinished.as_file_mut())?;
    unfinished.as_file().sync_all().with_context(failed)?;
    unfinished.persist(&file).with_context(failed)?;
    Ok(written)
}
