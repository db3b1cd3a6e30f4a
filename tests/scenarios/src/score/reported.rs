//! What a report says, read from its public JSON.

use jiff::Timestamp;
use serde_json::Value;

use crate::truth::SeriesName;

/// An incident of a report.
#[derive(Debug, Clone)]
pub struct Reported {
    /// Earliest and latest possible start.
    pub start: (Timestamp, Timestamp),
    /// Latest possible end; absent while it lasts.
    pub end: Option<Timestamp>,
    /// The failing stretches.
    pub episodes: Vec<Episode>,
    /// `change`, `none` or `ambiguous`.
    pub verdict: String,
    /// The explanations, the likeliest first.
    pub causes: Vec<Cause>,
    /// Probability that no change is behind it.
    pub none: f64,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its severity.
    pub severity: String,
}

/// A failing stretch of a report.
#[derive(Debug, Clone)]
pub struct Episode {
    /// Of which series.
    pub series: SeriesName,
    /// Latest possible start.
    pub start: Timestamp,
    /// Latest possible end; absent while it lasts.
    pub end: Option<Timestamp>,
}

/// An explanation of a report.
#[derive(Debug, Clone)]
pub struct Cause {
    /// The changes that it names.
    pub changes: Vec<String>,
    /// What put a dormant change in force.
    pub trigger: Option<String>,
    /// Its kind.
    pub kind: String,
    /// Its probability.
    pub probability: f64,
}

/// The incidents of a report; what is not as the contract says is left out.
#[must_use]
pub fn incidents(report: &Value) -> Vec<Reported> {
    report["incidents"].as_array().map(|all| all.iter().filter_map(incident).collect()).unwrap_or_default()
}

fn incident(value: &Value) -> Option<Reported> {
    Some(Reported {
        start: (time(&value["start"]["lo"])?, time(&value["start"]["hi"])?),
        end: time(&value["end"]["hi"]),
        episodes: value["episodes"].as_array()?.iter().filter_map(episode).collect(),
        verdict: text(&value["verdict"]),
        causes: value["causes"].as_array()?.iter().map(cause).collect(),
        none: value["none_probability"].as_f64().unwrap_or(0.0),
        tags: texts(&value["tags"]),
        severity: text(&value["severity"]),
    })
}

fn episode(value: &Value) -> Option<Episode> {
    let series =
        SeriesName { target: text(&value["target"]), probe: text(&value["probe"]), agent: text(&value["agent"]) };
    Some(Episode { series, start: time(&value["start"]["hi"])?, end: time(&value["end"]["hi"]) })
}

fn cause(value: &Value) -> Cause {
    Cause {
        changes: texts(&value["changes"]),
        trigger: value["trigger"].as_str().map(str::to_owned),
        kind: text(&value["kind"]),
        probability: value["probability"].as_f64().unwrap_or(0.0),
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().map(|all| all.iter().map(text).collect()).unwrap_or_default()
}
