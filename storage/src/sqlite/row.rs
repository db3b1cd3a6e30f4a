//! What is kept of a result besides its series, as numbers.

use super::reader::SeriesKey;
use crate::check;
use crate::record::{Expect, Outcome, Phases, ProbeKind, ProbeResult, Reason, Variant};
use crate::window::at_millisecond;

/// One result of a series, as it stands in tables and blocks. A code is the one that `record` gives the word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Start, in milliseconds since 1970.
    pub(crate) time_ms: i64,
    /// Code of the kind of probe.
    pub(crate) kind: u8,
    /// Code of what was expected.
    pub(crate) expect: u8,
    /// Code of the credential.
    pub(crate) variant: u8,
    /// Code of how it ended.
    pub(crate) outcome: u8,
    /// Code of why, unless it succeeded.
    pub(crate) reason: Option<u8>,
    /// HTTP status of the answer, if one came.
    pub(crate) status: Option<u16>,
    /// Duration in microseconds, at least 0.
    pub(crate) took_us: i64,
    /// Resolve, connect, tls, processing and transfer in microseconds, each at least 0.
    pub(crate) phases_us: Option<[i64; 5]>,
    /// Milliseconds from one planned start to the next, at least 1.
    pub(crate) every_ms: Option<i64>,
    /// Number of the text of what was seen.
    pub(crate) detail: Option<i64>,
}

/// Of a row what judging needs: without the phases and texts, which most of the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Brief {
    /// As in [`Row`], and so the others.
    pub(crate) time_ms: i64,
    pub(crate) outcome: u8,
    pub(crate) reason: Option<u8>,
    pub(crate) took_us: i64,
    pub(crate) every_ms: Option<i64>,
}

impl Brief {
    /// That of a row.
    pub(crate) fn of(row: &Row) -> Self {
        let Row { time_ms, outcome, reason, took_us, every_ms, .. } = *row;
        Self { time_ms, outcome, reason, took_us, every_ms }
    }

    /// Whether it ended as expected.
    pub(crate) fn succeeded(&self) -> bool {
        self.outcome == Outcome::Success.code()
    }
}

impl Row {
    /// The row of a result that passed [`check::check`], and whose text has the number `detail`.
    pub(crate) fn of(result: &ProbeResult, detail: Option<i64>) -> Self {
        // The check has refused what does not fit, so nothing is cut here.
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let phases_us = result.phases_us.map(|Phases { resolve, connect, tls, processing, transfer }| {
            [resolve, connect, tls, processing, transfer].map(number)
        });
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
            detail,
        }
    }

    /// The result of the series `key` that the row stands for, with the text that its number stands for.
    ///
    /// None when a code is not known or a number is out of its range: the store is damaged, or newer.
    pub(crate) fn result(&self, key: &SeriesKey, detail: Option<String>) -> Option<ProbeResult> {
        let reason = match self.reason {
            None => None,
            Some(code) => Some(Reason::from_code(code)?),
        };
        let phases_us = match self.phases_us {
            None => None,
            Some([resolve, connect, tls, processing, transfer]) => Some(Phases {
                resolve: natural(resolve)?,
                connect: natural(connect)?,
                tls: natural(tls)?,
                processing: natural(processing)?,
                transfer: natural(transfer)?,
            }),
        };
        if self.every_ms.is_some_and(|every| every < 1) {
            return None;
        }
        Some(ProbeResult {
            time: at_millisecond(self.time_ms)?,
            target: key.target.clone(),
            probe: key.probe.clone(),
            kind: ProbeKind::from_code(self.kind)?,
            expect: Expect::from_code(self.expect)?,
            variant: Variant::from_code(self.variant)?,
            agent: key.agent.clone(),
            outcome: Outcome::from_code(self.outcome)?,
            reason,
            status: self.status,
            took_us: natural(self.took_us)?,
            phases_us,
            every_s: self.every_ms.map(|milliseconds| milliseconds as f64 / 1000.0),
            detail,
        })
    }

    /// Whether it ended as expected.
    pub(crate) fn succeeded(&self) -> bool {
        self.outcome == Outcome::Success.code()
    }
}

fn natural(number: i64) -> Option<u64> {
    u64::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SeriesKey {
        SeriesKey { target: "shop".into(), probe: "login".into(), agent: "local".into() }
    }

    fn result() -> ProbeResult {
        ProbeResult {
            time: "2026-03-01T10:00:00.123Z".parse().unwrap(),
            target: "shop".into(),
            probe: "login".into(),
            kind: ProbeKind::Jwt,
            expect: Expect::Deny,
            variant: Variant::Expired,
            agent: "local".into(),
            outcome: Outcome::Failure,
            reason: Some(Reason::UnexpectedlyAllowed),
            status: Some(200),
            took_us: 15,
            phases_us: Some(Phases { resolve: 1, connect: 2, tls: 3, processing: 4, transfer: 5 }),
            every_s: Some(30.0),
            detail: Some("let in".into()),
        }
    }

    #[test]
    fn a_row_gives_back_the_result_it_was_made_of() {
        let (full, bare) = (
            result(),
            ProbeResult { reason: None, status: None, phases_us: None, every_s: None, detail: None, ..result() },
        );
        for result in [full, bare] {
            let detail = result.detail.as_ref().map(|_| 7);
            let row = Row::of(&result, detail);
            assert_eq!(row.detail, detail);
            assert_eq!(row.result(&key(), result.detail.clone()), Some(result));
        }
    }

    #[test]
    fn what_no_result_can_hold_gives_none() {
        let row = Row::of(&result(), None);
        let damaged = [
            Row { time_ms: i64::MAX, ..row.clone() },
            Row { kind: 200, ..row.clone() },
            Row { expect: 200, ..row.clone() },
            Row { variant: 200, ..row.clone() },
            Row { outcome: 200, ..row.clone() },
            Row { reason: Some(200), ..row.clone() },
            Row { took_us: -1, ..row.clone() },
            Row { phases_us: Some([0, 0, -1, 0, 0]), ..row.clone() },
            Row { every_ms: Some(0), ..row },
        ];
        for row in damaged {
            assert_eq!(row.result(&key(), None), None, "{row:?}");
        }
    }

    #[test]
    fn only_the_outcome_success_succeeded() {
        for outcome in Outcome::ALL {
            let row = Row { outcome: outcome.code(), ..Row::of(&result(), None) };
            assert_eq!(row.succeeded(), *outcome == Outcome::Success);
        }
    }
}
