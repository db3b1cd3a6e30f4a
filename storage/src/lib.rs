//! Keeps what was observed: the vocabulary of records, the embedded store and the NDJSON interchange.

pub mod check;
pub mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod interchange;
pub mod locator;
pub mod outbox;
pub mod record;
pub mod sketch;
pub mod sqlite;
pub mod window;

#[cfg(test)]
mod alteration;
mod binary;
mod damage;
