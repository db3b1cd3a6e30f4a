//! The embedded store: one SQLite file in WAL mode, one table of results, one of changes, one of gaps.

pub mod reader;
pub mod writer;

mod merge;
mod names;
mod row;
mod schema;
