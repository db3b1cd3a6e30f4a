//! `authprobe store compact`: packs a store as tightly as it goes.

use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar};
use storage::locator::Locator;
use storage::sqlite::reader::Reader;
use storage::sqlite::upkeep::Step;
use storage::sqlite::writer::{Compacted, Writer};

use super::Which;
use crate::exit::Exit;

/// How often the spinner turns while a step goes on.
const TURN: Duration = Duration::from_millis(100);

/// Seal and merge everything in the store, and give free space back to the disk
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe store compact
  authprobe store compact -c /etc/authprobe/authprobe.yaml

Drops nothing: what is older than `retention` allows goes while `authprobe run` works.
Needs as much free space as the store takes, and the store for itself for a while:
a running `authprobe run` keeps meanwhile what it records, and writes it afterwards.")]
pub(super) struct Compact {
    #[command(flatten)]
    which: Which,
}

pub(super) fn run(args: Compact) -> anyhow::Result<Exit> {
    let locator = args.which.locator()?;
    let Locator::Sqlite(path) = &locator;
    // A writer would make a store where there is none.
    drop(Reader::open(path)?);
    let mut writer = Writer::open(path)?;
    let bar = ProgressBar::new_spinner();
    let compacted = compact(&mut writer, &bar);
    bar.finish_and_clear();
    let Compacted { before, after } = compacted?;
    writer.close()?;
    eprintln!("{locator} compacted: {} before, {} after", HumanBytes(before), HumanBytes(after));
    Ok(Exit::Fine)
}

fn compact(writer: &mut Writer, bar: &ProgressBar) -> Result<Compacted, storage::error::Error> {
    bar.enable_steady_tick(TURN);
    writer.compact(|step| {
        bar.set_message(match step {
            Step::Sealing => "sealing results",
            Step::Merging => "merging blocks",
            Step::Vacuuming => "giving space back",
        });
    })
}
