//! The embedded store: one SQLite file in WAL mode, one table of results, one of changes, one of gaps.

pub mod backup;
pub mod reader;
pub mod retention;
pub mod stats;
pub mod verify;
pub mod writer;

mod merge;
mod names;
mod row;
mod schema;
