//! Results as a table for spreadsheets.

use std::io::{self, Write};

use reports::formats::csv::{Cell, Sheet};
use storage::record::ProbeResult;

const COLUMNS: [&str; 18] = [
    "time",
    "target",
    "probe",
    "kind",
    "expect",
    "variant",
    "agent",
    "outcome",
    "reason",
    "status",
    "took_us",
    "resolve_us",
    "connect_us",
    "tls_us",
    "processing_us",
    "transfer_us",
    "every_s",
    "detail",
];

/// Begins a table of results.
///
/// # Errors
/// When it cannot be written.
pub(super) fn begin<W: Write>(to: W) -> io::Result<Sheet<W>> {
    Sheet::new(&COLUMNS, to)
}

/// Adds a result.
///
/// # Errors
/// When it cannot be written.
pub(super) fn add<W: Write>(sheet: &mut Sheet<W>, result: &ProbeResult) -> io::Result<()> {
    let phases = result.phases_us;
    let row: [Cell; COLUMNS.len()] = [
        result.time.into(),
        result.target.as_str().into(),
        result.probe.as_str().into(),
        result.kind.as_str().into(),
        result.expect.as_str().into(),
        result.variant.as_str().into(),
        result.agent.as_str().into(),
        result.outcome.as_str().into(),
        result.reason.map(|reason| reason.as_str()).into(),
        result.status.into(),
        result.took_us.into(),
        phases.map(|phases| phases.resolve).into(),
        phases.map(|phases| phases.connect).into(),
        phases.map(|phases| phases.tls).into(),
        phases.map(|phases| phases.processing).into(),
        phases.map(|phases| phases.transfer).into(),
        result.every_s.into(),
        result.detail.as_deref().into(),
    ];
    sheet.row(row)
}
