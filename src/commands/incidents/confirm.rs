//! `authprobe incidents confirm`: says which change caused an incident, or that none did.

use reports::said::Answer;

use crate::commands::incidents::ask::Ask;
use crate::exit::Exit;

/// Say which change caused an incident: the first cause of the report, another one, or none
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe incidents confirm i-6c4cf8004351
  authprobe incidents confirm i-6c4cf8004351 --change c-17 --trigger c-18 --because \"the pods came up with the new key\"
  authprobe incidents confirm i-6c4cf8004351 --none --because \"the provider was down\"

Reports show it beside the causes. It changes the probabilities of later incidents, not of this one.
A later word on the same incident replaces this one. Works beside a running `authprobe run`.")]
pub(super) struct Confirm {
    #[command(flatten)]
    ask: Ask,

    /// Change that caused it; may be given again [default: the first cause of the report]
    #[arg(long = "change", value_name = "ID")]
    changes: Vec<String>,

    /// Restart, rollout or scaling that put the change in force
    #[arg(long, value_name = "ID", requires = "changes")]
    trigger: Option<String>,

    /// No recorded change caused it
    #[arg(long, conflicts_with_all = ["changes", "trigger"])]
    none: bool,
}

pub(super) fn run(args: Confirm) -> anyhow::Result<Exit> {
    let Confirm { ask, changes, trigger, none } = args;
    let answer = match (none, changes.is_empty()) {
        (true, _) => Answer::Nothing,
        (false, true) => Answer::First,
        (false, false) => Answer::Changes(changes, trigger),
    };
    ask.record(answer)
}
