//! `authprobe store stats`: how much a store holds, and where its bytes are.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{HumanBytes, HumanCount};
use jiff::Timestamp;
use serde::Serialize;
use storage::locator::Locator;
use storage::sqlite::reader::Reader;
use storage::sqlite::reader::stats::Stats as Measured;

use super::Which;
use crate::exit::Exit;
use crate::output::{self, printable};

/// Name and version of the JSON form.
const SCHEMA: &str = "authprobe.store/v1";

/// Tell how much the store holds, and where its bytes are
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe store stats
  authprobe store stats --format json | jq .bytes_per_result")]
pub(super) struct Stats {
    #[command(flatten)]
    which: Which,

    /// How it is written
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One JSON object.
    Json,
}

/// The JSON form.
#[derive(Debug, Serialize)]
struct Page<'a> {
    schema: &'static str,
    store: String,
    format: i64,
    file_bytes: u64,
    log_bytes: u64,
    free_bytes: u64,
    results: u64,
    changes: u64,
    gaps: u64,
    verdicts: u64,
    series: u64,
    hot: u64,
    late: u64,
    sealed: u64,
    /// Of the sealed ones, those with rounded durations.
    rounded: u64,
    blocks: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Single results from before it were dropped by the retention.
    kept_from: Option<Timestamp>,
    /// Of the whole file; null without results.
    bytes_per_result: Option<f64>,
    tables: Vec<Line<'a>>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    rows: u64,
    bytes: u64,
    bytes_per_result: Option<f64>,
}

pub(super) fn run(args: Stats) -> anyhow::Result<Exit> {
    let locator = args.which.locator()?;
    let Locator::Sqlite(path) = &locator;
    let measured = Reader::open(path)?.stats()?;
    let page = page(&locator, &measured);
    let mut out = output::stdout();
    match args.format {
        Format::Table => table(&page, &mut out)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &page)?;
            writeln!(out)?;
        }
    }
    Ok(Exit::Fine)
}

fn page<'a>(locator: &Locator, measured: &'a Measured) -> Page<'a> {
    let Measured { format, file_bytes, log_bytes, free_bytes, tables, totals, series, .. } = measured;
    let Measured { hot, late, blocks, sealed, rounded, first, last, kept_from, .. } = measured;
    let per_result = |bytes: u64| (totals.results > 0).then(|| bytes as f64 / totals.results as f64);
    let tables = tables.iter().map(|table| Line {
        name: &table.name,
        rows: table.rows,
        bytes: table.bytes,
        bytes_per_result: per_result(table.bytes),
    });
    Page {
        schema: SCHEMA,
        store: locator.to_string(),
        format: *format,
        file_bytes: *file_bytes,
        log_bytes: *log_bytes,
        free_bytes: *free_bytes,
        results: totals.results,
        changes: totals.changes,
        gaps: totals.gaps,
        verdicts: totals.verdicts,
        series: *series,
        hot: *hot,
        late: *late,
        sealed: *sealed,
        rounded: *rounded,
        blocks: *blocks,
        first: *first,
        last: *last,
        kept_from: *kept_from,
        bytes_per_result: per_result(*file_bytes),
        tables: tables.collect(),
    }
}

