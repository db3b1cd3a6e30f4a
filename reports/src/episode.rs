//! Failing stretches of one series: when one began, when it ended, and how sure that is.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use storage::record::{ProbeKind, Reason};

use crate::detect::{Detector, OPEN, SUSPECT};
use crate::input::{after, shift};
use crate::interval::Interval;
use crate::series::{Piece, Sample, Series};

/// A failing stretch of one series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Episode {
    /// Name of the target.
    pub target: String,
    /// Name of the probe.
    pub probe: String,
    /// Name of the agent.
    pub agent: String,
    /// The reason most often given.
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
    /// What was seen at the first failure with that reason.
    pub detail: Option<String>,
    /// Kind of the probe.
    #[serde(skip)]
    pub kind: ProbeKind,
    /// When it was first suspected.
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
const FAIL_OPEN_CONFIRMATIONS: u32 = 2;
/// Least number of good results in a row that ends an episode.
const CLOSE_RUN: u64 = 5;
/// Most of them: of a probe that fails once in a hundred times.
const CLOSE_RUN_MOST: u64 = 300;
/// Least time that the good results must span, unless ten intervals are shorter.
const CLOSE_TIME: SignedDuration = SignedDuration::from_mins(5);
/// An episode that comes back within this time, or five intervals, is the same.
const REOPEN: SignedDuration = SignedDuration::from_mins(10);
/// Chance at which a run of luck is ruled out.
const LUCK: f64 = 0.05;
/// Normal quantile of a one-sided 90 % bound.
const NINETY: f64 = 1.281_55;

/// The failing stretches of a series in order, suspected ones included. They never overlap.
/// `every_ms` is the interval for a series that does not carry one.
#[must_use]
pub fn episodes(series: &Series, every_ms: Option<i64>) -> Vec<Episode> {
    let singles = series.pieces.iter().filter_map(|piece| match piece {
        Piece::Single(sample) => Some(sample),
        Piece::Quiet(_) => None,
    });
    let executed: Vec<&Sample> = singles.filter(|sample| sample.executed()).collect();
    let every_ms = series.every_ms.or(every_ms).unwrap_or(0);
    let mut spans: Vec<Span> = Vec::new();
    let mut watch = Watch::default();
    for (number, sample) in executed.iter().enumerate() {
        watch.push(&executed, number, sample, every_ms);
        if let Some(span) = watch.closed.take() {
            join(&mut spans, span, &executed, every_ms);
        }
    }
    if let Some(span) = watch.span {
        join(&mut spans, span, &executed, every_ms);
    }
    spans.iter().filter_map(|span| span.episode(series, &executed, every_ms)).collect()
}

/// Numbers of executions between which a series fails.
#[derive(Debug, Clone)]
struct Span {
    first: usize,
    last_bad: usize,
    good_run: u64,
    failed: u64,
    suspect_at: Timestamp,
    open_at: Option<Timestamp>,
    closed: Option<usize>,
    segments: u32,
}

#[derive(Debug, Default)]
struct Watch {
    detector: Detector,
    let_in: u32,
    first_let_in: usize,
    span: Option<Span>,
    closed: Option<Span>,
}

impl Watch {
    fn push(&mut self, executed: &[&Sample], number: usize, sample: &Sample, every_ms: i64) {
        let evidence = self.detector.push(number, sample.failed());
        if sample.reason == Some(Reason::UnexpectedlyAllowed) {
            if self.let_in == 0 {
                self.first_let_in = number;
            }
            self.let_in += 1;
        }
        let certain = evidence >= OPEN || self.let_in >= FAIL_OPEN_CONFIRMATIONS;
        let Some(span) = &mut self.span else {
            if sample.failed() && (evidence >= SUSPECT || certain) {
                let first =
                    if evidence >= SUSPECT { self.detector.onset() } else { Some(self.first_let_in) }.unwrap_or(number);
                let failed =
                    executed.iter().take(number + 1).skip(first).filter(|sample| sample.failed()).count() as u64;
                let open_at = certain.then_some(sample.time);
                let (suspect_at, closed) = (sample.time, None);
                self.span = Some(Span {
                    first,
                    last_bad: number,
                    good_run: 0,
                    failed,
                    suspect_at,
                    open_at,
                    closed,
                    segments: 1,
                });
            } else if !sample.failed() && self.detector.onset().is_none() {
                self.let_in = 0;
            }
            return;
        };
        if sample.failed() {
            span.good_run = 0;
            span.last_bad = number;
            span.failed += 1;
            span.open_at = span.open_at.or(certain.then_some(sample.time));
            return;
        }
        span.good_run += 1;
        let run = closing_run(span.failed, (span.last_bad - span.first + 1) as u64);
        let Some(first_good) = executed.get(span.last_bad + 1) else { return };
        if span.good_run >= run && sample.time.duration_since(first_good.time) >= closing_time(every_ms) {
            span.closed = Some(number);
            self.closed = self.span.take();
            self.detector = Detector::default();
            self.let_in = 0;
        }
    }
}

