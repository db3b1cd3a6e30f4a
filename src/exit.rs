//! Exit codes, named once; the same for every command.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All fine.
    Fine,
    /// A probe failed, an objective is missed, or a line was refused.
    Failed,
    /// Usage or configuration error.
    Usage,
    /// Our own fault: the store is unreadable, or something broke inside.
    Fault,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Fine => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Fault => 3,
        })
    }
}

/// The exit code of an error that ended a command.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    match error.downcast_ref::<storage::error::Error>() {
        Some(storage::error::Error::InvalidLocator { .. }) => Exit::Usage,
        Some(_) => Exit::Fault,
        None if error.is::<crate::config::mistake::Mistakes>() => Exit::Usage,
        None => Exit::Fault,
    }
}
