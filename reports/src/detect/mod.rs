//! Watches one series: whether it fails, since when, and until when.

pub mod evidence;
mod flaps;
pub(crate) mod latency;
pub(crate) mod luck;
pub(crate) mod onset;
mod recent;
mod span;
pub mod watch;
