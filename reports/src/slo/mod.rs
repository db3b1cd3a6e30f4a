//! Judges an objective: SLI with its bounds, coverage, error budget, burn rates, status.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use storage::record::{Expect, Reason};
use storage::window::Window;

use self::compare::Compare;
use self::generations::Generation;
use self::latency::Latency;
use self::policy::Line;
use self::sum::{Sum, effective, share};
use self::views::Views;
use crate::alerts::{self, Alert};
use crate::digest;
use crate::incident::{Blame, Incident};
use crate::input::shift;
use crate::schema;
use crate::settings::{Method, Missing, Slo, ratio};
use crate::tally::{Counts, Event, Tally};

pub mod compare;
pub mod generations;
pub mod latency;
mod notes;
pub mod policy;
pub(crate) mod sum;
pub mod views;
pub mod wilson;

/// One objective, judged over one window. All ratios are shares of 1.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// Share of good events that is aimed at.
    pub objective: f64,
    /// Name of what is counted and how: two reports of one hash can be compared.
    pub config_hash: String,
    /// The window judged.
    #[schemars(with = "schema::Stretch")]
    pub window: Window,
    /// Since when the definition holds; nothing before it counts.
    pub since: Option<Timestamp>,
    /// Whether less than the whole window can count: the definition, or the first result, is younger.
    pub partial_window: bool,
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
    /// 95 % Wilson interval of the SLI; absent where there are events enough, or none, and for means of slices.
    pub wilson95: Option<[f64; 2]>,
    /// The SLI without corrections.
    pub sli_raw: Option<f64>,
    /// Share of what was planned that was seen.
    pub coverage: Option<f64>,
    /// The error budget.
    pub budget: Budget,
    /// Burn rate by length of the window that ends where the judged one does: 1 spends the budget exactly.
    #[serde(serialize_with = "as_map")]
    #[schemars(with = "BTreeMap<String, Option<f64>>")]
    pub burn: Vec<(&'static str, Option<f64>)>,
    /// Whether the objective is kept.
    pub status: Status,
    /// Burn-rate rules that fire, or that cannot tell.
    pub alerts: Vec<Alert>,
    /// Events by why they were not good.
    pub by_reason: BTreeMap<String, u64>,
    /// Bad events by the kind of change that is held responsible: `none` where none is, `ambiguous` where it is open.
    pub by_cause: BTreeMap<String, u64>,
    /// Latency of successes in microseconds, nearest ranks.
    pub latency_us: Latency,
    /// The same by `target/probe`.
    pub latency_by_probe: BTreeMap<String, Latency>,
    /// Events of the probes that expect to be refused; absent without such probes.
    pub negative_checks: Option<Negative>,
    /// Several probes of one target as one journey; absent where no target has several series.
    pub views: Option<Views>,
    /// The window before; absent where there is nothing to compare.
    pub compare: Option<Compare>,
    /// The error-budget policy, evaluated.
    pub policy: Vec<Line>,
    /// The intervals of the series whose schedule changed inside the window.
    pub generations: Vec<Generation>,
    /// What a reader should know before trusting the numbers.
    pub warnings: Vec<String>,
}

/// What may go wrong in a window, and how much did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Budget {
    /// Bad events (or slices) allowed.
    pub events: f64,
    /// Share used up; absent where nothing was planned.
    pub consumed: Option<f64>,
    /// Share left; negative when overspent.
    pub remaining: Option<f64>,
    /// Minutes of total failure that the whole period allows.
    pub minutes: f64,
    /// Seconds until nothing is left at the pace of the last day: zero when nothing is, absent when the pace is zero.
    pub time_to_exhaust_s: Option<f64>,
}

/// The stretch that is judged, and what is around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// The window, not cut to the definition.
    pub window: Window,
    /// Length that the budget is made for, in seconds.
    pub period_s: f64,
    /// Whether the window ends at the present moment and nothing came in for so long that nobody can tell how it is.
    pub stale: bool,
}

/// Events of the probes that expect to be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Negative {
    /// Refused, as they have to be.
    pub good: u64,
    /// Let in, or without an answer that refuses.
    pub bad: u64,
}

/// The incidents around an objective.
#[derive(Debug, Clone, Copy)]
pub struct Background<'a> {
    /// All of them.
    pub incidents: &'a [Incident],
    /// Which failures are put down to what.
    pub blame: &'a Blame,
}

/// Whether an objective is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The SLI is at or above the objective.
    Met,
    /// The SLI is below the objective.
    Missed,
    /// Too little was seen to tell.
    NoData,
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

/// How far back the pace is taken at which a budget is used up: a day holds what comes with the time of day.
const PACE: SignedDuration = SignedDuration::from_hours(24);

