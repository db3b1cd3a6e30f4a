//! A model of a store: a few maps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use storage::record::{Change, Gap, Outcome, Phases, ProbeResult, Record, Verdict};
use storage::sqlite::reader::tally::Tally;
use storage::sqlite::reader::{SeriesKey, Totals};
use storage::sqlite::writer::{Counts, derived_id};
use storage::window::Window;

/// What a store must hold after the records it was given.
#[derive(Clone, Default)]
pub(crate) struct Model {
    results: BTreeMap<(SeriesKey, Timestamp), ProbeResult>,
    changes: BTreeMap<String, Change>,
    gaps: BTreeSet<(Timestamp, Timestamp, String, String)>,
    verdicts: BTreeMap<String, Verdict>,
    /// Results that were dropped, of which the sums remain.
    dropped: BTreeMap<(SeriesKey, Timestamp), ProbeResult>,
    kept_from: Option<Timestamp>,
    /// Results from before it may be rounded.
    rounded_until: Option<Timestamp>,
}

impl Model {
    pub(crate) fn append(&mut self, record: &Record, counts: &mut Counts) {
        let (known, same) = match record.clone() {
            Record::Result(result) if self.kept_from.is_some_and(|kept_from| result.time < kept_from) => {
                counts.expired += 1;
                return;
            }
            Record::Result(result) => {
                let identity = (key(&result), result.time);
                let before = self.results.get(&identity);
                let (known, same) = (before.is_some(), before.is_some_and(|before| self.is_same(&result, before)));
                if !same {
                    self.results.insert(identity, result);
                }
                (known, same)
            }
            Record::Change(mut change) => {
                if change.id.is_empty() {
                    change.id = derived_id(&change);
                }
                let before = self.changes.insert(change.id.clone(), change.clone());
                (before.is_some(), before == Some(change))
            }
            Record::Gap(Gap { feed, from, until, why }) => {
                let known = !self.gaps.insert((from, until, feed, why));
                (known, known)
            }
            Record::Verdict(mut verdict) => {
                if verdict.id.is_empty() {
                    verdict.id = Verdict::id_of(&verdict.incident);
                }
                let before = self.verdicts.insert(verdict.id.clone(), verdict.clone());
                (before.is_some(), before == Some(verdict))
            }
        };
        match (known, same) {
            (false, _) => counts.new += 1,
            (true, false) => counts.replaced += 1,
            (true, true) => counts.duplicate += 1,
        }
    }

    /// Whether the store, which has `kept`, may have been told `told`.
    fn is_same(&self, told: &ProbeResult, kept: &ProbeResult) -> bool {
        kept == told || (Some(told.time) < self.rounded_until && *kept == rounded(told))
    }

    /// Results from before that moment may be rounded.
    pub(crate) fn round_before(&mut self, moment: Timestamp) {
        self.rounded_until = self.rounded_until.max(Some(moment));
    }

    /// Whether something may be rounded.
    pub(crate) fn is_rounding(&self) -> bool {
        self.rounded_until.is_some()
    }

    /// Takes over what the store has where that is rounded. What else it has other than the model stays, and is told.
    pub(crate) fn take_over(&mut self, found: Vec<ProbeResult>) -> Result<(), String> {
        if found.len() != self.results.len() {
            return Err(format!("{} results are there and not {}", found.len(), self.results.len()));
        }
        for result in found {
            let identity = (key(&result), result.time);
            match self.results.get(&identity) {
                Some(told) if self.is_same(told, &result) => drop(self.results.insert(identity, result)),
                other => return Err(format!("{result:?} is there and not {other:?}")),
            }
        }
        Ok(())
    }

    /// The first moment whose results are kept.
    pub(crate) fn kept_from(&self) -> Option<Timestamp> {
        self.kept_from
    }

    /// Drops results from before that moment; their sums remain.
    pub(crate) fn drop_before(&mut self, kept_from: Option<Timestamp>) {
        let Some(moment) = kept_from else { return };
        self.kept_from = kept_from;
        let results = std::mem::take(&mut self.results);
        let (dropped, kept) = results.into_iter().partition(|((_, time), _)| *time < moment);
        self.results = kept;
        self.dropped.extend::<BTreeMap<_, _>>(dropped);
    }

