//! `authprobe store`: measures, verifies, compacts and copies a store.

mod backup;
mod check;
mod compact;
mod stats;

use std::path::PathBuf;

use storage::locator::Locator;

use crate::commands::store_locator;
use crate::config;
use crate::exit::Exit;

/// Measure, verify, compact or copy a store
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe store stats
  authprobe store check --store /var/lib/authprobe/authprobe.db
  authprobe store compact
  authprobe store backup /backup/authprobe-$(date +%F).db")]
pub(crate) struct Store {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Stats(stats::Stats),
    Check(check::Check),
    Compact(compact::Compact),
    Backup(backup::Backup),
}

/// Which store.
#[derive(Debug, clap::Args)]
struct Which {
    /// The store, in place of the configuration's: PATH or sqlite:PATH
    #[arg(long, value_name = "URL")]
    store: Option<String>,

    /// Configuration whose store it is
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Which {
    fn locator(self) -> anyhow::Result<Locator> {
        match (self.store, self.config) {
            (None, Some(file)) => Ok(config::store_of(&file)?),
            (given, _) => store_locator(given),
        }
    }
}

pub(crate) fn run(args: Store) -> anyhow::Result<Exit> {
    match args.what {
        What::Stats(args) => stats::run(args),
        What::Check(args) => check::run(args),
        What::Compact(args) => compact::run(args),
        What::Backup(args) => backup::run(args),
    }
}
