//! `authprobe slo`: objectives in the form of OpenSLO v1.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::commands;
use crate::config::mistake::Mistakes;
use crate::config::{self, Config};
use crate::exit::Exit;
use crate::moving::openslo::export::export;
use crate::moving::openslo::import::import;
use crate::output;

/// Read and write objectives in the form of OpenSLO v1
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe slo export > openslo.yaml
  authprobe slo import openslo.yaml >> authprobe.yaml")]
pub(crate) struct SloCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print `slos:` of our configuration for a file of OpenSLO documents, and say what is not carried over
    Import {
        /// File to read; `-` is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the objectives of the configuration as OpenSLO documents
    Export {
        /// Configuration file [default: authprobe.yaml]
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

pub(crate) fn run(args: SloCommand) -> anyhow::Result<Exit> {
    match args.what {
        What::Import { file } => take(&file, &mut output::stdout(), &mut io::stderr()),
        What::Export { config } => give(config, &mut output::stdout()),
    }
}

fn take(file: &Path, out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<Exit> {
    let text = match text(file) {
        Ok(text) => text,
        Err(why) => {
            writeln!(err, "{}: {why}", file.display())?;
            return Ok(Exit::Usage);
        }
    };
    let imported = match import(&text) {
        Ok(imported) => imported,
        Err(mistake) => {
            writeln!(err, "{}", Mistakes::new(file, vec![mistake]))?;
            return Ok(Exit::Usage);
        }
    };
    write!(err, "{}", imported.notes)?;
    out.write_all(imported.text.as_bytes())?;
    Ok(if imported.count == 0 { Exit::Failed } else { Exit::Fine })
}

fn give(config: Option<PathBuf>, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let Config { judging, targets, .. } = commands::load(config)?.config;
    let names = targets.iter().flat_map(|config| {
        let target = &config.target;
        target.probes.plans().into_iter().map(|plan| format!("{}/{}", target.name, plan.name))
    });
    let probes: Vec<String> = names.collect();
    out.write_all(export(&judging.slos, &probes)?.as_bytes())?;
    Ok(Exit::Fine)
}

/// The text of a file or of standard input.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn text(file: &Path) -> Result<String, String> {
    if file != Path::new("-") {
        return config::text(file);
    }
    let mut text = String::new();
    let read = io::stdin().lock().take(config::LONGEST + 1).read_to_string(&mut text);
    match read {
        Ok(length) if length as u64 > config::LONGEST => Err(format!("it is longer than {} bytes", config::LONGEST)),
        Ok(_) => Ok(text),
        Err(error) => Err(format!("it cannot be read: {error}")),
    }
}
