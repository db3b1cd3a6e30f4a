//! `authprobe completions`: prints what a shell needs to complete the commands.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::commands::Cli;
use crate::exit::Exit;
use crate::output;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe completions bash > /etc/bash_completion.d/authprobe
  authprobe completions fish > ~/.config/fish/completions/authprobe.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: Completions) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "authprobe", &mut script);
    output::stdout().write_all(&script)?;
    Ok(Exit::Fine)
}
