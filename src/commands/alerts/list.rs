//! `authprobe alerts list`: what fires by what each receiver was told, and what waits for it.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use reports::wording;
use storage::locator::Locator;
use storage::outbox::Outbox;

use crate::alerts::message::{Event, Last};
use crate::commands::store_locator;
use crate::exit::Exit;
use crate::output::{self, printable};

/// List what each receiver was told, and what waits for it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe alerts list
  authprobe alerts list --all --store /var/lib/authprobe/authprobe.db

Times are in UTC. An alert that `waits` was not acknowledged yet.")]
pub(super) struct List {
    /// Also what is over; it is known for three days
    #[arg(long)]
    all: bool,

    /// Store beside which the outbox is
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

pub(super) fn run(args: List) -> anyhow::Result<Exit> {
    let List { all, store } = args;
    let Locator::Sqlite(store) = store_locator(store)?;
    let path = Outbox::beside(&store);
    let mut out = output::stdout();
    if !path.exists() {
        writeln!(out, "nobody was told anything: there is no {}", path.display())?;
        return Ok(Exit::Fine);
    }
    let outbox = Outbox::read(&path)?;
    let mut receivers = Table::new();
    receivers.load_style(presets::NOTHING).set_header(["RECEIVER", "SENT", "FAILED", "WAITING", "DROPPED"]);
    for name in outbox.receivers()? {
        let counted = outbox.counted(&name)?;
        let counts = [counted.sent, counted.failed, counted.waiting, counted.dropped].map(|count| count.to_string());
        receivers.add_row([printable(&name)].into_iter().chain(counts));
    }
    writeln!(out, "{receivers}\n")?;
    let mut alerts = Table::new();
    alerts.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    alerts.set_header(["TOLD", "RECEIVER", "STATE", "SEVERITY", "ALERT", "SUMMARY"]);
    let mut any = false;
    for told in outbox.told(None)?.iter().filter(|told| all || told.firing || told.waits) {
        let Some(Last { message, at }) = Last::of(told) else { continue };
        let state = match (told.firing, message.event, told.waits) {
            (true, Event::Updated, true) => "fires, an update waits",
            (true, _, true) => "fires, waits",
            (true, _, false) => "fires",
            (false, _, true) => "over, waits",
            (false, _, false) => "over",
        };
        any = true;
        alerts.add_row([
            wording::moment(at),
            printable(&told.receiver),
            state.to_owned(),
            message.severity.as_str().to_owned(),
            printable(&message.alert),
            printable(&message.summary),
        ]);
    }
    if any {
        writeln!(out, "{alerts}")?
    } else {
        writeln!(out, "nothing fires and nothing waits")?
    }
    Ok(Exit::Fine)
}
