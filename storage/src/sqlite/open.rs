//! Opens the file, and tells a connection what it must know before it is used.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};

use super::migrate;
use super::schema::{self, APPLICATION, FORMAT, OLDEST};
use tempfile::NamedTempFile;

use crate::error::Error;

/// Before 3.51.3 two connections that checkpoint at once may lose a WAL.
const OLDEST_LIBRARY: i32 = 3_051_003;

/// What a file is, as far as its header and its list of tables tell.
enum State {
    Empty,
    /// Of an older format, by its number.
    Older(i64),
    Ours,
}

/// Opens the store for writing; creates it, for its owner's eyes only, where there is none, and migrates an older one.
pub(super) fn open_for_writing(path: &Path, wait: Duration) -> Result<Connection, Error> {
    supported(path)?;
    create_private(path)?;
    let of = |error: rusqlite::Error| Error::of(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(of)?;
    connection.busy_timeout(wait).map_err(of)?;
    if connection.is_readonly("main").map_err(of)? {
        return Err(Error::ReadOnly { path: path.to_owned() });
    }
    let found = state(&connection, path)?;
    if let State::Empty = found {
        connection.pragma_update(None, "page_size", 4096).map_err(of)?;
    }
    log_ahead(&connection, path, wait)?;
    settle(&connection).map_err(of)?;
    match found {
        State::Ours => {}
        State::Older(_) | State::Empty => raise(&mut connection, path)?,
    }
    Ok(connection)
}

/// Opens an existing store for reading.
pub(super) fn open_for_reading(path: &Path, wait: Duration) -> Result<Connection, Error> {
    supported(path)?;
    // It must not be opened to look at it: to close it again would give up every lock of this process on it, that of a
    // writer included, and then a program with an older SQLite may take the log away from under that writer.
    match fs::metadata(path) {
        Ok(file) if file.is_dir() => return Err(cannot_open(path, "it is a directory".into())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(cannot_open(path, "it does not exist; check the path, or record something first".into()));
        }
        Err(error) => return Err(cannot_open(path, error.to_string())),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = |name: &Path, flags| readable(path, name, flags, wait);
    let opened = match read(path, flags) {
        // Reading a store takes files beside it. Where they cannot be made, the file alone is the whole store as long
        // as it has no log, and nobody is writing.
        Err(Error::CannotOpen { .. } | Error::ReadOnly { .. }) if log_bytes(path) > 0 => {
            let reason = "its last writer has not closed it, and to read it then takes write access to its directory";
            return Err(cannot_open(path, reason.into()));
        }
        Err(Error::CannotOpen { .. } | Error::ReadOnly { .. }) => {
            read(Path::new(&immutable(path)), flags | OpenFlags::SQLITE_OPEN_URI)?
        }
        opened => opened?,
    };
    if let Some(connection) = opened {
        return Ok(connection);
    }
    // An older store is first brought to the format that is read here.
    let older = || cannot_open(path, "an older version made it, and to migrate it takes write access".into());
    match open_for_writing(path, wait) {
        Ok(_) => read(path, flags)?.ok_or_else(older),
        Err(Error::CannotOpen { .. } | Error::ReadOnly { .. }) => Err(older()),
        Err(other) => Err(other),
    }
}

/// A connection that reads, none when the file has an older format.
fn readable(path: &Path, name: &Path, flags: OpenFlags, wait: Duration) -> Result<Option<Connection>, Error> {
    let of = |error: rusqlite::Error| Error::of(path, error);
    let connection = Connection::open_with_flags(name, flags).map_err(of)?;
    connection.busy_timeout(wait).map_err(of)?;
    match state(&connection, path)? {
        State::Empty => return Err(Error::Empty { path: path.to_owned() }),
        State::Older(_) => return Ok(None),
        State::Ours => {}
    }
    guard(&connection).map_err(of)?;
    connection.pragma_update(None, "query_only", true).map_err(of)?;
    Ok(Some(connection))
}

fn state(connection: &Connection, path: &Path) -> Result<State, Error> {
    let (application, found, tables): (i64, i64, i64) = connection
        .query_row(
            "SELECT (SELECT application_id FROM pragma_application_id),
                    (SELECT user_version FROM pragma_user_version),
                    (SELECT count(*) FROM sqlite_schema)",
            params![],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .map_err(|error| Error::of(path, error))?;
    match (application, found, tables) {
        (0, 0, 0) => Ok(State::Empty),
        (APPLICATION, FORMAT, _) => Ok(State::Ours),
        (APPLICATION, OLDEST..FORMAT, _) => Ok(State::Older(found)),
        (APPLICATION, found, _) if found > FORMAT => Err(Error::Newer { path: path.to_owned(), found, known: FORMAT }),
        (APPLICATION, ..) => {
            Err(Error::Corrupt { path: path.to_owned(), reason: format!("there is no format {found}") })
        }
        _ => Err(Error::Foreign { path: path.to_owned() }),
    }
}

/// Turns the write-ahead log on. SQLite answers "busy" at once while another process does the same.
fn log_ahead(connection: &Connection, path: &Path, wait: Duration) -> Result<(), Error> {
    let started = Instant::now();
    loop {
        match journal_mode_wal(connection) {
            Ok(modes) if modes == ["wal"] => return Ok(()),
            Ok(_) => return Err(cannot_open(path, "its file system cannot hold a write-ahead log".into())),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && started.elapsed() < wait => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(Error::of(path, error)),
        }
    }
}

/// Asks for the log, and tells the mode that SQLite names. It names the mode first and writes it into the file then, so
/// whoever stops reading at the name never hears that the disk failed, and works on without a log.
fn journal_mode_wal(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.prepare("PRAGMA journal_mode = WAL")?.query_map(params![], |row| row.get(0))?.collect()
}

/// Every acknowledged batch survives a power cut; checkpoints run when the owner says so, never inside a commit.
fn settle(connection: &Connection) -> rusqlite::Result<()> {
    guard(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)
}

fn guard(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cache_size", -8192)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// Brings an empty or older file to the present format, in one transaction, so that a cut leaves the one or the other.
fn raise(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|error| Error::of(path, error))?;
    // Another process may have done it meanwhile.
    let done = match state(&transaction, path)? {
        State::Empty => transaction
            .execute_batch(&(schema::results() + schema::RECORDS + schema::VERDICTS))
            .map_err(|error| Error::of(path, error)),
        State::Older(format) => migrate::from(format, &transaction).map_err(|trouble| Error::of(path, trouble)),
        State::Ours => return Ok(()),
    };
    done?;
    let finish = |transaction: rusqlite::Transaction<'_>| -> rusqlite::Result<()> {
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        transaction.commit()
    };
    finish(transaction).map_err(|error| Error::of(path, error))?;
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", params![], |_| Ok(()))
        .map_err(|error| Error::of(path, error))
}

fn create_private(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Err(cannot_open(path, "it is a directory; give the path of a file".into()));
    }
    match create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map_err(|error| cannot_create(path, &error)),
    }
}

