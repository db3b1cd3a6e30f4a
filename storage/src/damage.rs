//! What is said of stored bytes that no store can have written.

/// Stored bytes are not what was once written. Says which rule they break, never what stands in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damage(pub(crate) &'static str);
