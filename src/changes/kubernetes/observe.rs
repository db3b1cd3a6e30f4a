//! What one kind of object in a cluster tells when it changes.

use jiff::Timestamp;
use storage::record::Change;

/// When something was seen to have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Nothing of it had happened yet by then; none where nobody looked before.
    pub(crate) since: Option<Timestamp>,
    /// It had happened by then: when it was seen.
    pub(crate) seen: Timestamp,
    /// Seen as it happened by a watch (true), or found as a difference after a stretch without one (false).
    pub(crate) live: bool,
}

/// Keeps what it must know of the objects of one kind, and tells what changed.
pub(crate) trait Observe: Send {
    /// The kind of object, as the API types it.
    type Object;
    /// An object as it is at the very beginning: nothing changed.
    fn baseline(&mut self, object: Self::Object, now: Timestamp) -> Vec<Change>;
    /// An object was created or changed (or may have: the same object may come again).
    fn applied(&mut self, object: Self::Object, at: Moment) -> Vec<Change>;
    /// An object is gone.
    fn deleted(&mut self, key: &Key, at: Moment) -> Vec<Change>;
    /// The objects that are known, to find after a re-list which of them are gone.
    fn known(&self) -> Vec<Key>;
}

/// Namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}
