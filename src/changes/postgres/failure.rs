//! Says why a database did not answer, in words of our own: what a server says may echo the URL or a row.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Deepest chain of causes that is followed.
const DEEPEST: usize = 8;

/// Longest text of the TLS library that is repeated, in characters.
const LONGEST: usize = 200;

/// Why a connection or a question failed.
pub(super) fn text(error: &Error) -> String {
    if let Some(code) = error.code() {
        return refused(code);
    }
    let mut cause = error.source();
    for _ in 0..DEEPEST {
        let Some(found) = cause else { break };
        let io = found.downcast_ref::<io::Error>();
        // An I/O error does not give what it wraps as its source.
        let wrapped = io.and_then(|io| io.get_ref()).and_then(|inner| inner.downcast_ref());
        if let Some(tls) = found.downcast_ref::<rustls::Error>().or(wrapped) {
            return format!("TLS: {}", tls.to_string().chars().take(LONGEST).collect::<String>());
        }
        if let Some(io) = io {
            return format!("{error}: {}", io.kind());
        }
        cause = found.source();
    }
    // Of this type only the kind of the error is displayed, in fixed words.
    error.to_string()
}

/// Why a question about a table failed. `names` are its columns as they are configured, `key` is where they are.
pub(super) fn of_table(error: &Error, table: &str, key: &str, names: &[&str]) -> String {
    let remedy = match error.code() {
        Some(code) if *code == SqlState::UNDEFINED_TABLE => format!("set `changes.postgres.{key}.table`"),
        Some(code) if *code == SqlState::UNDEFINED_COLUMN => {
            // The message is the server's; of it only names that are ours are repeated.
            let message = error.as_db_error().map_or("", |error| error.message());
            let absent: Vec<&&str> = names.iter().filter(|name| message.contains(**name)).collect();
            match absent.as_slice() {
                [] => format!("set the columns below `changes.postgres.{key}`"),
                [name, ..] => format!("it is `{name}`: set the columns below `changes.postgres.{key}`"),
            }
        }
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => "grant SELECT on these columns".into(),
        Some(_) | None => return format!("table {table}: {}", text(error)),
    };
    format!("table {table}: {}; {remedy}", text(error))
}

fn refused(code: &SqlState) -> String {
    let known = [
        (SqlState::INVALID_PASSWORD, "the database refuses this user or password"),
        (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "the database refuses this user, or a connection from here"),
        (SqlState::INVALID_CATALOG_NAME, "there is no such database"),
        (SqlState::TOO_MANY_CONNECTIONS, "the database has too many connections"),
        (SqlState::CANNOT_CONNECT_NOW, "the database is starting or stopping"),
        (SqlState::ADMIN_SHUTDOWN, "the database is stopping"),
        (SqlState::CRASH_SHUTDOWN, "the database crashed"),
        (SqlState::UNDEFINED_TABLE, "there is no such table"),
        (SqlState::UNDEFINED_COLUMN, "a column is not there"),
        (SqlState::INSUFFICIENT_PRIVILEGE, "this user may not read it"),
        (SqlState::CANNOT_COERCE, "a column that should be a moment is none"),
        (SqlState::QUERY_CANCELED, "the question took too long"),
        (SqlState::LOCK_NOT_AVAILABLE, "somebody else has locked it"),
        (SqlState::UNDEFINED_FUNCTION, "a column has a type that cannot be read, or the server is older than 11"),
    ];
    // Five letters and digits; anything else would be words of the server.
    let number = code.code();
    let number =
        if number.len() == 5 && number.bytes().all(|byte| byte.is_ascii_alphanumeric()) { number } else { "?" };
    let said =
        known.iter().find(|(known, _)| known == code).map_or("the database answers with an error", |(_, text)| text);
    format!("{said} (SQLSTATE {number})")
}
