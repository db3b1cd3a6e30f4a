//! Judges an objective: SLI with its bounds, coverage, error budget, burn rates, status.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};
use storage::record::Reason;
use storage::window::Window;

use crate::alerts::{self, Alert};
use crate::incident::Blame;
use crate::input::shift;
use crate::settings::{Method, Missing, Slo, ratio};
use crate::tally::{Counts, Event, Tally};

/// One objective, judged over one window. All ratios are shares of 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// Share of good events that is aimed at.
    pub objective: f64,
    /// The window judged.
    pub window: Window,
    /// How good and bad were counted.
    pub method: Method,
    /// What a missing event counted as.
    pub missing: Missing,
    /// Good events, or slices.
    pub good: u64,
    /// Bad events, or slices.
    pub bad: u64,
    /// Planned but not executed, or not stored.
    pub no_data: u64,
    /// The prober's own fault.
    pub invalid: u64,
    /// Inside a correction.
    pub excluded: u64,
    /// `good + bad + no_data + invalid`.
    pub expected: u64,
    /// Share of good; absent without events.
    pub sli: Option<f64>,
    /// The SLI if everything that was not seen had been bad.
    pub sli_low: Option<f64>,
    /// The SLI if everything that was not seen had been good.
    pub sli_high: Option<f64>,
    /// The SLI without corrections.
    pub sli_raw: Option<f64>,
    /// Share of what was planned that was seen.
    pub coverage: Option<f64>,
    /// The error budget.
    pub budget: Budget,
    /// Burn rate by length of the window that ends where the judged one does: 1 spends the budget exactly.
    #[serde(serialize_with = "as_map")]
    pub burn: Vec<(&'static str, Option<f64>)>,
    /// Whether the objective is kept.
    pub status: Status,
    /// Burn-rate rules that fire, or that cannot tell.
    pub alerts: Vec<Alert>,
    /// Events by why they were not good.
    pub by_reason: BTreeMap<String, u64>,
    /// Bad events by the kind of change that is held responsible: `none` where none is, `ambiguous` where it is open.
    pub by_cause: BTreeMap<String, u64>,
    /// Latency of successes in microseconds: nearest ranks, of results that are known as counts within 1 %.
    pub latency_us: Latency,
    /// What a reader should know before trusting the numbers.
    pub warnings: Vec<String>,
}

/// What may go wrong in a window, and how much did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Budget {
    /// Bad events (or slices) allowed.
    pub events: f64,
    /// Share used up; absent where nothing was planned.
    pub consumed: Option<f64>,
    /// Share left; negative when overspent.
    pub remaining: Option<f64>,
}

/// Whether an objective is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The SLI is at or above the objective.
    Met,
    /// The SLI is below the objective.
    Missed,
    /// Too little was seen to tell.
    NoData,
}

/// Nearest ranks of a set of durations in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Half are at most this.
    pub p50: Option<u64>,
    /// Nine in ten are at most this.
    pub p90: Option<u64>,
    /// 95 in 100 are at most this.
    pub p95: Option<u64>,
    /// 99 in 100 are at most this.
    pub p99: Option<u64>,
    /// How many there are.
    pub count: u64,
}

/// The windows over which burn is told.
pub const BURN_WINDOWS: [(&str, SignedDuration); 7] = [
    ("5m", SignedDuration::from_mins(5)),
    ("30m", SignedDuration::from_mins(30)),
    ("1h", SignedDuration::from_hours(1)),
    ("2h", SignedDuration::from_hours(2)),
    ("6h", SignedDuration::from_hours(6)),
    ("1d", SignedDuration::from_hours(24)),
    ("3d", SignedDuration::from_hours(72)),
];

/// A budget of fewer events than this jumps with every single failure.
const SMALL_BUDGET: f64 = 20.0;

