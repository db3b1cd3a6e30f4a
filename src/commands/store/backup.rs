//! `authprobe store backup`: copies a store while it is in use.

use std::path::PathBuf;

use indicatif::HumanBytes;
use storage::locator::Locator;
use storage::sqlite::reader::Reader;

use super::Which;
use crate::exit::Exit;
use crate::progress::{self, Unit};

/// Copy the store as it is at one moment, also beside a running `authprobe run`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe store backup /backup/authprobe.db
  authprobe store backup --store /var/lib/authprobe/authprobe.db \"/backup/$(date +%F).db\"

The copy is a store of its own, readable by its owner only.
What is at TO already is kept, with exit code 2.
Copy the .key file beside the store along, if there is one.")]
pub(super) struct Backup {
    #[command(flatten)]
    which: Which,

    /// File to write
    #[arg(value_name = "TO")]
    to: PathBuf,
}

pub(super) fn run(args: Backup) -> anyhow::Result<Exit> {
    let Backup { which, to } = args;
    let locator = which.locator()?;
    let Locator::Sqlite(path) = &locator;
    let reader = Reader::open(path)?;
    // A link that leads nowhere is something as well.
    if to.symlink_metadata().is_ok() {
        eprintln!("{} is there already and is kept: give another name or move it away", to.display());
        return Ok(Exit::Usage);
    }
    let bar = progress::bar("copying", Some(0), Unit::Bytes);
    let copied = reader.backup(&to, |done, of| progress::show(&bar, done, of));
    bar.finish_and_clear();
    copied?;
    let bytes = to.metadata()?.len();
    eprintln!("{locator} copied to {}: {}", to.display(), HumanBytes(bytes));
    Ok(Exit::Fine)
}
