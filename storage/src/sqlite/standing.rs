//! How the store stands: the one row that says which tables are in use, and for what.

use rusqlite::{Connection, params};

/// The row of `standing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// The generation that new results go to.
    pub(super) active: Generation,
    /// Whether the other generation waits to be sealed.
    pub(super) frozen: bool,
    /// Results of days before it were dropped.
    pub(super) dropped_day: Option<i64>,
    /// The clock of the retention, in milliseconds.
    pub(super) retention_ms: Option<i64>,
}

/// One of the two tables that results go to in the order of their arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    /// `hot0`.
    Even,
    /// `hot1`.
    Odd,
}

impl Generation {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Even, Self::Odd];

    /// The other one.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }

    /// Its table.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Even => "hot0",
            Self::Odd => "hot1",
        }
    }
}

impl Standing {
    /// Reads the row.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("SELECT active, frozen, dropped_day, retention_ms FROM standing")?.query_row(
            params![],
            |row| {
                let active = if row.get::<_, i64>(0)? == 0 { Generation::Even } else { Generation::Odd };
                Ok(Self { active, frozen: row.get(1)?, dropped_day: row.get(2)?, retention_ms: row.get(3)? })
            },
        )
    }

    /// Writes the row.
    pub(super) fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        let active = match self.active {
            Generation::Even => 0,
            Generation::Odd => 1,
        };
        connection
            .prepare_cached("UPDATE standing SET active = ?1, frozen = ?2, dropped_day = ?3, retention_ms = ?4")?
            .execute(params![active, self.frozen, self.dropped_day, self.retention_ms])
            .map(|_| ())
    }
}