fn table(page: &Page<'_>, out: &mut impl Write) -> io::Result<()> {
    let Page { store, format, changes, gaps, verdicts, .. } = page;
    let [results, series, hot, late, sealed, blocks] =
        [page.results, page.series, page.hot, page.late, page.sealed, page.blocks].map(HumanCount);
    let [file, free, log] = [page.file_bytes, page.free_bytes, page.log_bytes].map(HumanBytes);
    writeln!(out, "{store}, format {format}: {file}, of which {free} free; log {log}")?;
    writeln!(out, "{results} results of {series} series, {changes} changes, {gaps} gaps, {verdicts} verdicts")?;
    if let (Some(first), Some(last)) = (page.first, page.last) {
        writeln!(out, "from {first:.0} to {last:.0}")?;
    }
    writeln!(out, "{sealed} results sealed in {blocks} blocks, {hot} not sealed yet, {late} late and not merged yet")?;
    if page.rounded > 0 {
        writeln!(out, "{} sealed results have rounded durations", HumanCount(page.rounded))?;
    }
    if let Some(kept_from) = page.kept_from {
        writeln!(out, "results from before {kept_from:.0} were dropped, as the retention says")?;
    }

    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["TABLE", "ROWS", "BYTES", "BYTES/RESULT"]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for line in &page.tables {
        let (rows, bytes) = (HumanCount(line.rows).to_string(), HumanCount(line.bytes).to_string());
        table.add_row([printable(line.name), rows, bytes, ratio(line.bytes_per_result)]);
    }
    table.add_row([
        "file".into(),
        String::new(),
        HumanCount(page.file_bytes).to_string(),
        ratio(page.bytes_per_result),
    ]);
    writeln!(out, "\n{}", table.trim_fmt())
}

fn ratio(bytes: Option<f64>) -> String {
    bytes.map_or_else(|| "–".into(), |bytes| format!("{bytes:.2}"))
}

#[cfg(test)]
mod tests {
    use storage::sqlite::reader::Totals;
    use storage::sqlite::reader::stats::Table as Part;

    use super::*;

    fn measured() -> Measured {
        let part = |name: &str, bytes, rows| Part { name: name.into(), bytes, rows };
        Measured {
            format: 4,
            file_bytes: 81_920_000,
            log_bytes: 4_194_304,
            free_bytes: 1_048_576,
            tables: vec![part("block", 74_000_000, 600), part("hot", 5_000_000, 38_300)],
            totals: Totals { results: 8_638_300, changes: 12, gaps: 3, verdicts: 1 },
            series: 100,
            hot: 38_000,
            late: 300,
            blocks: 600,
            sealed: 8_600_000,
            rounded: 0,
            first: Some("2026-11-01T00:00:00.25Z".parse().unwrap()),
            last: Some("2026-11-30T23:59:30Z".parse().unwrap()),
            kept_from: None,
        }
    }

    #[test]
    fn people_get_the_bytes_of_each_table_and_of_a_result() {
        let mut out = Vec::new();
        table(&page(&"a.db".parse().unwrap(), &measured()), &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        sqlite:a.db, format 4: 78.12 MiB, of which 1.00 MiB free; log 4.00 MiB
        8,638,300 results of 100 series, 12 changes, 3 gaps, 1 verdicts
        from 2026-11-01T00:00:00Z to 2026-11-30T23:59:30Z
        8,600,000 results sealed in 600 blocks, 38,000 not sealed yet, 300 late and not merged yet

         TABLE    ROWS       BYTES  BYTES/RESULT
         block     600  74,000,000          8.57
         hot    38,300   5,000,000          0.58
         file           81,920,000          9.48
        ");
    }

    #[test]
    fn what_the_retention_took_is_told() {
        let kept_from = Some("2026-11-08T00:00:00Z".parse().unwrap());
        let measured = Measured { rounded: 5_000_000, kept_from, ..measured() };
        let mut out = Vec::new();
        table(&page(&"a.db".parse().unwrap(), &measured), &mut out).unwrap();
        let told = String::from_utf8(out).unwrap();
        assert!(told.contains("5,000,000 sealed results have rounded durations"), "{told}");
        assert!(told.contains("from before 2026-11-08T00:00:00Z were dropped"), "{told}");
    }

    #[test]
    fn a_store_without_results_has_no_bytes_per_result() {
        let measured = Measured { totals: Totals::default(), first: None, last: None, ..measured() };
        let page = page(&"a.db".parse().unwrap(), &measured);
        let json = serde_json::to_value(&page).unwrap();
        assert_eq!(json["bytes_per_result"], serde_json::Value::Null);
        assert_eq!(json["tables"][0]["bytes_per_result"], serde_json::Value::Null);
        let mut out = Vec::new();
        table(&page, &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains('–'));
    }
}