    /// Drops the sums of dropped results from before that moment, and what else had ended by then.
    pub(crate) fn forget_before(&mut self, moment: Timestamp) {
        // What ends within a millisecond counts as ending at the end of it.
        let last = moment - SignedDuration::from_millis(1);
        self.dropped.retain(|(_, time), _| moment <= *time);
        self.changes.retain(|_, change| last < change.until.or(change.hi()).unwrap());
        self.gaps.retain(|(_, until, ..)| last < *until);
        self.verdicts.retain(|_, verdict| last < verdict.span().1);
    }

    /// How much the store holds.
    pub(crate) fn totals(&self) -> Totals {
        let lengths = [self.results.len(), self.changes.len(), self.gaps.len(), self.verdicts.len()];
        let [results, changes, gaps, verdicts] = lengths.map(|n| n as u64);
        Totals { results, changes, gaps, verdicts }
    }

    /// The dropped results whose whole `unit` of so many seconds lies inside the window.
    fn summed(&self, window: Option<Window>, unit: i64) -> impl Iterator<Item = (&SeriesKey, &ProbeResult)> {
        let whole = move |time: Timestamp| {
            let from = Timestamp::from_second(time.as_millisecond().div_euclid(unit * 1000) * unit).unwrap();
            let until = from + SignedDuration::from_secs(unit);
            // Results begin in whole milliseconds, so a window that ends within one reaches to its end.
            let end = |window: Window| window.until + SignedDuration::from_nanos(999_999);
            window.is_none_or(|window| window.from <= from && until <= end(window))
        };
        self.dropped.iter().filter(move |((_, time), _)| whole(*time)).map(|((key, _), result)| (key, result))
    }

    fn kept(&self, window: Option<Window>) -> impl Iterator<Item = (&SeriesKey, &ProbeResult)> {
        let inside = move |time: Timestamp| window.is_none_or(|window| window.contains(time));
        self.results.iter().filter(move |((_, time), _)| inside(*time)).map(|((key, _), result)| (key, result))
    }

    pub(crate) fn tally(&self, series: Option<&SeriesKey>, window: Option<Window>) -> Vec<(SeriesKey, Tally)> {
        let mut tallies: BTreeMap<SeriesKey, Tally> = BTreeMap::new();
        for (key, result) in self.kept(window).chain(self.summed(window, 3600)) {
            if series.is_some_and(|series| series != key) {
                continue;
            }
            let tally = tallies.entry(key.clone()).or_default();
            tally.results += 1;
            tally.covered += Duration::from_secs_f64(result.every_s.unwrap_or(0.0));
            if result.outcome != Outcome::Success {
                *tally.others.entry((result.outcome, result.reason)).or_default() += 1;
            }
        }
        tallies.into_iter().collect()
    }

    /// Durations of the successes, sorted. `summed`: with those of which only the sums are there.
    pub(crate) fn durations(&self, window: Option<Window>, summed: bool) -> BTreeMap<SeriesKey, Vec<u64>> {
        let mut durations: BTreeMap<SeriesKey, Vec<u64>> = BTreeMap::new();
        let dropped = self.summed(window, 86_400).filter(|_| summed);
        for (key, result) in self.kept(window).chain(dropped).filter(|(_, result)| result.outcome == Outcome::Success) {
            durations.entry(key.clone()).or_default().push(result.took_us);
        }
        durations.values_mut().for_each(|durations| durations.sort_unstable());
        durations
    }

    pub(crate) fn failures(&self, window: Option<Window>) -> Vec<(Timestamp, SeriesKey, Outcome, Option<String>)> {
        let failed = self.kept(window).filter(|(_, result)| result.outcome != Outcome::Success);
        let mut failures: Vec<_> =
            failed.map(|(key, result)| (result.time, key.clone(), result.outcome, result.detail.clone())).collect();
        failures.sort();
        failures
    }

    /// Every series that ever had a result of which something is left.
    pub(crate) fn series(&self) -> Vec<SeriesKey> {
        let all: BTreeSet<&SeriesKey> = self.results.keys().chain(self.dropped.keys()).map(|(key, _)| key).collect();
        all.into_iter().cloned().collect()
    }

