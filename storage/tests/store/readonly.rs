//! A store that this user may read and not write. Root may write everything, so another user tries.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use storage::error::Error;
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::Writer;

use crate::fixtures::successes;

/// Names the store to the user that may not write it.
const STORE: &str = "STORE_OF_THE_USER_WHO_MAY_NOT_WRITE";

/// `nobody`.
const USER: u32 = 65_534;

#[test]
fn a_store_that_cannot_be_written_can_be_read_and_says_so_to_a_writer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a 100%.db");
    let mut writer = Writer::open(&path).unwrap();
    writer.append(&successes(0, 5)).unwrap();
    writer.close().unwrap();
    let open = directory.path().join("open.db");
    let mut writer = Writer::open(&open).unwrap();
    writer.append(&successes(0, 5)).unwrap();
    std::fs::remove_file(directory.path().join("open.db-shm")).unwrap();
    for file in [&path, &open, &directory.path().join("open.db-wal")] {
        allow(file, 0o444);
    }
    allow(directory.path(), 0o555);

    // The other user may not look into the directory where this program was built.
    let elsewhere = tempfile::tempdir().unwrap();
    let program = elsewhere.path().join("program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    allow(&program, 0o555);
    allow(elsewhere.path(), 0o755);

    let mut child = Command::new(&program);
    child.args(["readonly::user_who_may_not_write", "--exact", "--ignored", "--nocapture"]).env(STORE, &path);
    if std::fs::File::create(directory.path().join("written")).is_ok() {
        child.uid(USER).gid(USER);
    }
    let output = child.output().unwrap();
    allow(directory.path(), 0o755);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "the process of `a_store_that_cannot_be_written_can_be_read_and_says_so_to_a_writer`"]
fn user_who_may_not_write() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let path = Path::new(&path);
    assert_eq!(Reader::open(path).unwrap().counts().unwrap().results, 5);
    let error = Writer::open(path).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    assert!(error.to_string().contains("give this user write access"), "{error}");
    let error = Reader::open(&path.with_file_name("open.db")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("its last writer has not closed it"), "{error}");
    let error = Writer::open(&path.with_file_name("other.db")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("ermission denied"), "{error}");
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}
