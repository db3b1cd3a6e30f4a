//! Counts the events of an objective: one event is one planned execution of one probe at one agent.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use storage::record::{Outcome, Reason};
use storage::sketch::Sketch;
use storage::window::Window;

use crate::input::{Input, after};
use crate::series::{Piece, Quiet, Sample, Series, down_to_millisecond, up_to_millisecond};
use crate::settings::{Settings, Slo};
use crate::slo::latency::Latency;
use crate::slots::{self, Hole};
use crate::slow::is_slow;
use crate::stretches::Stretches;

/// How many events came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// As expected and fast enough.
    pub good: u64,
    /// Not as expected, or too slow.
    pub bad: u64,
    /// Planned but not executed, or not stored.
    pub no_data: u64,
    /// The prober's own fault.
    pub invalid: u64,
    /// Inside a correction; in none of the others.
    pub excluded: u64,
}

/// What an event is to an objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// As expected and fast enough.
    Good,
    /// Not as expected, or too slow.
    Bad,
    /// Planned but not executed.
    NoData,
    /// The prober's own fault.
    Invalid,
}

/// The events of one objective, ready to be counted over any window.
pub struct Tally<'a> {
    slo: &'a Slo,
    input: &'a Input,
    parts: Vec<Part<'a>>,
}

/// The events of one series.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    pub(crate) series: &'a Series,
    /// Where the series stands in the input.
    position: usize,
    /// Interval of its schedule, as far as is known, in milliseconds.
    pub(crate) every_ms: Option<i64>,
    pub(crate) holes: Arc<[Hole]>,
    corrected: Stretches,
}

/// Slices that are counted at once.
const AT_ONCE: i64 = 1 << 16;
/// Starts inside a correction that are looked at for one outside of it.
const MOST_CORRECTED: usize = 1 << 16;

impl Counts {
    /// Planned events that are not excluded.
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.good + self.bad + self.no_data + self.invalid
    }

    /// Adds an event.
    pub fn add(&mut self, event: Event, times: u64) {
        match event {
            Event::Good => self.good += times,
            Event::Bad => self.bad += times,
            Event::NoData => self.no_data += times,
            Event::Invalid => self.invalid += times,
        }
    }

    fn all(&self) -> u64 {
        self.expected() + self.excluded
    }
}

