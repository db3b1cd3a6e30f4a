//! The JSON Schema of the reports, for programs that read them.

use jiff::Timestamp;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

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

pub(crate) fn incidents(_: &mut SchemaGenerator) -> Schema {
    list(include_str!("incident.json"))
}

pub(crate) fn items(_: &mut SchemaGenerator) -> Schema {
    list(include_str!("item.json"))
}

fn list(of: &str) -> Schema {
    let of: serde_json::Value =
        serde_json::from_str(of).unwrap_or_else(|error| unreachable!("the files beside this one are JSON: {error}"));
    json_schema!({ "type": "array", "items": of })
}
