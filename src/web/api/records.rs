//! Records of the interchange, described for clients. The words come from the lists of the records themselves.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use storage::record::{Change, ChangeKind, Expect, Outcome, ProbeKind, ProbeResult, Reason, Record, Variant};

/// A result as a line of the interchange has it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct OneResult(Record);

/// A change as a line of the interchange has it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct OneChange(Record);

impl From<ProbeResult> for OneResult {
    fn from(result: ProbeResult) -> Self {
        Self(Record::Result(result))
    }
}

impl From<Change> for OneChange {
    fn from(change: Change) -> Self {
        Self(Record::Change(change))
    }
}

impl JsonSchema for OneResult {
    fn schema_name() -> Cow<'static, str> {
        "Result".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let reasons: Vec<Value> = words(Reason::ALL.iter().map(|word| word.as_str())).chain([Value::Null]).collect();
        json_schema!({
            "description": "One execution of one probe.",
            "type": "object",
            "required": ["type", "time", "target", "probe", "agent", "outcome"],
            "properties": {
                "type": { "const": "result" },
                "time": { "type": "string", "format": "date-time" },
                "target": { "type": "string" },
                "probe": { "type": "string" },
                "kind": { "enum": all(ProbeKind::ALL.iter().map(|word| word.as_str())) },
                "expect": { "enum": all(Expect::ALL.iter().map(|word| word.as_str())) },
                "variant": { "enum": all(Variant::ALL.iter().map(|word| word.as_str())) },
                "agent": { "type": "string" },
                "outcome": { "enum": all(Outcome::ALL.iter().map(|word| word.as_str())) },
                "reason": { "enum": reasons },
                "status": { "type": "integer" },
                "took_us": { "type": "integer", "minimum": 0 },
                "phases_us": { "type": "object", "additionalProperties": { "type": "integer", "minimum": 0 } },
                "every_s": { "type": "number" },
                "detail": { "type": "string" }
            }
        })
    }
}

impl JsonSchema for OneChange {
    fn schema_name() -> Cow<'static, str> {
        "Change".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Something that was altered. Its other fields are those of the interchange.",
            "type": "object",
            "required": ["type", "id", "kind", "object"],
            "properties": {
                "type": { "const": "change" },
                "id": { "type": "string" },
                "time": { "type": "string", "format": "date-time" },
                "time_lo": { "type": "string", "format": "date-time" },
                "time_hi": { "type": "string", "format": "date-time" },
                "until": { "type": "string", "format": "date-time" },
                "kind": { "enum": all(ChangeKind::ALL.iter().map(|word| word.as_str())) },
                "object": { "type": "string" },
                "targets": { "type": "array", "items": { "type": "string" } },
                "summary": { "type": "string" },
                "source": { "type": "string" },
                "known_at": { "type": "string", "format": "date-time" }
            }
        })
    }
}

fn all(of: impl Iterator<Item = &'static str>) -> Vec<Value> {
    words(of).collect()
}

fn words(of: impl Iterator<Item = &'static str>) -> impl Iterator<Item = Value> {
    of.map(|word| json!(word))
}