impl Span {
    fn episode(&self, series: &Series, executed: &[&Sample], every_ms: i64) -> Option<Episode> {
        let (first, last) = (executed.get(self.first)?, executed.get(self.last_bad)?);
        let inside = executed.get(self.first..=self.last_bad)?;
        let count = inside.len() as u64;
        let failed = inside.iter().filter(|sample| sample.failed()).count() as u64;
        let share = failed as f64 / count as f64;
        let unseen = if share >= DOWN { 1 } else { luck(share) as usize };
        let lo = match executed.get(self.first.saturating_sub(unseen)) {
            Some(good) if self.first > 0 => good.time,
            _ => shift(first.time, -SignedDuration::from_millis(every_ms)),
        };
        let end = self.closed.and_then(|closed| {
            let hi = executed.get((self.last_bad + unseen).min(closed))?;
            Some(Interval { lo: last.time, hi: hi.time })
        });
        let reason = main_reason(inside);
        let telling = inside.iter().filter(|sample| sample.failed() && sample.reason == reason);
        let detail = telling.filter_map(|sample| sample.detail.as_deref()).next().map(str::to_owned);
        Some(Episode {
            target: series.target.clone(),
            probe: series.probe.clone(),
            agent: series.agent.clone(),
            reason,
            failed,
            executed: count,
            share: crate::settings::ratio(share),
            start: Interval { lo, hi: first.time },
            end,
            segments: self.segments,
            detail,
            kind: series.kind,
            suspect_at: self.suspect_at,
            open_at: self.open_at,
            closed_at: self.closed.and_then(|number| executed.get(number)).map(|sample| sample.time),
            every_ms,
        })
    }
}

/// Adds a span, or joins it to the last one if that was not long ago.
fn join(spans: &mut Vec<Span>, span: Span, executed: &[&Sample], every_ms: i64) {
    let within = REOPEN.max(SignedDuration::from_millis(every_ms.saturating_mul(5)));
    if let Some(last) = spans.last_mut()
        && let Some((ended, begins)) = executed.get(last.last_bad).zip(executed.get(span.first))
        && begins.time.duration_since(ended.time) <= within
    {
        let segments = last.segments + 1;
        let (first, suspect_at, open_at) = (last.first, last.suspect_at, last.open_at.or(span.open_at));
        *last = Span { first, suspect_at, open_at, segments, ..span };
    } else {
        spans.push(span);
    }
}

fn main_reason(samples: &[&Sample]) -> Option<Reason> {
    let mut counts: BTreeMap<Reason, u64> = BTreeMap::new();
    for reason in samples.iter().filter(|sample| sample.failed()).filter_map(|sample| sample.reason) {
        *counts.entry(reason).or_default() += 1;
    }
    if counts.get(&Reason::UnexpectedlyAllowed).is_some_and(|count| *count >= u64::from(FAIL_OPEN_CONFIRMATIONS)) {
        return Some(Reason::UnexpectedlyAllowed);
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(reason, _)| reason)
}

/// How many good results in a row rule out that the probe still fails as it did.
fn closing_run(failed: u64, executed: u64) -> u64 {
    luck(lower_bound(failed, executed)).clamp(CLOSE_RUN, CLOSE_RUN_MOST)
}

fn closing_time(every_ms: i64) -> SignedDuration {
    let ten = SignedDuration::from_millis(every_ms.saturating_mul(10));
    if ten.is_zero() { CLOSE_TIME } else { ten.min(CLOSE_TIME) }
}

/// Number of executions that all succeed by luck at most once in twenty times, where this share fails.
fn luck(share: f64) -> u64 {
    if share >= 1.0 { 1 } else { (LUCK.ln() / (1.0 - share).ln()).ceil().clamp(1.0, CLOSE_RUN_MOST as f64) as u64 }
}

/// Lower 90 % bound of a share (Wilson).
fn lower_bound(failed: u64, executed: u64) -> f64 {
    let (n, share) = (executed as f64, failed as f64 / executed as f64);
    let z2 = NINETY * NINETY;
    let centre = share + z2 / (2.0 * n);
    let spread = NINETY * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - spread) / (1.0 + z2 / n)).max(0.0)
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
