//! The published JSON Schema is that of the reports, and every report keeps to it.

use boon::{Compiler, Schemas};
use reports::formats::{Format, Layout, render};
use reports::report::Kind;
use reports::settings::Settings;
use serde_json::Value;

use crate::story::{day, report, settings};

const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/report.schema.json");

#[test]
fn the_published_schema_is_the_one_of_the_program() {
    let schema = serde_json::to_string_pretty(&reports::schema::of_reports()).unwrap() + "\n";
    let published = std::fs::read_to_string(PUBLISHED).unwrap_or_default();
    assert!(schema == published, "write it anew: authprobe report schema -o docs/report.schema.json");
}

#[test]
fn every_report_keeps_to_the_schema_and_a_broken_one_does_not() {
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.add_resource("report", serde_json::to_value(reports::schema::of_reports()).unwrap()).unwrap();
    let schema = compiler.compile("report", &mut schemas).unwrap();
    for kind in [Kind::Slo, Kind::Incidents, Kind::Timeline] {
        for (records, settings) in [(day(), settings()), (day(), Settings::default()), (Vec::new(), settings())] {
            let page = render(&report(records, &settings, kind).into(), Format::Json, Layout::default());
            let mut page: Value = serde_json::from_str(&page).unwrap();
            schemas.validate(&page, schema).unwrap_or_else(|error| unreachable!("{kind:?}: {error:#}"));
            page["window"] = Value::Null;
            assert!(schemas.validate(&page, schema).is_err(), "{kind:?}: a window is no null");
        }
    }
}