    /// How the results of each hour that a window touches ended: of each series, all, failed, unclear.
    pub(crate) fn hourly(&self, window: Window) -> BTreeMap<(SeriesKey, i64), (u64, u64, u64)> {
        let hour = |time: Timestamp| (time.as_nanosecond().div_euclid(3_600_000_000_000)) as i64;
        // A window that ends within a millisecond reaches to its end.
        let last = window.until - SignedDuration::from_nanos(1);
        let touched = hour(window.from)..=hour(last);
        let mut hours: BTreeMap<(SeriesKey, i64), (u64, u64, u64)> = BTreeMap::new();
        for ((key, time), result) in self.results.iter().chain(&self.dropped) {
            if touched.contains(&hour(*time)) {
                let ended = hours.entry((key.clone(), hour(*time))).or_default();
                ended.0 += 1;
                ended.1 += u64::from(result.outcome == Outcome::Failure);
                ended.2 += u64::from(matches!(result.outcome, Outcome::Skipped | Outcome::Invalid));
            }
        }
        hours
    }

    pub(crate) fn results(&self, window: Option<Window>) -> Vec<ProbeResult> {
        self.results.values().filter(|result| window.is_none_or(|w| w.contains(result.time))).cloned().collect()
    }

    pub(crate) fn changes(&self, window: Option<Window>) -> Vec<Change> {
        let inside = |change: &&Change| {
            let (lo, hi) = (change.lo().unwrap(), change.until.or(change.hi()).unwrap());
            window.is_none_or(|window| window.from <= hi && lo < window.until)
        };
        let mut changes: Vec<Change> = self.changes.values().filter(inside).cloned().collect();
        changes.sort_by_key(|change| (change.lo(), change.id.clone()));
        changes
    }

    pub(crate) fn gaps(&self, window: Option<Window>) -> Vec<Gap> {
        let all = self.gaps.iter().cloned().map(|(from, until, feed, why)| Gap { feed, from, until, why });
        all.filter(|gap| window.is_none_or(|w| w.overlaps(Window::new(gap.from, gap.until).unwrap()))).collect()
    }

    pub(crate) fn verdicts(&self, window: Option<Window>) -> Vec<Verdict> {
        let inside = |verdict: &&Verdict| {
            let (first, last) = verdict.span();
            window.is_none_or(|window| window.from <= last && first < window.until)
        };
        let mut verdicts: Vec<Verdict> = self.verdicts.values().filter(inside).cloned().collect();
        verdicts.sort_by_key(|verdict| (verdict.time, verdict.id.clone()));
        verdicts
    }

    pub(crate) fn watermark(&self) -> Option<Timestamp> {
        let newest = self.results.values().map(|result| result.time).max()?;
        let last = self.results.values().filter(|result| result.time == newest);
        last.map(|result| newest + SignedDuration::from_secs_f64(result.every_s.unwrap_or(0.0))).max()
    }
}

pub(crate) fn key(result: &ProbeResult) -> SeriesKey {
    SeriesKey { target: result.target.clone(), probe: result.probe.clone(), agent: result.agent.clone() }
}

/// The result with phases of ten significant bits: the rest is cut off, and half of what was cut is added. What the
/// duration holds beside the phases stays; one that would be below nothing is nothing.
fn rounded(result: &ProbeResult) -> ProbeResult {
    let Some(exact) = result.phases_us else { return result.clone() };
    let round = |phase: u64| match (u64::BITS - phase.leading_zeros()).saturating_sub(10) {
        0 => phase,
        cut => (phase >> cut << cut) + (1 << (cut - 1)),
    };
    let Phases { resolve, connect, tls, processing, transfer } = exact;
    let [resolve, connect, tls, processing, transfer] = [resolve, connect, tls, processing, transfer].map(round);
    let phases = Phases { resolve, connect, tls, processing, transfer };
    let total = |Phases { resolve, connect, tls, processing, transfer }| {
        [resolve, connect, tls, processing, transfer].into_iter().fold(0, u64::wrapping_add)
    };
    let took = result.took_us.wrapping_sub(total(exact)).wrapping_add(total(phases)).cast_signed().max(0);
    ProbeResult { phases_us: Some(phases), took_us: took.unsigned_abs(), ..result.clone() }
}
