//! Judges whole stories and compares what people and programs read of them.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod causes;
mod charts;
mod detection;
mod goldens;
mod grouping;
mod laws;
mod many;
mod objectives;
mod pages;
mod said;
mod schema;
mod store;
mod story;
mod timeline;
