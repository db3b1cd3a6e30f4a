//! The demo API: a small but real authentication service on loopback, with faults that can be switched on.

pub(crate) mod api;
pub(crate) mod api_only;
pub(crate) mod changes;
pub(crate) mod control;
pub(crate) mod counters;
pub(crate) mod directory;
pub(crate) mod fault;
pub(crate) mod front;
pub(crate) mod replicas;
pub(crate) mod routes;
pub(crate) mod state;
pub(crate) mod story;
pub(crate) mod tokens;
pub(crate) mod wire;

#[cfg(test)]
mod tests;
