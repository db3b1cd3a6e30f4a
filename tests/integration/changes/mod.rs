//! Sources of changes, each against the real thing.

mod logs;
mod postgres;
