//! What is to be done next so that the store stays small and quick.

use rusqlite::Connection;

use super::memory::Memory;
use super::merge::{self, Which};
use super::{fold, seal};
use crate::error::Trouble;

/// Whether a piece is due, as far as this writer knows.
pub(super) fn is_due(memory: &Memory) -> bool {
    memory.standing.frozen || seal::is_due(memory.hot) || fold::is_due(memory) || memory.tidy
}

/// Does the piece that is due first. False when none is.
pub(super) fn piece(connection: &Connection, memory: &mut Memory) -> Result<bool, Trouble> {
    if memory.standing.frozen {
        seal::seal(connection, memory)?;
        memory.tidy = true;
        return Ok(true);
    }
    if seal::is_due(memory.hot) {
        seal::freeze(connection, memory)?;
        return Ok(true);
    }
    if fold::is_due(memory) && fold::fold(connection, memory)? {
        memory.tidy = true;
        return Ok(true);
    }
    memory.tidy = memory.tidy && merge::merge(connection, Which::Over)?;
    Ok(memory.tidy)
}

/// What [`everything`] is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Results become blocks.
    Sealing,
    /// Late results are worked into blocks, and blocks are merged.
    Merging,
    /// Free space is given back.
    Vacuuming,
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
