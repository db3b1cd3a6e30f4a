//! `authprobe alerts`: tries whether messages arrive, and shows what was told and what waits.

mod list;
mod test;

use clap::Subcommand;

use crate::exit::Exit;

/// Try the receivers of alerts, or see what they were told
#[derive(Debug, clap::Args)]
pub(crate) struct Alerts {
    #[command(subcommand)]
    command: AlertsCommand,
}

#[derive(Debug, Subcommand)]
enum AlertsCommand {
    Test(test::Test),
    List(list::List),
}

pub(crate) fn run(args: Alerts) -> anyhow::Result<Exit> {
    match args.command {
        AlertsCommand::Test(args) => test::run(args),
        AlertsCommand::List(args) => list::run(args),
    }
}
