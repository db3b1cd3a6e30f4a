//! `authprobe incidents`: records what a person says of the cause of an incident.

mod ask;
mod confirm;
mod reject;

use crate::exit::Exit;

/// Say what caused an incident, or that the named cause is wrong
#[derive(Debug, clap::Args)]
pub(crate) struct Incidents {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Confirm(confirm::Confirm),
    Reject(reject::Reject),
}

pub(crate) fn run(args: Incidents) -> anyhow::Result<Exit> {
    match args.what {
        What::Confirm(args) => confirm::run(args),
        What::Reject(args) => reject::run(args),
    }
}
