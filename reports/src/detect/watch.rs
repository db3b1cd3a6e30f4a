//! Watches one series execution by execution: what it says after each is what a look at all of them says.

use storage::record::Reason;

use super::evidence::{Evidence, OPEN, SUSPECT, Scale};
use super::recent::{Execution, Recent};
use super::span::Span;
use crate::episode::{Episode, FAIL_OPEN_CONFIRMATIONS};
use crate::series::{Piece, Quiet, Series};

/// What is known of one series. It holds a bounded number of executions and the episodes so far.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Whose executions they are; its pieces are not held.
    series: Series,
    every_ms: i64,
    scale: Scale,
    evidence: Evidence,
    recent: Recent,
    let_in: u32,
    since_let_in: u32,
    span: Option<Span>,
    /// The last one that ended; it may come back.
    last: Option<Span>,
    done: Vec<Episode>,
}

/// Executions after which something that was let in once is forgotten.
const FORGOTTEN: u32 = 60;

impl Watch {
    /// Begins to watch a series. `every_ms` is the interval until a result carries one.
    #[must_use]
    pub fn new(series: &Series, every_ms: Option<i64>) -> Watch {
        Watch::with(series, every_ms, Scale::FAILURES)
    }

    /// Begins to watch how long the successes of a series take.
    pub(super) fn of_latency(series: &Series, every_ms: Option<i64>) -> Watch {
        Watch::with(series, every_ms, Scale::LATENCY)
    }

    fn with(series: &Series, every_ms: Option<i64>, scale: Scale) -> Watch {
        let Series { target, probe, agent, kind, expect, variant, first, .. } = series;
        let (target, probe, agent) = (target.clone(), probe.clone(), agent.clone());
        let (kind, expect, variant, first) = (*kind, *expect, *variant, *first);
        Watch {
            series: Series { target, probe, agent, kind, expect, variant, first, every_ms: None, pieces: Vec::new() },
            every_ms: every_ms.unwrap_or(0),
            scale,
            evidence: Evidence::new(scale),
            recent: Recent::default(),
            let_in: 0,
            since_let_in: 0,
            span: None,
            last: None,
            done: Vec::new(),
        }
    }

    /// Takes the next part of the series, in order of time. What was not executed, and the prober's own faults, say
    /// nothing of the target.
    pub fn push(&mut self, piece: &Piece) {
        self.every_ms = piece.every_ms().unwrap_or(self.every_ms);
        match piece {
            Piece::Single(sample) if sample.executed() => self.execute(Execution::from(sample)),
            Piece::Single(_) => {}
            Piece::Quiet(quiet) => self.rest(*quiet),
        }
    }

    /// The failing stretches so far in order, suspected ones included. They never overlap.
    #[must_use]
    pub fn episodes(&self) -> Vec<Episode> {
        let last = self.last.as_ref().filter(|_| !self.span.as_ref().is_some_and(Span::goes_on));
        let open = last.into_iter().chain(&self.span).map(|span| span.episode(&self.series));
        self.done.iter().cloned().chain(open).collect()
    }

    /// Whether it fails beyond doubt.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.span.as_ref().is_some_and(Span::is_certain)
    }

    /// The stretch that goes on, or else the one that ended last.
    #[must_use]
    pub fn newest(&self) -> Option<Episode> {
        self.span.as_ref().or(self.last.as_ref()).map(|span| span.episode(&self.series))
    }

    /// Lets go of the episodes that cannot come back any more, for whoever only asks for the newest.
    pub fn forget(&mut self) {
        self.done.clear();
    }

    /// Whether something is suspected at the moment.
    pub(super) fn suspects(&self) -> bool {
        self.span.is_some()
    }

    /// Many successes: one by one while they may change an episode, else at once.
    fn rest(&mut self, quiet: Quiet) {
        for number in 0..quiet.count {
            if self.span.is_none() && self.let_in == 0 {
                let left = quiet.count - number;
                self.evidence.rest(left);
                self.since_let_in = self.since_let_in.saturating_add(u32::try_from(left).unwrap_or(u32::MAX));
                self.recent.rest(quiet, number);
                return;
            }
            self.execute(Execution::good(quiet.at(number)));
        }
    }

    fn execute(&mut self, execution: Execution) {
        let evidence = self.evidence.push(execution.failed());
        self.since_let_in = self.since_let_in.saturating_add(1);
        let reason = execution.failure.as_ref().and_then(|failure| failure.reason);
        if reason == Some(Reason::UnexpectedlyAllowed) {
            self.let_in += 1;
            self.since_let_in = 0;
        } else if self.span.is_none() && self.since_let_in >= FORGOTTEN {
            self.let_in = 0;
        }
        let certain = evidence >= OPEN || self.let_in >= FAIL_OPEN_CONFIRMATIONS;
        self.recent.push(execution.clone());
        let Some(span) = &mut self.span else {
            if execution.failed() && (evidence >= SUSPECT || certain) {
                self.suspect(certain);
            }
            return;
        };
        let time = execution.time;
        if span.push(execution, certain) {
            span.close(&self.recent.all().1, time);
            self.recent.keep(span.good_run() as usize);
            if !span.goes_on() {
                self.done.extend(self.last.take().map(|last| last.episode(&self.series)));
            }
            self.last = self.span.take();
            self.evidence = Evidence::new(self.scale);
            self.let_in = 0;
        }
    }

    fn suspect(&mut self, certain: bool) {
        let mut span = Span::new(self.recent.all(), self.every_ms, self.scale, certain);
        if let Some(last) = &self.last {
            span.continues(last, &self.series);
        }
        self.span = Some(span);
    }
}
