//! What the configuration says about judging: objectives and corrections, and what is wrong with them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use globset::{GlobBuilder, GlobMatcher};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::cause::model::Model;
use crate::digest;
use crate::link::Link;

/// All that the configuration says about judging.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Objectives, in the order in which they are shown.
    pub slos: Vec<Slo>,
    /// Stretches that count in no objective.
    pub corrections: Vec<Correction>,
    /// Interval of each target's schedule, for results that do not carry one.
    pub every: BTreeMap<String, Duration>,
    /// What belongs to a target in Kubernetes, by the target's name.
    pub links: BTreeMap<String, Link>,
    /// The numbers that attribution rests on.
    pub model: Model,
}

/// One service level objective.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// Name, unique in the file.
    pub name: String,
    /// Globs over `target/probe`; `*` does not cross the slash.
    pub probes: Vec<String>,
    /// Percentage of good events that is aimed at, above 0 and below 100.
    pub objective: f64,
    /// The stretch over which the objective is judged.
    #[serde(default)]
    pub window: Period,
    /// A success that takes longer than this is bad.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>")]
    pub latency: Option<Duration>,
    /// How good and bad are counted.
    #[serde(default)]
    pub method: Method,
    /// Length of a slice, for the two methods that count in slices.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>")]
    pub slice: Option<Duration>,
    /// Share of good events from which a slice is good, above 0 and at most 1.
    #[serde(default = "one")]
    pub slice_target: f64,
    /// What a missing event counts as.
    #[serde(default)]
    pub missing: Missing,
    /// Share of the planned events that must have been seen, else the status is `no_data`.
    #[serde(default = "nine_in_ten")]
    pub min_coverage: f64,
    /// Moment from which on this definition holds; what was recorded before does not count.
    #[serde(default)]
    pub since: Option<Timestamp>,
}

/// The stretch over which an objective is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Period {
    /// The last so much time, up to the watermark.
    Rolling(Duration),
    /// The day, week, month, quarter or year that is going on.
    Calendar(Calendar),
}

/// A calendar period in a time zone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Its length.
    pub calendar: CalendarUnit,
    /// IANA name of the time zone in which it begins.
    #[serde(default = "utc")]
    pub timezone: String,
}

/// Lengths of a calendar period. A week begins on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalendarUnit {
    /// 23 to 25 hours.
    Day,
    /// From Monday to Monday.
    Week,
    /// A calendar month.
    Month,
    /// January to March, and so on.
    Quarter,
    /// A calendar year.
    Year,
}

/// How good and bad are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Good events among all events.
    #[default]
    Occurrences,
    /// Good slices among all slices.
    Timeslices,
    /// Mean of the slices' shares of good events.
    RatioTimeslices,
}

/// What a planned event that was not executed counts as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Neither good nor bad.
    #[default]
    Exclude,
    /// Bad.
    Bad,
    /// Good.
    Good,
}

/// A stretch that counts in no objective.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// First moment that does not count.
    pub from: Timestamp,
    /// First moment that counts again.
    pub until: Timestamp,
    /// What kind of stretch it is, such as `maintenance`.
    pub category: String,
    /// Why it does not count.
    #[serde(default)]
    pub reason: String,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Targets that it concerns; empty: all.
    #[serde(default)]
    pub targets: Vec<String>,
}

/// Something that is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Key of the setting, such as `probes[1]`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Settings {
    /// Interval of a target's schedule in milliseconds, where the configuration gives one.
    #[must_use]
    pub fn every_ms(&self, target: &str) -> Option<i64> {
        self.every.get(target).and_then(|every| i64::try_from(every.as_millis()).ok()).filter(|every| *every > 0)
    }
}

impl Slo {
    /// The objective as a ratio, free of the noise that dividing by 100 brings.
    #[must_use]
    pub fn target(&self) -> f64 {
        ratio(self.objective / 100.0)
    }

    /// Share of events that may be bad.
    #[must_use]
    pub fn tolerance(&self) -> f64 {
        ratio(1.0 - self.target())
    }

    /// The globs, ready to match. One that does not parse matches nothing; [`Slo::check`] tells of it.
    #[must_use]
    pub fn matchers(&self) -> Vec<GlobMatcher> {
        self.probes.iter().filter_map(|pattern| glob(pattern).ok()).collect()
    }

