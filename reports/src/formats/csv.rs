//! Reports for spreadsheets: one table, as RFC 4180 has it.

use std::io;

use csv::{ErrorKind, Terminator, WriterBuilder};
use jiff::Timestamp;

use super::words;
use crate::full::FullReport;
use crate::report::{IncidentsReport, Report, TimelineReport};
use crate::settings::ratio;
use crate::wording;

/// Writes a report as CSV: incidents as their episodes, timelines as their items, objectives as their days.
#[must_use]
pub fn render(full: &FullReport) -> String {
    match &full.report {
        Report::Incidents(report) => episodes(report),
        Report::Timeline(report) => items(report),
        Report::Slo(_) => days(full),
    }
}

/// A table that is being written, line by line.
pub struct Sheet<W: io::Write>(csv::Writer<W>);

impl<W: io::Write> Sheet<W> {
    /// A table with these columns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(columns: &[&str], to: W) -> io::Result<Sheet<W>> {
        let mut sheet = Sheet(WriterBuilder::new().terminator(Terminator::CRLF).from_writer(to));
        sheet.row(columns.iter().map(|column| Cell::from(*column)))?;
        Ok(sheet)
    }

    /// Adds a row, of as many cells as there are columns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> io::Result<()> {
        self.0.write_record(cells.into_iter().map(|cell| cell.0)).map_err(|error| match error.into_kind() {
            // As it came: whoever reads a pipe may have read enough.
            ErrorKind::Io(error) => error,
            kind => io::Error::other(format!("{kind:?}")),
        })
    }

    /// Writes what is still held back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A whole table as text.
