//! `authprobe export`: writes the records of a store as lines of the interchange.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use globset::{GlobBuilder, GlobMatcher};
use indicatif::ProgressBar;
use jiff::Timestamp;
use reports::formats::csv::Sheet;
use storage::error::Error;
use storage::interchange;
use storage::locator::Locator;
use storage::record::Record;
use storage::sqlite::reader::{Reader, Totals};
use storage::window::Window;

use crate::commands::{results_csv, store_locator};
use crate::exit::Exit;
use crate::file;
use crate::progress::{self, Unit};

/// Write the records of a store as NDJSON: results by time, then changes, gaps and verdicts; or its results as CSV
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe export > everything.ndjson
  authprobe export --last 7d --target orchestrator -o week.ndjson
  authprobe export --last 7d --format csv -o week.csv
  authprobe export --from 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z | gzip > november.ndjson.gz

A window takes the results that began in it, the changes and gaps that overlap it, and the verdicts on incidents that
began, or were judged, in it.")]
pub(crate) struct Export {
    /// Store to read: PATH or sqlite:PATH
    #[arg(long, value_name = "URL")]
    store: Option<String>,

    /// First moment to export (RFC 3339)
    #[arg(long, value_name = "T")]
    from: Option<Timestamp>,

    /// First moment not to export (RFC 3339)
    #[arg(long, value_name = "T")]
    until: Option<Timestamp>,

    /// Export the time from this long ago on, as in 30d
    #[arg(long, value_name = "D", value_parser = humantime::parse_duration, conflicts_with_all = ["from", "until"])]
    last: Option<Duration>,

    /// Export these targets only, and the changes and verdicts that name one of them or none; gaps are always exported
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    target: Option<GlobMatcher>,

    /// Form of the export; CSV holds results alone [default: by the ending of -o, else ndjson]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Form>,

    /// File to write instead of standard output; it appears when it is complete
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// One JSON object a line, of every record
    Ndjson,
    /// One line a result, for spreadsheets
    Csv,
}

pub(crate) fn run(args: Export) -> anyhow::Result<Exit> {
    let Export { store, from, until, last, target, format, output } = args;
    let csv = output.as_deref().and_then(Path::extension).is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let form = format.unwrap_or(if csv { Form::Csv } else { Form::Ndjson });
    let locator = store_locator(store)?;
    let window = match window(from, until, last) {
        Ok(window) => window,
        Err(error) => {
            eprintln!("{error}");
            return Ok(Exit::Usage);
        }
    };
    let Locator::Sqlite(path) = &locator;
    let reader = Reader::open(path)?;
    let wanted = |record: &Record| {
        (form == Form::Ndjson || matches!(record, Record::Result(_)))
            && target.as_ref().is_none_or(|glob| concerns(record, glob))
    };
    match output.filter(|file| file != Path::new("-")) {
        None => match export(&reader, window, form, wanted, io::stdout().lock(), !io::stdout().is_terminal()) {
            // Whoever read has read enough.
            Err(error) if is_broken_pipe(&error) => {}
            written => {
                written?;
            }
        },
        Some(file) => {
            let written = file::replace(&file, |output| export(&reader, window, form, wanted, output, true))?;
            eprintln!("{written} records of {locator} written to {}", file.display());
        }
    }
    Ok(Exit::Fine)
}

/// What an export is written to.
enum To<W: Write> {
    Lines(BufWriter<W>),
    Sheet(Box<Sheet<W>>),
}

impl<W: Write> To<W> {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        match (self, record) {
            (To::Lines(lines), record) => interchange::write(record, lines),
            (To::Sheet(sheet), Record::Result(result)) => results_csv::add(sheet, result),
            (To::Sheet(_), Record::Change(_) | Record::Gap(_) | Record::Verdict(_)) => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        match self {
            To::Lines(lines) => lines.flush(),
            To::Sheet(sheet) => sheet.end(),
        }
    }
}

fn export(
    reader: &Reader,
    window: Option<Window>,
    form: Form,
    wanted: impl Fn(&Record) -> bool,
    output: impl Write,
    show: bool,
) -> anyhow::Result<u64> {
    let bar =
        if show { progress::bar("exporting", length(reader, window)?, Unit::Pieces) } else { ProgressBar::hidden() };
    let mut to = match form {
        Form::Ndjson => To::Lines(BufWriter::with_capacity(1 << 16, output)),
        Form::Csv => To::Sheet(Box::new(results_csv::begin(output)?)),
    };
    let (mut count, mut written) = (0, Ok(()));
    let read = reader.records(window, |record| {
        bar.inc(1);
        if wanted(&record) {
            written = to.write(&record);
            count += 1;
        }
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    bar.finish_and_clear();
    read?;
    written.and_then(|()| to.end())?;
    Ok(count)
}

/// How many records will be read; of a window nobody knows before they are.
fn length(reader: &Reader, window: Option<Window>) -> Result<Option<u64>, Error> {
    if window.is_some() {
        return Ok(None);
    }
    let Totals { results, changes, gaps, verdicts } = reader.counts()?;
    Ok(Some(results + changes + gaps + verdicts))
}

pub(super) fn window(
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    last: Option<Duration>,
) -> anyhow::Result<Option<Window>> {
    let from = match last {
        Some(last) => Some(Timestamp::now().checked_sub(last).context("`--last` goes back too far")?),
        None => from,
    };
    if from.is_none() && until.is_none() {
        return Ok(None);
    }
    Ok(Some(Window::new(from.unwrap_or(Timestamp::MIN), until.unwrap_or(Timestamp::MAX))?))
}

fn concerns(record: &Record, target: &GlobMatcher) -> bool {
    let one_of = |names: &[String]| names.is_empty() || names.iter().any(|name| target.is_match(name));
    match record {
        Record::Result(result) => target.is_match(&result.target),
        Record::Change(change) => one_of(&change.targets),
        Record::Verdict(verdict) => one_of(&verdict.targets),
        Record::Gap(_) => true,
    }
}

pub(super) fn glob(text: &str) -> Result<GlobMatcher, globset::Error> {
    Ok(GlobBuilder::new(text).literal_separator(true).build()?.compile_matcher())
}

pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
