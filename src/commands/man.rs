//! `authprobe man`: writes the manual pages.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::commands::Cli;
use crate::exit::Exit;

/// Write the manual pages, one for each command
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe man ~/.local/share/man/man1 && man authprobe-report
  authprobe man pages && man -l pages/authprobe.1")]
pub(crate) struct ManPages {
    /// Directory to write to; it is made where there is none
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(crate) fn run(args: ManPages) -> anyhow::Result<Exit> {
    let dir = args.dir;
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    fs::create_dir_all(&dir)
        .and_then(|()| write(&cli, &dir))
        .with_context(|| format!("cannot write manual pages to {}", dir.display()))?;
    Ok(Exit::Fine)
}

/// Writes the page of a command, and those of the commands below it.
fn write(command: &Command, dir: &Path) -> io::Result<()> {
    // At the foot of a page stands the program, not the command.
    let source = concat!("authprobe ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).source(source).generate_to(dir)?;
    command.get_subcommands().filter(|inner| !inner.is_hide_set()).try_for_each(|inner| write(inner, dir))
}