impl<'a> Tally<'a> {
    /// Picks the series of an objective. `horizon` is the last moment that the store can know of.
    #[must_use]
    pub fn new(slo: &'a Slo, settings: &Settings, input: &'a Input, horizon: Timestamp) -> Tally<'a> {
        let matchers = slo.matchers();
        let picked = input.series.iter().enumerate().filter(|(_, series)| {
            let path = series.path();
            matchers.iter().any(|matcher| matcher.is_match(&path))
        });
        let parts = picked
            .map(|(position, series)| {
                let every_ms = settings.every_ms(&series.target).or(series.every_ms);
                // What was planned up to the newest result is known, whatever the series it belongs to.
                let own_ms = series.every_ms.or(every_ms);
                let known = input.newest.map(|newest| after(newest, own_ms.unwrap_or(0) / 2));
                let horizon = known.map_or(horizon, |known| horizon.max(known));
                let concerning = settings.corrections.iter().filter(|correction| correction.concerns(&series.target));
                let corrected = Stretches::union(concerning.map(|c| Window { from: c.from, until: c.until }));
                let holes = slots::holes(series, every_ms, horizon).into();
                Part { series, position, every_ms: own_ms, holes, corrected }
            })
            .collect();
        Tally { slo, input, parts }
    }

    /// Whether no series belongs to the objective.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Start of the first result ever of any of its series.
    #[must_use]
    pub fn first(&self) -> Option<Timestamp> {
        self.parts.iter().map(|part| part.series.first).min()
    }

    /// The longest interval of its series, in milliseconds.
    #[must_use]
    pub fn every_ms(&self) -> Option<i64> {
        self.parts.iter().filter_map(|part| part.every_ms).max()
    }

    /// Its series.
    pub fn series(&self) -> impl Iterator<Item = &'a Series> {
        self.parts.iter().map(|part| part.series)
    }

    /// The events of each series.
    pub(crate) fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// The tallies of the series that have the same key.
    #[must_use]
    pub fn apart<K: Ord>(&self, key: impl Fn(&Series) -> K) -> BTreeMap<K, Tally<'a>> {
        let mut apart: BTreeMap<K, Tally<'a>> = BTreeMap::new();
        for part in &self.parts {
            let tally = apart.entry(key(part.series)).or_insert_with(|| Tally {
                slo: self.slo,
                input: self.input,
                parts: Vec::new(),
            });
            tally.parts.push(part.clone());
        }
        apart
    }

    /// Counts a window.
    #[must_use]
    pub fn count(&self, window: Window) -> Counts {
        self.parts.iter().map(|part| self.count_one(part, window)).fold(Counts::default(), sum)
    }

    /// Counts a window of one series.
    pub(crate) fn count_one(&self, part: &Part<'_>, window: Window) -> Counts {
        let mut raw = Counts::default();
        self.count_part(part, window, &mut raw);
        if part.corrected.inside(window).next().is_none() {
            return raw;
        }
        let mut inside = Counts::default();
        for stretch in part.corrected.outside(window) {
            self.count_part(part, stretch, &mut inside);
        }
        inside.excluded = raw.all() - inside.all();
        inside
    }

    /// Starts of the bad events of one series outside corrections.
    pub(crate) fn bad(&self, part: &Part<'_>, window: Window) -> impl Iterator<Item = Timestamp> {
        self.of(part, window).filter(|(_, event)| *event == Event::Bad).map(|(at, _)| at)
    }

    /// Starts of what one series recorded without an execution, outside corrections.
    pub(crate) fn unexecuted(&self, part: &Part<'_>, window: Window) -> impl Iterator<Item = Timestamp> {
        self.of(part, window).filter(|(_, event)| matches!(event, Event::NoData | Event::Invalid)).map(|(at, _)| at)
    }

    fn of(&self, part: &Part<'_>, window: Window) -> impl Iterator<Item = (Timestamp, Event)> {
        part.series
            .singles(window)
            .filter(|sample| !part.corrected.contains(sample.time))
            .map(|sample| (sample.time, self.event(sample)))
    }

    /// Counts a window as if there were no corrections.
    #[must_use]
    pub fn count_raw(&self, window: Window) -> Counts {
        let mut counts = Counts::default();
        for part in &self.parts {
            self.count_part(part, window, &mut counts);
        }
        counts
    }

    /// Hands every slice that holds an event of the window to `each`, by the slice's number.
    pub fn each_slice(&self, window: Window, slice_ms: i64, mut each: impl FnMut(i64, Counts)) {
        let (first, behind) = crate::period::slices(window, slice_ms);
        let mut from = first;
        while from < behind {
            // A part of the slices at once, so that short slices of a long window stay a bounded array.
            let until = behind.min(from + AT_ONCE);
            let mut slices = Slices { first: from, slice_ms, counts: vec![Counts::default(); (until - from) as usize] };
            let whole = [from, until - 1].map(|number| crate::period::slice(number, slice_ms));
            if let [Some(a), Some(b)] = whole
                && let Some(part) = (Window { from: a.from, until: b.until }).cut(window)
            {
                self.parts.iter().for_each(|one| self.add_slices(one, part, &mut slices));
            }
            let touched = (from..until).zip(slices.counts).filter(|(_, counts)| counts.all() > 0);
            touched.for_each(|(number, counts)| each(number, counts));
            from = until;
        }
    }

    fn add_slices(&self, part: &Part<'_>, window: Window, slices: &mut Slices) {
        for sample in part.series.singles(window) {
            if let Some(counts) = slices.at(sample.time) {
                match part.corrected.contains(sample.time) {
                    true => counts.excluded += 1,
                    false => counts.add(self.event(sample), 1),
                }
            }
        }
        for quiet in part.series.quiet(window) {
            let span = Window { from: quiet.first, until: after(quiet.last(), 1) };
            let Some(span) = span.cut(window) else { continue };
            for good in part.corrected.outside(span) {
                slices.each_quiet(quiet, good, |counts, count| counts.good += count);
            }
            for excluded in part.corrected.inside(span) {
                slices.each_quiet(quiet, excluded, |counts, count| counts.excluded += count);
            }
        }
        for hole in part.holes.iter() {
            let Some(span) = hole.window().cut(window) else { continue };
            for missing in part.corrected.outside(span) {
                slices.each(missing, |counts, cut| counts.no_data += hole.count(cut));
            }
            for excluded in part.corrected.inside(span) {
                slices.each(excluded, |counts, cut| counts.excluded += hole.count(cut));
            }
        }
    }

    /// Every recorded event of a window outside corrections that is not good.
    pub fn marked(&self, window: Window) -> impl Iterator<Item = (&'a Series, &'a Sample, Event)> {
        self.parts.iter().flat_map(move |part| {
            part.series
                .singles(window)
                .map(|sample| (part.series, sample, self.event(sample)))
                .filter(|(_, sample, event)| *event != Event::Good && !part.corrected.contains(sample.time))
        })
    }

    /// How many good events of a window there are outside corrections.
    #[must_use]
    pub fn good(&self, window: Window) -> u64 {
        self.parts.iter().map(|part| self.good_of(part, window)).sum()
    }

    /// How many good events start outside corrections in each stretch of `step_ms` of a window, the first of which begins
    /// at a multiple of that before the window; with the number of that multiple.
    pub(crate) fn good_by(&self, window: Window, step_ms: i64) -> (i64, Vec<u64>) {
        let (first, behind) = crate::period::slices(window, step_ms);
        let length = usize::try_from((behind - first).min(AT_ONCE)).unwrap_or(0);
        let mut slices = Slices { first, slice_ms: step_ms, counts: vec![Counts::default(); length] };
        self.parts.iter().for_each(|part| self.add_slices(part, window, &mut slices));
        (first, slices.counts.iter().map(|counts| counts.good).collect())
    }

    /// Start of the first good event outside corrections that is not before a moment.
    #[must_use]
    pub fn next_good(&self, at: Timestamp) -> Option<Timestamp> {
        let rest = Window { from: at, until: Timestamp::MAX };
        let of_part = |part: &Part<'a>| {
            let pieces = part.series.pieces.get(part.series.range(rest)).unwrap_or_default();
            pieces.iter().find_map(|piece| match piece {
                Piece::Single(sample) => {
                    let good = self.event(sample) == Event::Good && !part.corrected.contains(sample.time);
                    (good && at <= sample.time).then_some(sample.time)
                }
                Piece::Quiet(quiet) => {
                    let starts = (quiet.before(at)..quiet.count).map(|number| quiet.at(number));
                    starts.take(MOST_CORRECTED).find(|start| !part.corrected.contains(*start))
                }
            })
        };
        self.parts.iter().filter_map(of_part).min()
    }

    /// How long the successes of a window took that are not excluded.
    #[must_use]
    pub fn latency(&self, window: Window) -> Latency {
        let known = self.input.latencies.iter().find(|known| known.window == window);
        if let Some(known) = known.filter(|_| self.parts.iter().any(|part| part.series.is_counted())) {
            let mut whole = Sketch::default();
            self.parts.iter().filter_map(|part| known.sketches.get(part.position)).for_each(|one| whole.merge(one));
            let rank = |quantile| whole.quantile(quantile);
            return Latency { p50: rank(0.5), p90: rank(0.9), p95: rank(0.95), p99: rank(0.99), count: whole.count() };
        }
        let successes = self.parts.iter().flat_map(|part| {
            let counted =
                |sample: &&Sample| sample.outcome == Outcome::Success && !part.corrected.contains(sample.time);
            part.series.singles(window).filter(counted)
        });
        let mut took: Vec<u64> = successes.map(|sample| sample.took_us).collect();
        took.sort_unstable();
        Latency::of_sorted(&took)
    }

    /// Why an event was not good; `slow` of a success.
    #[must_use]
    pub fn reason(&self, sample: &Sample) -> Option<Reason> {
        match (sample.outcome, self.event(sample)) {
            (Outcome::Success, Event::Bad) => Some(Reason::Slow),
            (Outcome::Success, _) => None,
            (Outcome::Failure | Outcome::Skipped | Outcome::Invalid, _) => sample.reason,
        }
    }

    fn event(&self, sample: &Sample) -> Event {
        match sample.outcome {
            Outcome::Success if is_slow(self.slo, sample) => Event::Bad,
            Outcome::Success => Event::Good,
            Outcome::Failure => Event::Bad,
            Outcome::Skipped => Event::NoData,
            Outcome::Invalid => Event::Invalid,
        }
    }

    /// How many good events of a window one series has outside corrections.
    pub(crate) fn good_of(&self, part: &Part<'_>, window: Window) -> u64 {
        let count = |stretch: Window| {
            let singles =
                part.series.singles(stretch).filter(|sample| self.event(sample) == Event::Good).count() as u64;
            singles + part.series.quiet(stretch).map(|quiet| quiet.within(stretch)).sum::<u64>()
        };
        part.corrected.outside(window).map(count).sum()
    }

    fn count_part(&self, part: &Part<'_>, window: Window, counts: &mut Counts) {
        for piece in part.series.pieces.get(part.series.range(window)).unwrap_or_default() {
            match piece {
                Piece::Single(sample) if window.contains(sample.time) => counts.add(self.event(sample), 1),
                Piece::Single(_) => {}
                Piece::Quiet(quiet) => counts.good += quiet.within(window),
            }
        }
        let first = part.holes.partition_point(|hole| hole.window().until <= window.from);
        let holes = part.holes.iter().skip(first).take_while(|hole| hole.window().from < window.until);
        counts.no_data += holes.map(|hole| hole.count(window)).sum::<u64>();
    }
}

