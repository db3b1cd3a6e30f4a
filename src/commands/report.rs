//! `authprobe report`: judges what is stored and writes a report of it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use indicatif::ProgressBar;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use reports::chart::drawing::Drawing;
use reports::formats::{Format, Layout, render};
use reports::full;
use reports::report::{self, Error, Kind, Request};
use reports::schema;
use reports::settings::Settings;
use reports::slo::Status;
use storage::locator::Locator;
use storage::sqlite::reader::Reader;
use storage::window::Window;

use crate::commands::store_locator;
use crate::config;
use crate::exit::Exit;
use crate::file;
use crate::output;

/// Columns where the terminal does not tell.
const WIDTH: u16 = 100;

/// Write a report of what is stored: objectives, incidents with their causes, or a timeline
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe report slo
  authprobe report incidents --last 7d
  authprobe report timeline --incident i-6c4cf8004351
  authprobe report incidents --incident i-6c4cf8004351 -o post-mortem.md
  authprobe report slo --from 2026-11-01 --until 2026-12-01 -o november.html
  authprobe report incidents --last 1d --charts pictures
  authprobe report schema > report.schema.json

Without a window, objectives are judged over their own, and the other reports cover the last 30 days.
Without -c and without an authprobe.yaml here, the report is made from the store alone.
Exit status of `report slo`: 1 when an objective is missed.")]
pub(crate) struct Report {
    /// What to report
    #[arg(value_enum)]
    kind: KindName,

    /// Configuration with the objectives and corrections [default: authprobe.yaml, if there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Store to read: PATH or sqlite:PATH [default: the configuration's, else authprobe.db]
    #[arg(long, value_name = "URL")]
    store: Option<String>,

    /// Report the time from this long ago up to now, as in 30d
    #[arg(long, value_name = "D", value_parser = humantime::parse_duration, conflicts_with_all = ["from", "until"])]
    last: Option<Duration>,

    /// First moment to report (RFC 3339, or a date in UTC)
    #[arg(long, value_name = "T", value_parser = moment)]
    from: Option<Timestamp>,

    /// First moment not to report [default: now]
    #[arg(long, value_name = "T", value_parser = moment, requires = "from")]
    until: Option<Timestamp>,

    /// Report this incident only
    #[arg(long, value_name = "ID")]
    incident: Option<String>,

    /// Form of the report: text, markdown, html, json or csv [default: by the ending of -o, else text]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// File to write instead of standard output; it appears when it is complete
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Directory to write the charts of the report to, each as SVG and as PNG
    #[arg(long, value_name = "DIR")]
    charts: Option<PathBuf>,