/// Judges an objective over a window. `period_s` is the length its budget is made for, in seconds.
#[must_use]
pub fn judge(slo: &Slo, tally: &Tally<'_>, window: Window, period_s: f64, blame: &Blame) -> Judged {
    let tolerance = slo.tolerance();
    let events = tally.count(window);
    let raw = tally.count_raw(window);
    let sum = match slo.method {
        Method::Occurrences => Sum::of_events(slo, events, raw),
        Method::Timeslices => Sum::of_slices(slo, tally, window),
        Method::RatioTimeslices => Sum::of_ratios(slo, tally, window, events, raw),
    };
    let counts = sum.counts;
    let seen = counts.good + counts.bad;
    let coverage = share(seen as f64, counts.expected() as f64);
    let status = match (sum.sli, coverage) {
        (Some(sli), Some(coverage)) if coverage >= slo.min_coverage => {
            if sli >= slo.target() {
                Status::Met
            } else {
                Status::Missed
            }
        }
        _ => Status::NoData,
    };
    let consumed = share(sum.spent, tolerance * sum.budgeted);
    let mut judged = Judged {
        name: slo.name.clone(),
        objective: slo.target(),
        window,
        method: slo.method,
        missing: slo.missing,
        good: counts.good,
        bad: counts.bad,
        no_data: counts.no_data,
        invalid: counts.invalid,
        excluded: counts.excluded,
        expected: counts.expected(),
        sli: sum.sli,
        sli_low: sum.low,
        sli_high: sum.high,
        sli_raw: sum.raw,
        coverage,
        budget: Budget {
            events: ratio(tolerance * sum.budgeted),
            consumed,
            remaining: consumed.map(|used| ratio(1.0 - used)),
        },
        burn: BURN_WINDOWS
            .iter()
            .map(|&(name, length)| (name, burn(slo, &last(tally, window.until, length))))
            .collect(),
        status,
        alerts: alerts::now(slo, tally, window.until, period_s),
        by_reason: reasons(tally, window),
        by_cause: BTreeMap::new(),
        latency_us: tally.latency(window),
        warnings: Vec::new(),
    };
    for (series, sample, event) in tally.marked(window) {
        if event == Event::Bad {
            *judged.by_cause.entry(blame.of(series, sample.time).to_owned()).or_default() += 1;
        }
    }
    judged.warnings = warnings(tally, &judged);
    judged
}

impl Judged {
    /// Burn rate over one of [`BURN_WINDOWS`], by its name; nothing without events.
    #[must_use]
    pub fn burn_over(&self, name: &str) -> Option<f64> {
        self.burn.iter().find(|(window, _)| *window == name).and_then(|(_, burn)| *burn)
    }
}

/// Error rate over the tolerance; nothing without events.
#[must_use]
pub fn burn(slo: &Slo, counts: &Counts) -> Option<f64> {
    let (good, bad) = effective(slo, counts);
    share(bad, (good + bad) * slo.tolerance())
}

/// The counts of the last stretch before a moment.
#[must_use]
pub fn last(tally: &Tally<'_>, until: Timestamp, length: SignedDuration) -> Counts {
    tally.count(Window { from: shift(until, -length), until })
}

/// What the three methods come to.
struct Sum {
    counts: Counts,
    sli: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    raw: Option<f64>,
    /// What used up budget, and what the budget is a share of.
    spent: f64,
    budgeted: f64,
}

impl Sum {
    fn of_events(slo: &Slo, counts: Counts, raw: Counts) -> Sum {
        let (_, spent) = effective(slo, &counts);
        let (low, high) = bounds(&counts);
        Sum {
            counts,
            sli: sli(slo, &counts),
            low,
            high,
            raw: sli(slo, &raw),
            spent,
            budgeted: counts.expected() as f64,
        }
    }

    fn of_slices(slo: &Slo, tally: &Tally<'_>, window: Window) -> Sum {
        let mut counts = Counts::default();
        let mut unadjusted = Counts::default();
        for slice in slices(slo, tally, window).values() {
            match verdict(slo, slice) {
                Some(event) => counts.add(event, 1),
                None => counts.excluded += 1,
            }
        }
        for event in raw_slices(slo, tally, window).iter().filter_map(|slice| verdict(slo, slice)) {
            unadjusted.add(event, 1);
        }
        let (_, spent) = effective(slo, &counts);
        let (low, high) = bounds(&counts);
        // A slice inside a correction is neutral: the budget in time stays what it was.
        let budgeted = (counts.expected() + counts.excluded) as f64;
        Sum { counts, sli: sli(slo, &counts), low, high, raw: sli(slo, &unadjusted), spent, budgeted }
    }

