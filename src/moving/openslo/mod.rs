//! Objectives in the form of OpenSLO v1 (github.com/OpenSLO/OpenSLO).
//!
//! What OpenSLO has no word for stands under `authprobe` in the metric source of the good events, where the format
//! takes any keys; so an objective that is written and read again is the same.

pub(crate) mod export;
pub(crate) mod import;
mod shape;
mod times;

/// Name and version of the format.
const API_VERSION: &str = "openslo/v1";
/// Key of what the format has no word for.
const OWN: &str = "authprobe";
/// Name of the data source that exported objectives refer to.
const SOURCE: &str = "authprobe-metrics";
/// A moment at which a week, a month, a quarter and a year begin.
const BEGINNING: &str = "2024-01-01 00:00:00";

#[cfg(test)]
mod tests;
