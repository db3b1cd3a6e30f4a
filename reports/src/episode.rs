//! Failing stretches of one series: when one began, when it ended, and how sure that is.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use storage::record::{ProbeKind, Reason};

use crate::detect::watch::Watch;
use crate::input::after;
use crate::interval::Interval;
use crate::series::Series;

/// A failing stretch of one series.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Episode {
    /// Name of the target.
    pub target: String,
    /// Name of the probe.
    pub probe: String,
    /// Name of the agent.
    pub agent: String,
    /// The reason most often given.
    #[schemars(with = "Option<String>")]
    pub reason: Option<Reason>,
    /// Failed executions.
    pub failed: u64,
    /// Executions from the first failure to the last.
    pub executed: u64,
    /// Share that failed.
    pub share: f64,
    /// When it began.
    pub start: Interval,
    /// When it ended; absent while it lasts.
    pub end: Option<Interval>,
    /// How often it came back after it seemed over, plus one.
    pub segments: u32,
    /// How long it failed, in seconds: from the first failure to the last one, and one interval; without the stretches
    /// in which it seemed over.
    pub failing_s: f64,
    /// Whether its start may still be seen more exactly: fewer than ten executions followed the detection.
    pub provisional: bool,
    /// What was seen at the first failure with that reason.
    pub detail: Option<String>,
    /// Whether it went down and up again and again.
    #[serde(skip)]
    pub flapping: bool,
    /// Kind of the probe.
    #[serde(skip)]
    pub kind: ProbeKind,
    /// With which execution the suspicion arose: the same however much is learned later.
    #[serde(skip)]
    pub suspected: Timestamp,
    /// When it was first suspected, not before it began.
    #[serde(skip)]
    pub suspect_at: Timestamp,
    /// When it was certain; absent where it never was.
    #[serde(skip)]
    pub open_at: Option<Timestamp>,
    /// When the rule for closing was satisfied.
    #[serde(skip)]
    pub closed_at: Option<Timestamp>,
    /// Interval of the schedule in milliseconds, 0 where it is not known.
    #[serde(skip)]
    pub every_ms: i64,
}

/// Share of failures from which a probe is down: at least nine in ten.
pub const DOWN: f64 = 0.9;

/// Confirmations after which a refusal that was not given is certain, whatever the detector says.
pub(crate) const FAIL_OPEN_CONFIRMATIONS: u32 = 2;

/// The failing stretches of a series in order, suspected ones included. They never overlap.
/// `every_ms` is the interval for a series that does not carry one.
#[must_use]
pub fn episodes(series: &Series, every_ms: Option<i64>) -> Vec<Episode> {
    let mut watch = Watch::new(series, series.every_ms.or(every_ms));
    series.pieces.iter().for_each(|piece| watch.push(piece));
    watch.episodes()
}

impl Episode {
    /// `target/probe`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.target, self.probe)
    }

    /// Last moment at which it may still have lasted; the end of time while it lasts.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.end.map_or(Timestamp::MAX, |end| end.hi)
    }

    /// Whether two episodes began together: their onsets overlap or lie within two intervals.
    #[must_use]
    pub fn began_with(&self, other: &Episode) -> bool {
        let near = self.every_ms.max(other.every_ms).saturating_mul(2);
        self.start.lo <= after(other.start.hi, near) && other.start.lo <= after(self.start.hi, near)
    }
}
