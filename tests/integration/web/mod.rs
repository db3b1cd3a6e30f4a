//! What the daemon answers over HTTP.

mod changes;
mod metrics;
mod pages;
mod pipelines;
mod server;
mod taking;
