//! Writes a file that has either its old content or all of the new one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tracing::{info, warn};

/// What an unfinished file's name begins with where nobody looks for those that a kill left.
const ANY: &str = "authprobe";
/// What it ends with.
const UNFINISHED: &str = ".unfinished";
/// Letters and digits between these.
const RANDOM: usize = 6;

/// Writes a file by `write`, in one step: a reader sees the old content or all of the new one.
/// A device or a pipe is written to, never replaced; of a link, what it points to is.
///
/// # Errors
/// When it cannot be written, or `write` fails; the old content stays.
pub(crate) fn replace<T>(file: &Path, write: impl FnOnce(&mut File) -> anyhow::Result<T>) -> anyhow::Result<T> {
    replace_as(file, ANY, write)
}

/// The same, with a mark in the name of the unfinished file by which [`sweep`] finds it after a kill.
///
/// # Errors
/// As above.
pub(crate) fn replace_as<T>(
    file: &Path,
    mark: &str,
    write: impl FnOnce(&mut File) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let failed = || format!("cannot write {}", file.display());
    if file.metadata().is_ok_and(|found| !found.is_file()) {
        return write(&mut File::options().write(true).open(file).with_context(failed)?);
    }
    let (file, directory) = place(file);
    let prefix = format!(".{mark}-");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(UNFINISHED).rand_bytes(RANDOM);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut unfinished = builder.tempfile_in(&directory).with_context(failed)?;
    let written = write(unfinished.as_file_mut())?;
    unfinished.as_file().sync_all().with_context(failed)?;
    unfinished.persist(&file).with_context(failed)?;
    Ok(written)
}

/// Deletes the unfinished files with a mark that a kill left beside a file; nobody may write with the same mark meanwhile.
pub(crate) fn sweep(file: &Path, mark: &str) {
    let (_, directory) = place(file);
    let Ok(entries) = fs::read_dir(&directory) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| is_unfinished(name, mark));
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        match fs::remove_file(entry.path()) {
            Ok(()) => info!("{} was left unfinished and is deleted", entry.path().display()),
            Err(error) => warn!("{} was left unfinished and cannot be deleted: {error}", entry.path().display()),
        }
    }
}

/// Whether a name is that of an unfinished file with a mark.
fn is_unfinished(name: &str, mark: &str) -> bool {
    let random = name.strip_prefix('.').and_then(|name| name.strip_prefix(mark)?.strip_prefix('-'));
    let random = random.and_then(|random| random.strip_suffix(UNFINISHED));
    random.is_some_and(|random| random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The file itself, and the directory that it lies in.
fn place(file: &Path) -> (PathBuf, PathBuf) {
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = directory.to_owned();
    (file, directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_kill_leaves_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weekly.html");
        let mut left = Vec::new();
        replace_as(&file, "mark", |to| {
            // A kill now would leave exactly these.
            left = names(folder.path());
            Ok(std::io::Write::write_all(to, b"page")?)
        })
        .unwrap();
        assert!(left.len() == 1 && is_unfinished(&left[0], "mark"), "{left:?}");
        let foreign = [".mark-other-abc123.unfinished", ".mark-abc.unfinished", ".tmpAbc123", "mark-abc123.unfinished"];
        for name in foreign.iter().copied().chain([left[0].as_str()]) {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        fs::create_dir(folder.path().join(".mark-aaaaaa.unfinished")).unwrap();
        sweep(&file, "mark");
        let stays = names(folder.path());
        assert!(!stays.contains(&left[0]));
        assert_eq!(stays.len(), foreign.len() + 2, "{stays:?}");
        assert_eq!(fs::read(&file).unwrap(), b"page");
    }
}
