//! Finds the incident that is spoken of, and keeps what is said of it.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reports::incident::Incident;
use reports::report::{self, Kind, Report, Request};
use reports::said::{self, Answer, Author, Refused};
use storage::locator::Locator;
use storage::record::{Change, Record, Verdict};
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::Writer;
use storage::window::Window;

use crate::commands::{report as report_command, store_locator, text};
use crate::exit::Exit;
use crate::output::{self, printable};

/// Most ids that are listed where one is not known.
const LISTED: usize = 20;

/// Of which incident something is said, by whom and why.
#[derive(Debug, clap::Args)]
pub(super) struct Ask {
    /// Id of the incident, as `report incidents` shows it
    #[arg(value_name = "INCIDENT")]
    incident: String,

    /// Why, in a sentence
    #[arg(long, value_name = "TEXT", value_parser = text)]
    because: Option<String>,

    /// Who says it: a role or a team
    #[arg(long, value_name = "NAME", value_parser = text)]
    author: Option<String>,

    /// How far back the incident may lie, as in 90d [default: the last 30 days of what is stored]
    #[arg(long, value_name = "D", value_parser = humantime::parse_duration)]
    last: Option<Duration>,

    /// Configuration with what belongs to the targets [default: authprobe.yaml, if there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Store to read and write: PATH or sqlite:PATH [default: the configuration's, else authprobe.db]
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

impl Ask {
    /// Keeps the answer as the verdict on the incident, and prints its id.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(super) fn record(self, answer: Answer) -> anyhow::Result<Exit> {
        let Ask { incident: id, because, author, last, config, store } = self;
        let now = Timestamp::now();
        let (configured, settings) = match report_command::settings(config.as_deref()) {
            Ok(found) => found,
            Err(mistakes) => return usage(&mistakes.to_string()),
        };
        let locator = match (store, configured) {
            (None, Some(configured)) => configured,
            (given, _) => store_locator(given)?,
        };
        let window = match last.map(|last| window(last, now)).transpose() {
            Ok(window) => window,
            Err(message) => return usage(&message),
        };
        let Locator::Sqlite(path) = &locator;
        let reader = Reader::open(path)?;
        let request = Request { kind: Kind::Incidents, window, incident: None, now };
        let Report::Incidents(found) = report::build(&reader, &settings, &request)? else { return Ok(Exit::Fault) };
        let Some(incident) = found.incidents.iter().find(|incident| incident.id == id) else {
            return usage(&unknown_incident(&id, &found.incidents));
        };
        let changes = reader.changes(None)?;
        let author = Author { name: author.unwrap_or_default(), because: because.unwrap_or_default(), now };
        match said::verdict(incident, answer, author, &changes) {
            Ok(verdict) => keep(verdict, path),
            Err(Refused::NothingNamed) => {
                usage(&format!("{}; use `confirm` with --change or --none", Refused::NothingNamed))
            }
            Err(unknown @ Refused::UnknownChange(_)) => usage(&unknown_change(&unknown, incident, &changes)),
        }
    }
}

fn keep(verdict: Verdict, path: &std::path::Path) -> anyhow::Result<Exit> {
    let id = verdict.id.clone();
    let mut writer = Writer::open(path)?;
    writer.append(&[Record::Verdict(verdict)])?;
    writer.close()?;
    writeln!(output::stdout(), "{id}")?;
    Ok(Exit::Fine)
}

fn usage(message: &str) -> anyhow::Result<Exit> {
    eprintln!("{message}");
    Ok(Exit::Usage)
}

fn window(last: Duration, now: Timestamp) -> Result<Window, String> {
    let too_far = "`--last` goes back too far";
    let length = SignedDuration::try_from(last).map_err(|_| too_far)?;
    let from = now.checked_sub(length).map_err(|_| too_far)?;
    Window::new(from, now).map_err(|error| error.to_string())
}

/// Says which incidents there are, the latest first.
fn unknown_incident(id: &str, incidents: &[Incident]) -> String {
    let mut text = format!("there is no incident `{}` in this stretch (`--last` makes it longer)", printable(id));
    text.push_str(if incidents.is_empty() { "; there is none" } else { "; there are:" });
    for incident in incidents.iter().rev().take(LISTED) {
        let targets: Vec<&str> = incident.targets().into_iter().collect();
        let _ = write!(text, "\n  {}  {:.0}  {}", incident.id, incident.start.lo, printable(&targets.join(", ")));
    }
    text + &more(incidents.len())
}

/// Says which changes there are: the causes of the report first, then those before the incident, the latest first.
fn unknown_change(unknown: &Refused, incident: &Incident, changes: &[Change]) -> String {
    let named = |change: &Change| incident.causes.iter().any(|cause| cause.changes.contains(&change.id));
    let before = |change: &&Change| change.lo().is_some_and(|lo| lo <= incident.start.hi);
    let mut near: Vec<&Change> = changes.iter().filter(before).collect();
    near.sort_by_key(|change| (!named(change), std::cmp::Reverse(change.lo())));
    let mut text = printable(&unknown.to_string());
    text.push_str(if near.is_empty() { "; none is recorded before the incident" } else { "; before the incident:" });
    for change in near.iter().take(LISTED) {
        let at = change.lo().map_or(String::new(), |lo| format!("{lo:.0}"));
        let _ = write!(text, "\n  {}  {at}  {} {}", printable(&change.id), change.kind, printable(&change.object));
    }
    text + &more(near.len())
}

fn more(count: usize) -> String {
    if count > LISTED { format!("\n  and {} more", count - LISTED) } else { String::new() }
}
