//! A result as a row of numbers, and back.

use jiff::Timestamp;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::check;
use crate::record::{Expect, Outcome, Phases, ProbeKind, ProbeResult, Reason, Variant};

/// The columns that [`Cells`] reads, in its order.
pub(super) const COLUMNS: &str = "time_ms, kind, expect, variant, outcome, reason, status, took_us, \
     resolve_us, connect_us, tls_us, processing_us, transfer_us, every_ms";

/// What a row of `result` holds besides its series and its detail.
#[derive(PartialEq)]
pub(super) struct Cells {
    pub(super) time_ms: i64,
    kind: u8,
    expect: u8,
    variant: u8,
    outcome: u8,
    reason: Option<u8>,
    status: Option<u16>,
    took_us: i64,
    phases_us: [Option<i64>; 5],
    every_ms: Option<i64>,
}

impl Cells {
    /// The cells of a result that passed [`check::check`].
    pub(super) fn of(result: &ProbeResult) -> Self {
        // The check has refused what does not fit, so nothing is cut here.
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let phases_us = match result.phases_us {
            None => [None; 5],
            Some(Phases { resolve, connect, tls, processing, transfer }) => {
                [resolve, connect, tls, processing, transfer].map(|phase| Some(number(phase)))
            }
        };
        Self {
            time_ms: result.time.as_millisecond(),
            kind: result.kind.code(),
            expect: result.expect.code(),
            variant: result.variant.code(),
            outcome: result.outcome.code(),
            reason: result.reason.map(Reason::code),
            status: result.status,
            took_us: number(result.took_us),
            phases_us,
            every_ms: result.every_s.and_then(check::milliseconds),
        }
    }

    /// The cells of a row that begins with [`COLUMNS`].
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            time_ms: row.get(0)?,
            kind: row.get(1)?,
            expect: row.get(2)?,
            variant: row.get(3)?,
            outcome: row.get(4)?,
            reason: row.get(5)?,
            status: row.get(6)?,
            took_us: row.get(7)?,
            phases_us: [row.get(8)?, row.get(9)?, row.get(10)?, row.get(11)?, row.get(12)?],
            every_ms: row.get(13)?,
        })
    }

    /// Adds the row. False, and nothing done, when its series has a result of that time.
    pub(super) fn insert(&self, connection: &Connection, series: i64, detail: Option<i64>) -> rusqlite::Result<bool> {
        let [resolve, connect, tls, processing, transfer] = self.phases_us;
        let added = connection
            .prepare_cached(
                "INSERT INTO result VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                series,
                self.time_ms,
                self.kind,
                self.expect,
                self.variant,
                self.outcome,
                self.reason,
                self.status,
                self.took_us,
                resolve,
                connect,
                tls,
                processing,
                transfer,
                self.every_ms,
                detail
            ])?;
        Ok(added == 1)
    }

    /// Removes the row of that series and time, and says whether it held the same.
    pub(super) fn displace(&self, connection: &Connection, series: i64, detail: Option<i64>) -> rusqlite::Result<bool> {
        let key = params![series, self.time_ms];
        let same = connection
            .prepare_cached(&format!("SELECT {COLUMNS}, detail FROM result WHERE series = ?1 AND time_ms = ?2"))?
            .query_row(key, |row| Ok(Self::read(row)? == *self && row.get::<_, Option<i64>>(14)? == detail))
            .optional()?
            .unwrap_or(false);
        if !same {
            connection.prepare_cached("DELETE FROM result WHERE series = ?1 AND time_ms = ?2")?.execute(key)?;
        }
        Ok(same)
    }

    /// The words of the cells.
    pub(super) fn words(&self) -> rusqlite::Result<Words> {
        Ok(Words {
            time: time(self.time_ms)?,
            kind: known(ProbeKind::from_code(self.kind))?,
            expect: known(Expect::from_code(self.expect))?,
            variant: known(Variant::from_code(self.variant))?,
            every_s: self.every_ms.map(|milliseconds| milliseconds as f64 / 1000.0),
        })
    }

    /// The result that the cells stand for.
    pub(super) fn result(
        &self,
        target: &str,
        probe: &str,
        agent: &str,
        detail: Option<String>,
    ) -> rusqlite::Result<ProbeResult> {
        let Words { time, kind, expect, variant, every_s } = self.words()?;
        let phases_us = match self.phases_us {
            [Some(resolve), Some(connect), Some(tls), Some(processing), Some(transfer)] => Some(Phases {
                resolve: natural(resolve)?,
                connect: natural(connect)?,
                tls: natural(tls)?,
                processing: natural(processing)?,
                transfer: natural(transfer)?,
            }),
            _ => None,
        };
        Ok(ProbeResult {
            time,
            target: target.to_owned(),
            probe: probe.to_owned(),
            kind,
            expect,
            variant,
            agent: agent.to_owned(),
            outcome: known(Outcome::from_code(self.outcome))?,
            reason: self.reason.map(|code| known(Reason::from_code(code))).transpose()?,
            status: self.status,
            took_us: natural(self.took_us)?,
            phases_us,
            every_s,
            detail,
        })
    }
}

/// What the newest row of a series says about the series.
pub(super) struct Words {
    pub(super) time: Timestamp,
    pub(super) kind: ProbeKind,
    pub(super) expect: Expect,
    pub(super) variant: Variant,
    pub(super) every_s: Option<f64>,
}

/// The moment of a column of milliseconds.
pub(super) fn time(milliseconds: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| outside())
}

fn natural(number: i64) -> rusqlite::Result<u64> {
    u64::try_from(number).map_err(|_| outside())
}

fn known<T>(word: Option<T>) -> rusqlite::Result<T> {
    word.ok_or_else(outside)
}

fn outside() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Integer, Box::new(FromSqlError::InvalidType))
}