/// Judges an objective over a stretch.
#[must_use]
pub fn judge(slo: &Slo, tally: &Tally<'_>, stretch: Stretch, background: Background<'_>) -> Judged {
    let window = defined(slo, stretch.window);
    let sum = Sum::of(slo, tally, window);
    let counts = sum.counts;
    let coverage = share((counts.good + counts.bad) as f64, counts.expected() as f64);
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
    let by_probe = tally.apart(|series| series.path());
    let mut judged = Judged {
        name: slo.name.clone(),
        objective: slo.target(),
        config_hash: config_hash(slo),
        window,
        since: slo.since,
        partial_window: tally.first().is_some_and(|first| first > stretch.window.from)
            || window.from > stretch.window.from,
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
        wilson95: wilson(slo, &counts),
        sli_raw: sum.raw,
        coverage,
        budget: budget(slo, tally, &sum, window.until, stretch.period_s),
        burn: BURN_WINDOWS
            .iter()
            .map(|&(name, length)| (name, burn(slo, &last(slo, tally, window.until, length))))
            .collect(),
        status,
        alerts: alerts::now(slo, tally, window.until, stretch),
        by_reason: by_reason(tally, window),
        by_cause: by_cause(tally, window, background.blame),
        latency_us: tally.latency(window),
        latency_by_probe: by_probe.iter().map(|(path, own)| (path.clone(), own.latency(window))).collect(),
        negative_checks: negative_checks(tally, window),
        views: views::views(tally, window),
        compare: compare::compare(slo, tally, window, &sum),
        policy: policy::policy(slo, tally, window, &sum, background),
        generations: generations::generations(tally, window),
        warnings: Vec::new(),
    };
    judged.warnings = notes::warnings(slo, tally, &judged, stretch);
    judged
}

/// A window without what lies before the definition; of no length where all of it does.
#[must_use]
pub fn defined(slo: &Slo, window: Window) -> Window {
    Window { from: slo.since.map_or(window.from, |since| since.clamp(window.from, window.until)), ..window }
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

/// The counts of the last stretch before a moment, as far as the definition holds.
#[must_use]
pub fn last(slo: &Slo, tally: &Tally<'_>, until: Timestamp, length: SignedDuration) -> Counts {
    tally.count(defined(slo, Window { from: shift(until, -length), until }))
}

/// Names what is counted and how. The objective and its window are left out: they may change and the counts stay.
fn config_hash(slo: &Slo) -> String {
    let Slo { probes, latency, method, slice, slice_target, missing, since, .. } = slo;
    let how = format!("{latency:?} {method:?} {slice:?} {slice_target} {missing:?} {since:?}");
    digest::short("o", &[&probes.join("\u{1f}"), &how])
}

fn wilson(slo: &Slo, counts: &Counts) -> Option<[f64; 2]> {
    let (good, bad) = effective(slo, counts);
    let few = good + bad < wilson::MANY && slo.method != Method::RatioTimeslices;
    wilson::interval(good, good + bad).filter(|_| few)
}

fn budget(slo: &Slo, tally: &Tally<'_>, sum: &Sum, until: Timestamp, period_s: f64) -> Budget {
    let remaining = sum.consumed.map(|used| ratio(1.0 - used));
    let pace = burn(slo, &last(slo, tally, until, PACE));
    let time_to_exhaust_s = match (remaining, pace) {
        (Some(left), _) if left <= 0.0 => Some(0.0),
        (Some(left), Some(pace)) if pace > 0.0 => Some((left * period_s / pace).round()),
        _ => None,
    };
    Budget {
        events: ratio(sum.allowed),
        consumed: sum.consumed,
        remaining,
        minutes: ratio(slo.tolerance() * period_s / 60.0),
        time_to_exhaust_s,
    }
}

fn negative_checks(tally: &Tally<'_>, window: Window) -> Option<Negative> {
    let denied = tally.apart(|series| series.expect == Expect::Deny).remove(&true)?;
    let Counts { good, bad, .. } = denied.count(window);
    Some(Negative { good, bad })
}

fn by_cause(tally: &Tally<'_>, window: Window, blame: &Blame) -> BTreeMap<String, u64> {
    let mut by_cause: BTreeMap<String, u64> = BTreeMap::new();
    for (series, sample, _) in tally.marked(window).filter(|(.., event)| *event == Event::Bad) {
        *by_cause.entry(blame.of(series, sample.time).to_owned()).or_default() += 1;
    }
    by_cause
}

fn by_reason(tally: &Tally<'_>, window: Window) -> BTreeMap<String, u64> {
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    for (_, sample, _) in tally.marked(window) {
        let reason = tally.reason(sample).map_or("unknown", Reason::as_str);
        *by_reason.entry(reason.to_owned()).or_default() += 1;
    }
    by_reason
}

fn as_map<S: Serializer>(burn: &[(&'static str, Option<f64>)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(burn.iter().copied())
}
