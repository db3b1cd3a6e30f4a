//! `authprobe changes`: records a change by hand or from a pipeline, and lists what is recorded.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use comfy_table::{Table, presets};
use jiff::Timestamp;
use storage::interchange;
use storage::locator::Locator;
use storage::record::{Change, ChangeKind, Known, Record};
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::{Writer, derived_id};
use storage::window::Window;

use crate::commands::store_locator;
use crate::exit::Exit;
use crate::output::{self, printable};

/// Record or list what was altered: deploys, rotations, maintenance
#[derive(Debug, clap::Args)]
pub(crate) struct Changes {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Add(Box<Add>),
    List(List),
}

/// Record a change
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe changes add --kind deploy --object Deployment/llm-orchestrator/orchestrator \\
      --target orchestrator --revision \"$GIT_SHA\" \"image v0.2.0\"
  authprobe changes add --kind maintenance --object db --until 2026-11-01T03:00:00Z \"db upgrade\"

The id is printed. Posting the same change again, with the same --at or --id, adds nothing.")]
struct Add {
    /// What kind of change
    #[arg(long, value_name = "KIND", value_parser = words(ChangeKind::ALL, ChangeKind::as_str))]
    kind: ChangeKind,

    /// What was altered, as in Secret/NAMESPACE/NAME
    #[arg(long, value_name = "OBJECT")]
    object: String,

    /// Target that depends on it; may be given again
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,

    /// When it happened; now where absent
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,

    /// When it ended
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,

    /// Identifies the change; derived from its content where absent
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// Whether the content changed, or its metadata only
    #[arg(long, value_name = "WORD", value_parser = words(Known::ALL, Known::as_str))]
    data_changed: Option<Known>,

    /// Revision that it brought
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,

    /// Id of the change that it undoes
    #[arg(long, value_name = "ID")]
    reverts: Option<String>,

    /// Who did it: a pipeline, a role
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,

    /// The feed that reports it
    #[arg(long, value_name = "SOURCE", default_value = "manual")]
    source: String,

    /// Store to write to
    #[arg(long, value_name = "URL")]
    store: Option<String>,

    /// One sentence for people
    summary: Option<String>,
}

/// List what is recorded
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe changes list --last 24h
  authprobe changes list --json | jq .object")]
struct List {
    /// Only changes of the last while, as in 24h
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    last: Option<Duration>,

    /// One JSON object a line, as in an export
    #[arg(long)]
    json: bool,

    /// Store to read
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

pub(crate) fn run(args: Changes) -> anyhow::Result<Exit> {
    match args.what {
        What::Add(add) => record(*add),
        What::List(list) => print(list),
    }
}

fn record(args: Add) -> anyhow::Result<Exit> {
    let Add { kind, object, targets, at, until, id, data_changed, revision, reverts, actor, source, store, summary } =
        args;
    let now = Timestamp::now();
    let mut change = Change {
        id: id.unwrap_or_default(),
        time: Some(at.unwrap_or(now)),
        until,
        kind,
        object,
        targets,
        data_changed,
        revision,
        reverts,
        actor,
        source,
        summary: summary.unwrap_or_default(),
        known_at: Some(now),
        ..Change::default()
    };
    if change.id.is_empty() {
        change.id = derived_id(&change);
    }
    if let Err(refusal) = storage::check::check(&Record::Change(change.clone())) {
        eprintln!("authprobe changes add: {refusal}");
        return Ok(Exit::Usage);
    }
    let Locator::Sqlite(path) = store_locator(store)?;
    let mut writer = Writer::open(&path)?;
    writer.append(&[Record::Change(change.clone())])?;
    writer.close()?;
    writeln!(output::stdout(), "{}", change.id)?;
    Ok(Exit::Fine)
}

fn print(args: List) -> anyhow::Result<Exit> {
    let List { last, json, store } = args;
    let Locator::Sqlite(path) = store_locator(store)?;
    let window = last.map(|last| -> anyhow::Result<Window> {
        let now = Timestamp::now();
        Ok(Window::new(now.checked_sub(last).context("`--last` goes back too far")?, now)?)
    });
    let changes = Reader::open(&path)?.changes(window.transpose()?)?;
    let mut out = output::stdout();
    if json {
        for change in changes {
            interchange::write(&Record::Change(change), &mut out)?;
        }
        return Ok(Exit::Fine);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["TIME", "KIND", "OBJECT", "TARGETS", "SUMMARY", "ID"]);
    let count = changes.len();
    for change in changes {
        let time = change.lo().map_or_else(|| "?".into(), |time| format!("{time:.0}"));
        let cells = [change.kind.to_string(), change.object, change.targets.join(","), change.summary, change.id];
        table.add_row(std::iter::once(time).chain(cells.iter().map(|cell| printable(cell))));
    }
    if count > 0 {
        writeln!(out, "{table}")?;
    } else if io::stderr().is_terminal() {
        eprintln!("no changes are recorded");
    }
    Ok(Exit::Fine)
}

/// Takes the words of a closed list, and shows them where another is given.
fn words<W: Copy + Send + Sync + 'static>(
    all: &'static [W],
    word: fn(W) -> &'static str,
) -> impl TypedValueParser<Value = W> {
    let names = all.iter().map(move |one| word(*one));
    PossibleValuesParser::new(names)
        .try_map(move |given| all.iter().copied().find(|one| word(*one) == given).ok_or("it is not in the list"))
}
