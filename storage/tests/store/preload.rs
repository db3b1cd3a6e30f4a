//! Runs a test of this program as a process whose calls on files are recorded or fail.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Set where there is no C compiler: what needs the recorder is then left out, and says so.
const WITHOUT_COMPILER: &str = "STORE_WITHOUT_CC";

/// What a process under the recorder says of itself goes into the file of this name, beside the store.
pub(crate) const SAID: &str = "said";

/// The recorder, built in `directory`. None where the environment says that it cannot be.
pub(crate) fn recorder(directory: &Path) -> Option<PathBuf> {
    if std::env::var_os(WITHOUT_COMPILER).is_some() {
        eprintln!("left out, because {WITHOUT_COMPILER} is set");
        return None;
    }
    let library = directory.join("recorder.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/power/recorder.c");
    let status = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    match status {
        Ok(status) => assert!(status.success(), "cc cannot build {}", source.display()),
        Err(error) => panic!("no C compiler `cc`: {error}; install one, or set {WITHOUT_COMPILER}=1"),
    }
    Some(library)
}

/// The test `name` of this program, as a process of its own. `directory` is the one whose files the recorder watches.
pub(crate) fn under(recorder: &Path, name: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([name, "--exact", "--ignored", "--nocapture"])
        .env("LD_PRELOAD", recorder)
        .env("RECORDER_DIRECTORY", directory.canonicalize().unwrap());
    command
}
