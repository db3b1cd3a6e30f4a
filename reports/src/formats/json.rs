//! Reports for other programs: one JSON object, indented, with a line break at its end.

use crate::report::Report;

/// Writes a report as JSON.
#[must_use]
pub fn render(report: &Report) -> String {
    // Every key of a report is a string and every number is finite, so nothing in it can fail to be written.
    serde_json::to_string_pretty(report).map(|text| text + "\n").unwrap_or_default()
}
