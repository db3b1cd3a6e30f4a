//! What a record must hold to be kept.

use crate::record::{Change, Gap, Phases, ProbeResult, Record, Verdict};

/// Why a record is not kept. Names fields, never repeats what stands in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field that identifies the record is empty.
    #[error("`{0}` is empty")]
    Empty(&'static str),
    /// A number does not fit.
    #[error("`{0}` is too large")]
    TooLarge(&'static str),
    /// A schedule must have at least a millisecond from one start to the next.
    #[error("`every_s` is not a duration of at least 0.001 seconds")]
    Every,
    /// A change without any moment.
    #[error("a change needs `time`, or `time_lo` and `time_hi`")]
    NoTime,
    /// The end lies before the beginning.
    #[error("`{0}` is after `{1}`")]
    Order(&'static str, &'static str),
    /// A share of pods that is none.
    #[error("`progress` has a share that is not from 0 to 1")]
    Share,
    /// A gap that lasts no time.
    #[error("`from` is not before `until`")]
    EmptyGap,
    /// A delay that is none.
    #[error("`lag_s` is not a number of seconds within 100 years")]
    Lag,
}

/// Longest delay from a change to an incident, in seconds: a hundred years.
const LONGEST_LAG_S: f64 = 36_525.0 * 86_400.0;

/// Says whether `record` can be kept as it is.
///
/// # Errors
///
/// The first rule that it breaks.
pub fn check(record: &Record) -> Result<(), Refusal> {
    match record {
        Record::Result(result) => check_result(result),
        Record::Change(change) => check_change(change),
        Record::Gap(gap) => check_gap(gap),
        Record::Verdict(verdict) => check_verdict(verdict),
    }
}

fn check_result(result: &ProbeResult) -> Result<(), Refusal> {
    filled("target", &result.target)?;
    filled("probe", &result.probe)?;
    filled("agent", &result.agent)?;
    fits("took_us", result.took_us)?;
    if let Some(Phases { resolve, connect, tls, processing, transfer }) = result.phases_us {
        for microseconds in [resolve, connect, tls, processing, transfer] {
            fits("phases_us", microseconds)?;
        }
    }
    match result.every_s {
        Some(seconds) if milliseconds(seconds).is_none() => Err(Refusal::Every),
        Some(_) | None => Ok(()),
    }
}

fn check_change(change: &Change) -> Result<(), Refusal> {
    let (Some(lo), Some(hi)) = (change.lo(), change.hi()) else { return Err(Refusal::NoTime) };
    if lo > hi {
        return Err(Refusal::Order("time_lo", "time_hi"));
    }
    if change.until.is_some_and(|until| until < lo) {
        return Err(Refusal::Order("time", "until"));
    }
    if !change.progress.iter().all(|(_, share)| (0.0..=1.0).contains(share)) {
        return Err(Refusal::Share);
    }
    Ok(())
}

fn check_gap(gap: &Gap) -> Result<(), Refusal> {
    filled("feed", &gap.feed)?;
    if gap.from < gap.until { Ok(()) } else { Err(Refusal::EmptyGap) }
}

fn check_verdict(verdict: &Verdict) -> Result<(), Refusal> {
    filled("incident", &verdict.incident)?;
    match verdict.lag_s {
        Some(seconds) if !(-LONGEST_LAG_S..=LONGEST_LAG_S).contains(&seconds) => Err(Refusal::Lag),
        Some(_) | None => Ok(()),
    }
}

/// Whole milliseconds of a schedule, from 1 ms to about 31,000 years.
pub(crate) fn milliseconds(seconds: f64) -> Option<i64> {
    let milliseconds = (seconds * 1000.0).round();
    (1.0..1e15).contains(&milliseconds).then_some(milliseconds as i64)
}

fn filled(field: &'static str, text: &str) -> Result<(), Refusal> {
    if text.is_empty() { Err(Refusal::Empty(field)) } else { Ok(()) }
}

fn fits(field: &'static str, number: u64) -> Result<(), Refusal> {
    i64::try_from(number).map(|_| ()).map_err(|_| Refusal::TooLarge(field))
}
