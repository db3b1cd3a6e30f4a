//! Measures: logs in, verifies tokens, calls with keys, checks permissions, and says why when it fails.

mod classify;
pub mod credential;
#[cfg(test)]
mod fixtures;
pub mod kinds;
mod observation;
pub mod protocol;
pub mod redact;
pub mod run;
pub mod session;
pub mod sighting;
mod steps;
pub mod target;