    fn of_ratios(slo: &Slo, tally: &Tally<'_>, window: Window, counts: Counts, raw: Counts) -> Sum {
        let slices: Vec<_> = slices(slo, tally, window).into_values().filter(|slice| slice.expected() > 0).collect();
        let mean = |values: Vec<f64>| share(values.iter().sum(), values.len() as f64);
        let ratios: Vec<f64> = slices.iter().filter_map(|slice| sli(slo, slice)).collect();
        let spent = ratios.iter().map(|ratio| 1.0 - ratio).sum();
        Sum {
            counts,
            sli: mean(ratios),
            low: mean(slices.iter().filter_map(|slice| bounds(slice).0).collect()),
            high: mean(slices.iter().filter_map(|slice| bounds(slice).1).collect()),
            raw: sli(slo, &raw),
            spent,
            budgeted: slices.len() as f64,
        }
    }
}

fn slices(slo: &Slo, tally: &Tally<'_>, window: Window) -> BTreeMap<i128, Counts> {
    slo.slice.map(|slice| tally.count_slices(window, (slice.as_nanos() as i128).max(1))).unwrap_or_default()
}

/// The slices as if there were no corrections: what was excluded is counted again, slice by slice.
fn raw_slices(slo: &Slo, tally: &Tally<'_>, window: Window) -> Vec<Counts> {
    let Some(slice) = slo.slice else { return Vec::new() };
    let slice_ns = (slice.as_nanos() as i128).max(1);
    let touched = tally.count_slices(window, slice_ns);
    let cut = |number: &i128| crate::period::slice(*number, slice_ns).and_then(|whole| whole.cut(window));
    touched
        .iter()
        .map(|(number, counts)| match cut(number) {
            Some(window) if counts.excluded > 0 => tally.count_raw(window),
            _ => *counts,
        })
        .collect()
}

/// What a slice is: good when its share of good events reaches the target; nothing when corrections cover it.
fn verdict(slo: &Slo, slice: &Counts) -> Option<Event> {
    match sli(slo, slice) {
        Some(share) if slice.good + slice.bad > 0 => {
            Some(if share >= slo.slice_target { Event::Good } else { Event::Bad })
        }
        _ if slice.no_data > 0 => Some(Event::NoData),
        _ if slice.invalid > 0 => Some(Event::Invalid),
        _ => None,
    }
}

/// Good and bad, with missing events counted as the objective says.
fn effective(slo: &Slo, counts: &Counts) -> (f64, f64) {
    let (good, bad, missing) = (counts.good as f64, counts.bad as f64, counts.no_data as f64);
    match slo.missing {
        Missing::Exclude => (good, bad),
        Missing::Bad => (good, bad + missing),
        Missing::Good => (good + missing, bad),
    }
}

fn sli(slo: &Slo, counts: &Counts) -> Option<f64> {
    let (good, bad) = effective(slo, counts);
    share(good, good + bad)
}

fn bounds(counts: &Counts) -> (Option<f64>, Option<f64>) {
    let (good, all, unseen) = (counts.good as f64, counts.expected() as f64, (counts.no_data + counts.invalid) as f64);
    (share(good, all), share(good + unseen, all))
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| ratio(part / whole))
}

fn as_map<S: Serializer>(burn: &[(&'static str, Option<f64>)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(burn.iter().copied())
}

fn reasons(tally: &Tally<'_>, window: Window) -> BTreeMap<String, u64> {
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    for (_, sample, _) in tally.marked(window) {
        let reason = tally.reason(sample).map_or("unknown", Reason::as_str);
        *by_reason.entry(reason.to_owned()).or_default() += 1;
    }
    by_reason
}

fn warnings(tally: &Tally<'_>, judged: &Judged) -> Vec<String> {
    let mut warnings = Vec::new();
    if tally.is_empty() {
        warnings.push("no stored result belongs to this objective: check its globs over `target/probe`".to_owned());
    } else if judged.budget.events < SMALL_BUDGET {
        let room = judged.budget.events;
        warnings.push(format!(
            "this window has room for {room:.1} bad events: use a longer window, a lower objective or a shorter interval"
        ));
    }
    if judged.status == Status::NoData && judged.expected > 0 {
        warnings.push(format!("only {} of what was planned was seen", crate::wording::percent(judged.coverage)));
    }
    warnings
}

impl Latency {
    /// Nearest ranks of durations that are in order.
    #[must_use]
    pub fn of_sorted(took_us: &[u64]) -> Latency {
        let rank = |percent: usize| took_us.get((took_us.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Latency { p50: rank(50), p90: rank(90), p95: rank(95), p99: rank(99), count: took_us.len() as u64 }
    }
}
