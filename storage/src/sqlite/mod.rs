//! The embedded store: one SQLite file in WAL mode. Results come into append-only tables and are sealed into blocks of
//! columns, with sums beside them; changes and gaps are rows.

pub mod checkpointer;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod reader;
pub mod retention;
pub mod upkeep;
pub mod writer;

mod append;
mod block;
mod blocks;
mod cells;
mod column;
mod counts;
mod day;
mod facts;
mod fold;
mod head;
mod late;
mod memory;
mod merge;
mod migrate;
mod names;
mod noted;
mod open;
mod overlay;
mod present;
mod rollup;
mod rollups;
mod rounding;
mod row;
mod schema;
mod seal;
mod section;
mod standing;
mod starts;