    /// Everything that is wrong with the objective. `every` is the longest interval of the probes that it is about.
    #[must_use]
    pub fn check(&self, every: Option<Duration>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut say = |field: String, message: String| problems.push(Problem { field, message });
        if self.name.trim().is_empty() {
            say("name".into(), "an objective needs a name".into());
        }
        if self.probes.is_empty() {
            say("probes".into(), "name at least one probe, for example `orchestrator/*`".into());
        }
        for (index, pattern) in self.probes.iter().enumerate() {
            if let Err(error) = glob(pattern) {
                say(format!("probes[{index}]"), format!("`{pattern}` is no glob: {}", error.kind()));
            } else if !pattern.contains('/') {
                say(
                    format!("probes[{index}]"),
                    format!("`{pattern}` has no slash: write `target/probe`, or `{pattern}/*`"),
                );
            }
        }
        if !(self.objective > 0.0 && self.objective < 100.0) {
            say(
                "objective".into(),
                format!("{} is no percentage above 0 and below 100, for example 99.9", self.objective),
            );
        }
        if self.latency.is_some_and(|limit| limit.is_zero()) {
            say("latency".into(), "a limit of zero makes every success bad".into());
        }
        match &self.window {
            Period::Rolling(length) if *length < Duration::from_mins(5) => {
                say("window".into(), "a window has at least five minutes, for example `28d`".into());
            }
            Period::Rolling(length) if *length > Duration::from_hours(24 * 366 * 10) => {
                say("window".into(), "a window has at most ten years".into());
            }
            Period::Rolling(_) => {}
            Period::Calendar(Calendar { timezone, .. }) => {
                if TimeZone::get(timezone).is_err() {
                    say(
                        "window.timezone".into(),
                        format!("unknown time zone `{timezone}`: use an IANA name such as `Europe/Paris`"),
                    );
                }
            }
        }
        match (self.method, self.slice) {
            (Method::Occurrences, Some(_)) => {
                say(
                    "slice".into(),
                    "the method `occurrences` has no slices: leave `slice` out, or use `method: timeslices`".into(),
                );
            }
            (Method::Timeslices | Method::RatioTimeslices, None) => {
                say("slice".into(), "this method counts in slices: give their length, for example `slice: 5m`".into());
            }
            (Method::Timeslices | Method::RatioTimeslices, Some(slice)) if slice < Duration::from_secs(1) => {
                say("slice".into(), "a slice has at least one second".into());
            }
            (Method::Timeslices | Method::RatioTimeslices, Some(slice)) if slice.subsec_nanos() % 1_000_000 > 0 => {
                say("slice".into(), "a slice has whole milliseconds".into());
            }
            (Method::Timeslices | Method::RatioTimeslices, Some(slice)) => {
                if let Some(every) = every.filter(|every| slice < *every) {
                    let (slice, every) = (humantime::format_duration(slice), humantime::format_duration(every));
                    say(
                        "slice".into(),
                        format!(
                            "a slice of {slice} is shorter than the probe interval of {every}: slices without a probe would not be judged"
                        ),
                    );
                }
            }
            (Method::Occurrences, None) => {}
        }
        if !(self.slice_target > 0.0 && self.slice_target <= 1.0) {
            say("slice_target".into(), format!("{} is no share above 0 and up to 1", self.slice_target));
        }
        if !(0.0..=1.0).contains(&self.min_coverage) {
            say("min_coverage".into(), format!("{} is no share between 0 and 1", self.min_coverage));
        }
        problems
    }
}

impl Correction {
    /// Named after its content.
    #[must_use]
    pub fn id(&self) -> String {
        digest::short("k", &[&format!("{self:?}")])
    }

    /// Everything that is wrong with the correction. `targets` are the names that exist; empty: not known.
    #[must_use]
    pub fn check(&self, targets: &[&str]) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.from >= self.until {
            let message = format!("it ends at {} and begins at {}: the end must be later", self.until, self.from);
            problems.push(Problem { field: "until".into(), message });
        }
        if self.category.trim().is_empty() {
            problems.push(Problem {
                field: "category".into(),
                message: "say what it is, for example `maintenance`".into(),
            });
        }
        for (index, target) in self.targets.iter().enumerate() {
            if !targets.is_empty() && !targets.contains(&target.as_str()) {
                let message = format!("no target is named `{target}`");
                problems.push(Problem { field: format!("targets[{index}]"), message });
            }
        }
        problems
    }

    /// Whether it concerns a target.
    #[must_use]
    pub fn concerns(&self, target: &str) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|name| name == target)
    }
}

/// A glob over `target/probe` whose `*` does not cross the slash.
///
/// # Errors
/// When the pattern does not parse.
pub fn glob(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    Ok(GlobBuilder::new(pattern).literal_separator(true).build()?.compile_matcher())
}

impl Default for Period {
    /// Four whole weeks.
    fn default() -> Self {
        Period::Rolling(Duration::from_hours(24 * 28))
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(PeriodVisitor)
    }
}

struct PeriodVisitor;

impl<'de> Visitor<'de> for PeriodVisitor {
    type Value = Period;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as `28d`, or `{ calendar: month, timezone: Europe/Paris }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Period, E> {
        humantime::parse_duration(text)
            .map(Period::Rolling)
            .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Period, A::Error> {
        Calendar::deserialize(MapAccessDeserializer::new(map)).map(Period::Calendar)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let calendar = generator.subschema_for::<Calendar>();
        json_schema!({
            "description": "The stretch over which an objective is judged: a duration such as `28d`, or a calendar period.",
            "anyOf": [{ "type": "string" }, calendar],
        })
    }
}

/// Cuts the noise that binary fractions leave in a ratio, so that equal ratios compare and print equal.
pub(crate) fn ratio(value: f64) -> f64 {
    // Adding zero makes a negative zero a plain one.
    (value * 1e12).round() / 1e12 + 0.0
}

fn one() -> f64 {
    1.0
}

fn nine_in_ten() -> f64 {
    0.9
}

fn utc() -> String {
    "UTC".into()
}
