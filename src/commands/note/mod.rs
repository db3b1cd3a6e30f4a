//! `authprobe note`: records what a person remarks.

mod add;

use crate::exit::Exit;

/// Record a remark, which timelines show
#[derive(Debug, clap::Args)]
pub(crate) struct Note {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Add(add::Add),
}

pub(crate) fn run(args: Note) -> anyhow::Result<Exit> {
    match args.what {
        What::Add(args) => add::run(args),
    }
}