/// An empty file beside `path`, for its owner's eyes only, that becomes it once [`name`] says so. Removed when dropped.
pub(super) fn partial(path: &Path) -> Result<NamedTempFile, Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    let made = tempfile::Builder::new().prefix(&name).suffix(".partial").tempfile_in(parent(path));
    made.map_err(|error| cannot_create(path, &error))
}

/// Gives a file that is whole its name, unless something has that name, and sees to it that both outlive a power cut.
pub(super) fn name(partial: NamedTempFile, path: &Path) -> Result<(), Error> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => cannot_open(path, "there is something already; give another path".into()),
        _ => Error::Io { path: path.to_owned(), reason: error.to_string() },
    };
    partial.as_file().sync_all().map_err(failed)?;
    partial.persist_noclobber(path).map_err(|refused| failed(refused.error))?;
    File::open(parent(path)).and_then(|directory| directory.sync_all()).map_err(failed)
}

fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?;
    File::open(parent(path))?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn cannot_create(path: &Path, error: &io::Error) -> Error {
    let parent = parent(path);
    match error.kind() {
        io::ErrorKind::NotFound if !parent.is_dir() => {
            cannot_open(path, format!("the directory {} does not exist; create it first", parent.display()))
        }
        io::ErrorKind::StorageFull => Error::Full { path: path.to_owned() },
        _ => cannot_open(path, error.to_string()),
    }
}

fn supported(path: &Path) -> Result<(), Error> {
    if rusqlite::version_number() >= OLDEST_LIBRARY {
        return Ok(());
    }
    let reason = format!("SQLite {} may lose data, 3.51.3 or newer is needed", rusqlite::version());
    Err(Error::Internal { path: path.to_owned(), reason })
}

/// Length of the write-ahead log, 0 when there is none.
pub(super) fn log_bytes(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().map_or(0, |file| file.len())
}

/// The name of `path` as a URI that promises SQLite that nobody writes to it.
fn immutable(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    uri + "?immutable=1"
}

pub(super) fn cannot_open(path: &Path, reason: String) -> Error {
    Error::CannotOpen { path: path.to_owned(), reason }
}
