//! The results of `authprobe check`, for people, programs and CI servers.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;
use storage::record::{Outcome, ProbeResult, Reason};

use crate::commands::check::Format;
use crate::output::printable;

/// Name and version of the JSON form.
const SCHEMA: &str = "authprobe.check/v1";

/// Writes results in a format.
///
/// # Errors
/// When they cannot be written.
pub(crate) fn write(format: Format, results: &[ProbeResult], colours: bool, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Table => table(results, colours, out),
        Format::Json => json(results, out),
        Format::Junit => junit(results).serialize(out).map_err(io::Error::other),
    }
}

fn table(results: &[ProbeResult], colours: bool, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["TARGET", "PROBE", "OUTCOME", "REASON", "TOOK", "DETAIL"]);
    for result in results {
        let took = if result.took_us == 0 { "–".into() } else { format!("{:.1} ms", result.took_us as f64 / 1000.0) };
        let reason = result.reason.map_or("", Reason::as_str);
        let detail = printable(result.detail.as_deref().unwrap_or_default());
        let cells = [&result.target, &result.probe, result.outcome.as_str(), reason, &took, &detail];
        table.add_row(cells);
    }
    let mut lines = table.lines();
    if let Some(header) = lines.next() {
        writeln!(out, "{}", header.trim_end())?;
    }
    for (line, result) in lines.zip(results) {
        writeln!(out, "{}", coloured(line.trim_end(), result.outcome, colours))?;
    }
    writeln!(out, "\n{}", summary(results))
}

/// The line with its outcome in colour. Target and probe stand before it, so the word is looked for after them.
fn coloured(line: &str, outcome: Outcome, colours: bool) -> String {
    let word = format!(" {outcome} ");
    match line.find(&word).filter(|_| colours) {
        Some(at) => {
            let (before, after) = (&line[..at + 1], &line[at + word.len() - 1..]);
            let colour = colour(outcome);
            format!("{before}{colour}{outcome}{colour:#}{after}")
        }
        None => line.to_owned(),
    }
}

fn summary(results: &[ProbeResult]) -> String {
    let counts = Outcome::ALL.iter().filter_map(|outcome| {
        let count = results.iter().filter(|result| result.outcome == *outcome).count();
        (count > 0).then(|| format!("{count} {outcome}"))
    });
    counts.collect::<Vec<_>>().join(", ")
}

fn json(results: &[ProbeResult], out: &mut impl Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Checked<'a> {
        schema: &'a str,
        summary: BTreeMap<&'a str, usize>,
        results: &'a [ProbeResult],
    }
    let count = |outcome: &Outcome| results.iter().filter(|result| result.outcome == *outcome).count();
    let summary = Outcome::ALL.iter().map(|outcome| (outcome.as_str(), count(outcome))).collect();
    serde_json::to_writer_pretty(&mut *out, &Checked { schema: SCHEMA, summary, results })?;
    writeln!(out)
}

fn junit(results: &[ProbeResult]) -> Report {
    let mut suites: BTreeMap<&str, Vec<&ProbeResult>> = BTreeMap::new();
    for result in results {
        suites.entry(&result.target).or_default().push(result);
    }
    let mut report = Report::new("authprobe");
    for (target, results) in suites {
        let mut suite = TestSuite::new(target);
        suite.add_test_cases(results.into_iter().map(case));
        report.add_test_suite(suite);
    }
    report
}

fn case(result: &ProbeResult) -> TestCase {
    let mut status = match result.outcome {
        Outcome::Success => TestCaseStatus::success(),
        Outcome::Failure => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Invalid => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Skipped => TestCaseStatus::skipped(),
    };
    if result.outcome != Outcome::Success {
        status.set_message(printable(result.detail.as_deref().unwrap_or_default()));
        if let Some(reason) = result.reason {
            status.set_type(reason.as_str());
        }
    }
    let mut case = TestCase::new(result.probe.as_str(), status);
    case.set_classname(format!("authprobe.{}", result.target)).set_time(Duration::from_micros(result.took_us));
    case
}

fn colour(outcome: Outcome) -> Style {
    let colour = match outcome {
        Outcome::Success => AnsiColor::Green,
        Outcome::Failure => AnsiColor::Red,
        Outcome::Skipped => AnsiColor::Yellow,
        Outcome::Invalid => AnsiColor::Magenta,
    };
    colour.on_default().bold()
}
