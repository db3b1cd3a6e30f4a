//! How it stands with recording: what readiness and metrics tell.

use std::fmt;

use crate::recorder::Written;

/// How it stands with recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// What became of the records so far.
    pub(crate) written: Written,
    /// Records that wait in memory for the store.
    pub(crate) waiting: u64,
    /// Why the store cannot be written now.
    pub(crate) trouble: Option<String>,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.trouble {
            None => write!(f, "the store can be written"),
            Some(why) => {
                let Self { written: Written { lost, .. }, waiting, .. } = self;
                write!(f, "the store cannot be written, {waiting} records are kept and {lost} are lost: {why}")
            }
        }
    }
}
