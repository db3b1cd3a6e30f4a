//! The JSON Schema of the reports, for programs that read them.

use jiff::Timestamp;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::report::Report;

/// From `from` on, up to but not including `until`.
#[derive(JsonSchema)]
#[schemars(rename = "Window")]
#[expect(dead_code, reason = "describes a window, which the store defines, to the JSON Schema; is never built")]
pub(crate) struct Stretch {
    /// First moment inside.
    from: Timestamp,
    /// First moment outside.
    until: Timestamp,
}

/// The JSON Schema of every report. Fields are only ever added, so it allows those that it does not know.
#[must_use]
pub fn of_reports() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Report>()
}
