//! What the daemon answers over HTTP.

mod changes;
mod metrics;
mod pipelines;
mod server;
mod taking;
