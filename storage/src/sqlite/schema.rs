//! The format of the file, and what a connection must be told before it is used.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};

use crate::error::Error;

/// Marks the file as ours: the bytes `aprb`.
const APPLICATION: i64 = 0x6170_7262;

/// Format of the tables below. A change of them raises it and brings a migration.
const FORMAT: i64 = 1;

/// Before 3.51.3 two connections that checkpoint at once may lose a WAL.
const OLDEST_LIBRARY: i32 = 3_051_003;

const TABLES: &str = "
    CREATE TABLE series(
        id      INTEGER PRIMARY KEY,
        target  TEXT NOT NULL,
        probe   TEXT NOT NULL,
        agent   TEXT NOT NULL,
        results INTEGER NOT NULL DEFAULT 0,  -- how many rows of `result` belong to it
        UNIQUE(target, probe, agent)
    ) STRICT;
    CREATE TABLE detail(
        id   INTEGER PRIMARY KEY,
        text TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE result(
        series        INTEGER NOT NULL REFERENCES series(id),
        time_ms       INTEGER NOT NULL,
        kind          INTEGER NOT NULL,
        expect        INTEGER NOT NULL,
        variant       INTEGER NOT NULL,
        outcome       INTEGER NOT NULL,
        reason        INTEGER,
        status        INTEGER,
        took_us       INTEGER NOT NULL,
        resolve_us    INTEGER,  -- the five phases are all there or all absent
        connect_us    INTEGER,
        tls_us        INTEGER,
        processing_us INTEGER,
        transfer_us   INTEGER,
        every_ms      INTEGER,
        detail        INTEGER REFERENCES detail(id),
        PRIMARY KEY(series, time_ms)
    ) STRICT, WITHOUT ROWID;
    -- A body is the record as it stands in the interchange; the columns beside it only find it, and may be up to a
    -- millisecond too wide.
    CREATE TABLE change(
        id    TEXT PRIMARY KEY,
        lo_ms INTEGER NOT NULL,
        hi_ms INTEGER NOT NULL,
        body  TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX change_lo ON change(lo_ms);
    CREATE TABLE gap(
        body     TEXT PRIMARY KEY,
        from_ms  INTEGER NOT NULL,
        until_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX gap_from ON gap(from_ms);
";

/// What a file is, as far as its header and its list of tables tell.
enum State {
    Empty,
    Ours,
}

/// Opens the store for writing; creates it, for its owner's eyes only, where there is none.
pub(super) fn open_for_writing(path: &Path, wait: Duration) -> Result<Connection, Error> {
    supported(path)?;
    create_private(path)?;
    let of = |error| Error::sqlite(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(of)?;
    connection.busy_timeout(wait).map_err(of)?;
    if connection.is_readonly("main").map_err(of)? {
        return Err(Error::ReadOnly { path: path.to_owned() });
    }
    match state(&connection, path)? {
        State::Ours => {
            log_ahead(&connection, path, wait)?;
            settle(&connection).map_err(of)?;
        }
        State::Empty => {
            connection.pragma_update(None, "page_size", 4096).map_err(of)?;
            log_ahead(&connection, path, wait)?;
            settle(&connection).map_err(of)?;
            create(&mut connection, path)?;
        }
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
    match readable(path, path, flags, wait) {
        // Reading a store takes files beside it. Where they cannot be made, the file alone is the whole store as long
        // as it has no log, and nobody is writing.
        Err(Error::CannotOpen { .. } | Error::ReadOnly { .. }) if has_log(path) => {
            let reason = "its last writer has not closed it, and to read it then takes write access to its directory";
            Err(cannot_open(path, reason.into()))
        }
        Err(Error::CannotOpen { .. } | Error::ReadOnly { .. }) => {
            readable(path, Path::new(&immutable(path)), flags | OpenFlags::SQLITE_OPEN_URI, wait)
        }
        opened => opened,
    }
}

fn readable(path: &Path, name: &Path, flags: OpenFlags, wait: Duration) -> Result<Connection, Error> {
    let of = |error| Error::sqlite(path, error);
    let connection = Connection::open_with_flags(name, flags).map_err(of)?;
    connection.busy_timeout(wait).map_err(of)?;
    if let State::Empty = state(&connection, path)? {
        return Err(Error::Empty { path: path.to_owned() });
    }
    guard(&connection).map_err(of)?;
    connection.pragma_update(None, "query_only", true).map_err(of)?;
    Ok(connection)
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
        .map_err(|error| Error::sqlite(path, error))?;
    match (application, found, tables) {
        (0, 0, 0) => Ok(State::Empty),
        (APPLICATION, FORMAT, _) => Ok(State::Ours),
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
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => return Err(cannot_open(path, "its file system cannot hold a write-ahead log".into())),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && started.elapsed() < wait => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(Error::sqlite(path, error)),
        }
    }
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

/// One transaction, so that a cut leaves an empty file or a whole store.
fn create(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let of = |error| Error::sqlite(path, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(of)?;
    if let State::Empty = state(&transaction, path)? {
        transaction.execute_batch(TABLES).map_err(of)?;
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(of)?;
        transaction.pragma_update(None, "user_version", FORMAT).map_err(of)?;
    }
    transaction.commit().map_err(of)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", params![], |_| Ok(())).map_err(of)
}

fn create_private(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Err(cannot_open(path, "it is a directory; give the path of a file".into()));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match options.open(path) {
        Ok(_) => File::open(parent)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| cannot_open(path, error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !parent.is_dir() => {
            Err(cannot_open(path, format!("the directory {} does not exist; create it first", parent.display())))
        }
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(Error::Full { path: path.to_owned() }),
        Err(error) => Err(cannot_open(path, error.to_string())),
    }
}

fn supported(path: &Path) -> Result<(), Error> {
    if rusqlite::version_number() >= OLDEST_LIBRARY {
        return Ok(());
    }
    let reason = format!("SQLite {} may lose data, 3.51.3 or newer is needed", rusqlite::version());
    Err(Error::Internal { path: path.to_owned(), reason })
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().is_ok_and(|file| file.len() > 0)
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

fn cannot_open(path: &Path, reason: String) -> Error {
    Error::CannotOpen { path: path.to_owned(), reason }
}
