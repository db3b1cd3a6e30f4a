//! What is to be done next so that the store stays small and quick.

use rusqlite::Connection;

use super::memory::Memory;
use super::merge::{self, Which};
use super::{fold, seal};
use crate::error::Trouble;

/// What is done to a store besides writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Results become blocks.
    Sealing,
    /// Late results are worked into blocks, and blocks are merged.
    Merging,
    /// Free space is given back.
    Vacuuming,
}

/// What is due, as far as this writer knows.
pub(super) fn due(memory: &Memory) -> Option<Step> {
    if memory.standing.frozen || seal::is_due(memory.hot) {
        Some(Step::Sealing)
    } else if fold::is_due(memory) || memory.tidy {
        Some(Step::Merging)
    } else {
        None
    }
}

/// Does one piece of what is due. False when nothing is.
pub(super) fn piece(connection: &Connection, memory: &mut Memory) -> Result<bool, Trouble> {
    match due(memory) {
        Some(Step::Sealing) => {
            if memory.standing.frozen {
                seal::seal(connection, memory)?;
            } else {
                seal::freeze(connection, memory)?;
            }
            Ok(true)
        }
        Some(Step::Merging) if fold::is_due(memory) && fold::fold(connection, memory)? => Ok(true),
        Some(Step::Merging) => {
            memory.tidy = merge::merge(connection, Which::Over)?;
            Ok(memory.tidy)
        }
        Some(Step::Vacuuming) | None => Ok(false),
    }
}

/// Does the next piece of sealing and merging all that is there, without waiting until it is due. `frozen` says whether
/// the generation that was active at the beginning has been frozen. None when nothing is left.
pub(super) fn everything(
    connection: &Connection,
    memory: &mut Memory,
    frozen: &mut bool,
) -> Result<Option<Step>, Trouble> {
    if memory.standing.frozen {
        seal::seal(connection, memory)?;
        return Ok(Some(Step::Sealing));
    }
    if !*frozen {
        *frozen = true;
        seal::freeze(connection, memory)?;
        return Ok(Some(Step::Sealing));
    }
    if fold::fold(connection, memory)? || merge::merge(connection, Which::All)? {
        return Ok(Some(Step::Merging));
    }
    Ok(None)
}