fn table(columns: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> String {
    let mut bytes = Vec::new();
    let written = Sheet::new(columns, &mut bytes).and_then(|mut sheet| {
        for row in rows {
            sheet.row(row)?;
        }
        sheet.end()
    });
    if let Err(error) = written {
        unreachable!("memory takes every row, and every row has a cell for each column: {error}");
    }
    String::from_utf8(bytes).unwrap_or_else(|_| unreachable!("cells are text"))
}

/// What stands in one place of a table.
pub struct Cell(String);

impl From<&str> for Cell {
    /// Text that no spreadsheet takes for a formula: such a beginning gets an apostrophe (OWASP, CSV Injection). Control
    /// and direction characters are shown as escapes, but for tabs and line breaks.
    fn from(text: &str) -> Cell {
        let shown: String = text
            .split_inclusive(['\t', '\r', '\n'])
            .map(|part| match part.char_indices().next_back() {
                Some((at, last @ ('\t' | '\r' | '\n'))) => {
                    format!("{}{last}", wording::harmless(part.get(..at).unwrap_or_default()))
                }
                Some(_) | None => wording::harmless(part),
            })
            .collect();
        let formula = shown.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
        Cell(if formula { format!("'{shown}") } else { shown })
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::from(text.as_str())
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Cell {
        Cell(number.to_string())
    }
}

impl From<u16> for Cell {
    fn from(number: u16) -> Cell {
        Cell::from(u64::from(number))
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Cell {
        Cell(if number.is_finite() { number.to_string() } else { String::new() })
    }
}

impl From<Timestamp> for Cell {
    fn from(at: Timestamp) -> Cell {
        Cell(at.to_string())
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    /// Nothing is an empty cell.
    fn from(value: Option<T>) -> Cell {
        value.map_or(Cell(String::new()), Into::into)
    }
}

fn episodes(report: &IncidentsReport) -> String {
    let columns = [
        "incident",
        "severity",
        "target",
        "probe",
        "agent",
        "reason",
        "start_lo",
        "start_hi",
        "end_lo",
        "end_hi",
        "failing_s",
        "failed",
        "executed",
        "share",
        "detected_at",
        "verdict",
        "cause",
        "cause_kind",
        "cause_object",
        "cause_probability",
        "detail",
    ];
    let all =
        report.incidents.iter().flat_map(|incident| incident.episodes.iter().map(move |episode| (incident, episode)));
    let rows = all.map(|(incident, episode)| {
        let cause = incident.causes.first();
        vec![
            incident.id.as_str().into(),
            words::severity(incident.severity).to_lowercase().into(),
            episode.target.as_str().into(),
            episode.probe.as_str().into(),
            episode.agent.as_str().into(),
            episode.reason.map(|reason| reason.as_str()).into(),
            episode.start.lo.into(),
            episode.start.hi.into(),
            episode.end.map(|end| end.lo).into(),
            episode.end.map(|end| end.hi).into(),
            episode.failing_s.into(),
            episode.failed.into(),
            episode.executed.into(),
            episode.share.into(),
            incident.detected_at.into(),
            words::verdict(incident.verdict).into(),
            cause.map(|cause| together(&cause.changes)).into(),
            cause.map(|cause| cause.kind.as_str()).into(),
            cause.map(|cause| cause.object.as_str()).into(),
            cause.map(|cause| cause.probability).into(),
            episode.detail.as_deref().into(),
        ]
    });
    table(&columns, rows)
}

fn items(report: &TimelineReport) -> String {
    let columns = ["from", "until", "known_at", "kind", "role", "target", "title", "detail", "evidence"];
    let rows = report.items.iter().map(|item| {
        let evidence: Vec<String> = item.evidence.iter().map(|source| source.name.clone()).collect();
        vec![
            item.at.lo.into(),
            item.at.hi.into(),
            item.known_at.into(),
            words::kind(item.kind).replace(' ', "_").into(),
            words::role(item.role).into(),
            item.target.as_deref().into(),
            item.title.as_str().into(),
            item.detail.as_str().into(),
            together(&evidence).into(),
        ]
    });
    table(&columns, rows)
}

fn days(full: &FullReport) -> String {
    let columns = ["objective", "date", "good", "bad", "no_data", "invalid", "excluded", "sli", "budget_consumed"];
    let rows = full.days.iter().map(|day| {
        let counts = day.counts;
        vec![
            day.slo.as_str().into(),
            day.date.to_string().into(),
            counts.good.into(),
            counts.bad.into(),
            counts.no_data.into(),
            counts.invalid.into(),
            counts.excluded.into(),
            day.sli.into(),
            day.consumed.map(ratio).into(),
        ]
    });
    table(&columns, rows)
}

/// Several names in one cell.
fn together(names: &[String]) -> String {
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(texts: &[&str]) -> String {
        let row = texts.iter().map(|text| Cell::from(*text)).collect();
        table(&vec!["a"; texts.len()], [row].into_iter()).split_once("\r\n").unwrap().1.to_owned()
    }

    #[test]
    fn nothing_from_outside_is_a_formula() {
        let shown = cells(&["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=1", "a=1"]);
        assert_eq!(shown, "'=1+1,'+1,'-1,'@SUM(A1),'\tx,\"'\r=1\",a=1\r\n");
    }

    #[test]
    fn a_reader_who_is_gone_is_told_as_such() {
        struct Gone;
        impl io::Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut sheet = Sheet::new(&["a"], Gone).unwrap();
        let long = "x".repeat(100_000);
        assert_eq!(sheet.row([Cell::from(long)]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_number_below_zero_stays_a_number() {
        let row = vec![Cell::from(-0.5), Cell::from(f64::NAN)];
        assert_eq!(table(&["n", "none"], [row].into_iter()), "n,none\r\n-0.5,\r\n");
    }

    #[test]
    fn quotes_commas_and_line_breaks_stay_in_their_cell() {
        assert_eq!(cells(&["a\"b", "c,d", "e\nf"]), "\"a\"\"b\",\"c,d\",\"e\nf\"\r\n");
    }

    #[test]
    fn control_and_direction_characters_are_shown() {
        assert_eq!(cells(&["a\u{1b}[2J", "b\u{202e}c"]), "a\\u{1b}[2J,b\\u{202e}c\r\n");
    }
}
