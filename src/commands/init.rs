//! `authprobe init`: writes a commented starter configuration.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::config;
use crate::exit::Exit;
use crate::output;

/// The starter configuration.
const STARTER: &str = include_str!("init.yaml");

/// Write a commented starter configuration
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe init
  authprobe init - | less")]
pub(crate) struct Init {
    /// File to write, `-` for standard output; an existing file is kept as it is
    #[arg(value_name = "FILE", default_value = config::DEFAULT_FILE)]
    file: PathBuf,
}

pub(crate) fn run(args: Init) -> anyhow::Result<Exit> {
    let Init { file } = args;
    if file == Path::new("-") {
        output::stdout().write_all(STARTER.as_bytes()).context("writing to standard output")?;
        return Ok(Exit::Fine);
    }
    let shown = file.display();
    match OpenOptions::new().write(true).create_new(true).open(&file) {
        Ok(mut new) => {
            new.write_all(STARTER.as_bytes())
                .and_then(|()| new.sync_all())
                .with_context(|| format!("writing {shown}"))?;
            eprintln!("{shown} written; edit it, then: authprobe config check -c {shown}");
            Ok(Exit::Fine)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            eprintln!("{shown} is already there and stays as it is; give another name, or `-` to print");
            Ok(Exit::Usage)
        }
        Err(error) => {
            eprintln!("{shown} cannot be written: {error}");
            Ok(Exit::Usage)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_is_written_once_and_never_over_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authprobe.yaml");
        assert_eq!(run(Init { file: file.clone() }).unwrap(), Exit::Fine);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), STARTER);
        std::fs::write(&file, "mine").unwrap();
        assert_eq!(run(Init { file: file.clone() }).unwrap(), Exit::Usage);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    }

    #[test]
    fn the_starter_loads_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authprobe.yaml");
        std::fs::write(&file, STARTER).unwrap();
        let loaded = config::load(&file).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert_eq!(loaded.config.targets.len(), 1);
        let of_variables = |mistake: &config::mistake::Mistake| mistake.message.contains("it is not set");
        assert!(loaded.warnings.all().iter().all(of_variables), "{}", loaded.warnings);
    }
}
