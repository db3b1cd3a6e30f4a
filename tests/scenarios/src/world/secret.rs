//! When the content of a Secret or ConfigMap comes into force at a replica.

use storage::record::MountHow;

use crate::world::service::Replica;
use crate::world::steps::Steps;

/// How a service takes an object in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mounting {
    /// As what.
    pub how: MountHow,
    /// Whether the program reads a renewed file again.
    pub reloads: bool,
}

impl Mounting {
    /// A volume whose files are read again when they change.
    pub const LIVE: Mounting = Mounting { how: MountHow::Volume, reloads: true };
    /// A volume that is read at the start only.
    pub const DEAF: Mounting = Mounting { how: MountHow::Volume, reloads: false };
    /// Environment variables.
    pub const ENV: Mounting = Mounting { how: MountHow::Env, reloads: false };
    /// A sub-path, which is never renewed.
    pub const SUBPATH: Mounting = Mounting { how: MountHow::Subpath, reloads: false };
}

/// The content of an object over time. Two equal numbers are the same content.
pub type Content = Steps<u32>;

/// What a replica works with at a moment.
#[must_use]
pub fn loaded(content: &Content, mounting: Mounting, replica: &Replica, at: f64) -> u32 {
    let boot = replica.boot(at).at;
    let newest = content
        .iter()
        .rev()
        .find(|(written, _)| *written <= boot || (mounting.reloads && replica.renewed(*written) <= at));
    newest.map_or_else(|| *content.at(boot), |(_, value)| *value)
}