/// Slices in a row that are being counted.
struct Slices {
    /// Number of the first.
    first: i64,
    slice_ms: i64,
    counts: Vec<Counts>,
}

impl Slices {
    fn at(&mut self, moment: Timestamp) -> Option<&mut Counts> {
        let number = down_to_millisecond(moment).div_euclid(self.slice_ms) - self.first;
        self.counts.get_mut(usize::try_from(number).ok()?)
    }

    /// Hands every slice in which executions of a quiet stretch start to `each`, with how many do inside a window.
    fn each_quiet(&mut self, quiet: &Quiet, inside: Window, mut each: impl FnMut(&mut Counts, u64)) {
        let (from, until) = (up_to_millisecond(inside.from), up_to_millisecond(inside.until));
        let first = from.div_euclid(self.slice_ms);
        let Ok(start) = usize::try_from(first - self.first) else { return };
        let mut before = quiet.before_ms(from);
        for (number, counts) in (first + 1..).zip(self.counts.iter_mut().skip(start)) {
            let end = number.saturating_mul(self.slice_ms).min(until);
            let up_to = quiet.before_ms(end);
            if up_to > before {
                each(counts, up_to - before);
            }
            before = up_to;
            if end == until {
                return;
            }
        }
    }

    /// Hands every slice that a stretch touches to `each`, with what of it lies in the stretch.
    fn each(&mut self, stretch: Window, mut each: impl FnMut(&mut Counts, Window)) {
        let (first, behind) = crate::period::slices(stretch, self.slice_ms);
        for number in first..behind {
            let counts = usize::try_from(number - self.first).ok().and_then(|number| self.counts.get_mut(number));
            let cut = crate::period::slice(number, self.slice_ms).and_then(|whole| whole.cut(stretch));
            if let Some((counts, cut)) = counts.zip(cut) {
                each(counts, cut);
            }
        }
    }
}

fn sum(a: Counts, b: Counts) -> Counts {
    Counts {
        good: a.good + b.good,
        bad: a.bad + b.bad,
        no_data: a.no_data + b.no_data,
        invalid: a.invalid + b.invalid,
        excluded: a.excluded + b.excluded,
    }
}
