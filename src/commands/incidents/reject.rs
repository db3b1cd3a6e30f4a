//! `authprobe incidents reject`: says that the named cause of an incident is wrong.

use reports::said::Answer;

use crate::commands::incidents::ask::Ask;
use crate::exit::Exit;

/// Say that the first cause of the report is wrong
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe incidents reject i-6c4cf8004351
  authprobe incidents reject i-6c4cf8004351 --because \"the rollout was of another cluster\"

If the right cause is known, say it: `authprobe incidents confirm INCIDENT --change ID`.")]
pub(super) struct Reject {
    #[command(flatten)]
    ask: Ask,
}

pub(super) fn run(args: Reject) -> anyhow::Result<Exit> {
    args.ask.record(Answer::Wrong)
}