    /// Make the exit status 1 for this as well
    #[arg(long, value_enum, value_name = "STATUS")]
    fail_on: Option<FailOn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum KindName {
    /// Objectives: SLI, error budget, burn rates
    Slo,
    /// Incidents, and the change behind each
    Incidents,
    /// What happened in what order
    Timeline,
    /// The JSON Schema of all three, without reading a store
    Schema,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum FailOn {
    /// Too little was seen to judge an objective
    NoData,
}

/// What is wrong with the arguments.
#[derive(Debug)]
struct Wrong(String);

pub(crate) fn run(args: Report) -> anyhow::Result<Exit> {
    let now = Timestamp::now();
    if args.kind == KindName::Schema {
        if args.charts.is_some() {
            eprintln!("`--charts` goes with `report slo`, `report incidents` and `report timeline`");
            return Ok(Exit::Usage);
        }
        let text = serde_json::to_string_pretty(&schema::of_reports()).context("the JSON Schema cannot be written")?;
        write(args.output.as_deref(), |_| format!("{text}\n"))?;
        return Ok(Exit::Fine);
    }
    let (request, format) = match request(&args, now).and_then(|request| Ok((request, format(&args)?))) {
        Ok(asked) => asked,
        Err(Wrong(message)) => {
            eprintln!("{message}");
            return Ok(Exit::Usage);
        }
    };
    let (configured, settings) = match settings(args.config.as_deref()) {
        Ok(found) => found,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            return Ok(Exit::Usage);
        }
    };
    let locator = match (args.store, configured) {
        (None, Some(configured)) => configured,
        (given, _) => store_locator(given)?,
    };
    let Locator::Sqlite(path) = &locator;
    let progress = ProgressBar::new_spinner().with_message("reading the store");
    progress.enable_steady_tick(Duration::from_millis(200));
    let built = Reader::open(path)
        .map_err(Error::from)
        .and_then(|reader| full::build(&reader, &settings, &request, format, args.charts.is_some()));
    progress.finish_and_clear();
    let full = match built {
        Ok(full) => full,
        Err(error @ Error::UnknownIncident(_)) => {
            eprintln!("{error}");
            return Ok(Exit::Usage);
        }
        Err(error @ Error::Store(_)) => return Err(error.into()),
    };
    if let Some(directory) = &args.charts {
        write_charts(directory, &full.charts)?;
    }
    write(args.output.as_deref(), |layout| render(&full, format, layout))?;
    Ok(exit(&full.report, args.fail_on))
}

/// Writes a page to a file, or to standard output in its layout.
fn write(output: Option<&Path>, page: impl FnOnce(Layout) -> String) -> anyhow::Result<()> {
    match output.filter(|file| *file != Path::new("-")) {
        Some(output) => {
            let page = page(Layout::default());
            file::replace(output, |to| Ok(to.write_all(page.as_bytes())?))
        }
        None => {
            let mut out = output::stdout();
            Ok(out.write_all(page(layout()).as_bytes()).and_then(|()| out.flush())?)
        }
    }
}

/// Writes each chart to two files of a directory, which is made where there is none.
fn write_charts(directory: &Path, charts: &[Drawing]) -> anyhow::Result<()> {
    if charts.is_empty() {
        eprintln!("no chart was drawn: nothing was recorded in this window");
    }
    fs::create_dir_all(directory).with_context(|| format!("cannot make the directory {}", directory.display()))?;
    for chart in charts {
        let svg = chart.chart().svg;
        file::replace(&directory.join(format!("{}.svg", chart.name())), |to| Ok(to.write_all(svg.as_bytes())?))?;
        let png = chart.png()?;
        file::replace(&directory.join(format!("{}.png", chart.name())), |to| Ok(to.write_all(&png)?))?;
    }
    Ok(())
}

fn request(args: &Report, now: Timestamp) -> Result<Request, Wrong> {
    let kind = match args.kind {
        KindName::Slo => Kind::Slo,
        KindName::Incidents => Kind::Incidents,
        KindName::Timeline => Kind::Timeline,
        KindName::Schema => unreachable!("the schema is printed before anything is asked of the store"),
    };
    if kind == Kind::Slo && args.incident.is_some() {
        return Err(Wrong("`--incident` goes with `report incidents` and `report timeline`".into()));
    }
    if kind != Kind::Slo && args.fail_on.is_some() {
        return Err(Wrong("`--fail-on` goes with `report slo`".into()));
    }
    let from = match args.last {
        Some(last) => {
            let length = SignedDuration::try_from(last).map_err(|_| Wrong("`--last` goes back too far".into()))?;
            Some(now.checked_sub(length).map_err(|_| Wrong("`--last` goes back too far".into()))?)
        }
        None => args.from,
    };
    let window = from
        .map(|from| Window::new(from, args.until.unwrap_or(now)))
        .transpose()
        .map_err(|error| Wrong(format!("{error}: give a later `--until`, or an earlier `--from`")))?;
    Ok(Request { kind, window, incident: args.incident.clone(), now })
}

/// The form that was asked for, else the one that the file's ending stands for.
fn format(args: &Report) -> Result<Format, Wrong> {
    let ending = args.output.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
    match (args.format, ending) {
        (Some(format), _) => Ok(format),
        (None, Some(ending)) => {
            Format::of_ending(ending).map_err(|error| Wrong(format!("{error}, or give `--format`")))
        }
        (None, None) => Ok(Format::Text),
    }
}

/// The configured store and how it is judged; nothing and the defaults where there is no configuration.
///
/// # Errors
/// Everything that is wrong with the configuration.
pub(super) fn settings(file: Option<&Path>) -> Result<(Option<Locator>, Settings), config::mistake::Mistakes> {
    let file = match file {
        Some(file) => file,
        None if Path::new(config::DEFAULT_FILE).exists() => Path::new(config::DEFAULT_FILE),
        None => return Ok((None, Settings::default())),
    };
    let loaded = config::load(file)?;
    Ok((Some(loaded.config.store), loaded.config.judging))
}

fn exit(report: &report::Report, fail_on: Option<FailOn>) -> Exit {
    let report::Report::Slo(report) = report else { return Exit::Fine };
    let failed = report.any(Status::Missed) || (fail_on == Some(FailOn::NoData) && report.any(Status::NoData));
    if failed { Exit::Failed } else { Exit::Fine }
}

/// Colours on a terminal only, and lines as long as the terminal is wide.
fn layout() -> Layout {
    let width =
        terminal_size::terminal_size_of(io::stdout()).map_or(WIDTH, |(terminal_size::Width(columns), _)| columns);
    Layout { colour: output::colours(&io::stdout()), width }
}

/// A moment, or the beginning of a day in UTC.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let day = |date: Date| date.to_zoned(TimeZone::UTC).map(|start| start.timestamp());
    text.parse::<Timestamp>()
        .or_else(|_| text.parse::<Date>().and_then(day))
        .map_err(|_| "expected a time such as `2026-11-01T00:00:00Z`, or a date such as `2026-11-01`".to_owned())
}
