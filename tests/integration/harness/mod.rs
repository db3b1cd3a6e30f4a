//! Runs the real program and looks at what it leaves: exit codes, output, the store.

pub(crate) mod demo;
pub(crate) mod phase;
pub(crate) mod probed;
pub(crate) mod program;
pub(crate) mod store;
pub(crate) mod wait;
pub(crate) mod web;
