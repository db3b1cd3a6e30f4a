//! The commands, one file each.

mod alerts;
mod changes;
pub(crate) mod check;
mod completions;
mod config;
mod demo;
mod export;
mod import;
mod incidents;
mod init;
mod man;
mod note;
pub(crate) mod report;
mod results_csv;
mod rules;
pub(crate) mod run;
mod slo;
mod store;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use storage::locator::Locator;
use tracing::{Level, warn};

use crate::config::{DEFAULT_FILE, Loaded};
use crate::exit::Exit;
use crate::logging::{self, Format};

/// Store where neither the command line nor a configuration names one.
const DEFAULT_STORE: &str = "authprobe.db";

/// Probes authentication and authorization, and names the change behind a failure
#[derive(Debug, Parser)]
#[command(
    name = "authprobe",
    version,
    propagate_version = true,
    after_help = "\
Examples:
  authprobe demo                         see it work, with nothing else installed
  authprobe init && authprobe config check
  authprobe check                        run every probe once, now
  authprobe run                          probe all the time
  authprobe report incidents --last 24h

Exit codes: 0 all fine · 1 a probe failed or an objective is missed · 2 usage or configuration error · 3 our own fault"
)]
pub(crate) struct Cli {
    /// How much to log [default: info; of `demo` warn]
    #[arg(long, global = true, value_name = "LEVEL", env = "AUTHPROBE_LOG",
          value_parser = ["error", "warn", "info", "debug", "trace"])]
    log: Option<String>,

    /// Form of the log
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", env = "AUTHPROBE_LOG_FORMAT")]
    log_format: Format,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Check(check::Check),
    Run(run::Run),
    Report(report::Report),
    Rules(rules::Rules),
    Changes(changes::Changes),
    Incidents(incidents::Incidents),
    Note(note::Note),
    Alerts(alerts::Alerts),
    Import(import::Import),
    Export(export::Export),
    Slo(slo::SloCommand),
    Store(store::Store),
    Config(config::ConfigCommand),
    Completions(completions::Completions),
    Man(man::ManPages),
}

/// Runs a command.
///
/// # Errors
/// When it cannot do what it is for; [`crate::exit::of`] says with which exit code.
pub(crate) fn run(cli: Cli) -> anyhow::Result<Exit> {
    let Cli { log, log_format, command } = cli;
    let usual = if matches!(command, Command::Demo(_)) { Level::WARN } else { Level::INFO };
    logging::start(log.and_then(|level| level.parse().ok()).unwrap_or(usual), log_format);
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Init(args) => init::run(args),
        Command::Check(args) => check::run(args),
        Command::Run(args) => run::run(args),
        Command::Report(args) => report::run(args),
        Command::Rules(args) => rules::run(args),
        Command::Changes(args) => changes::run(args),
        Command::Incidents(args) => incidents::run(args),
        Command::Note(args) => note::run(args),
        Command::Alerts(args) => alerts::run(args),
        Command::Import(args) => import::run(args),
        Command::Export(args) => export::run(args),
        Command::Slo(args) => slo::run(args),
        Command::Store(args) => store::run(args),
        Command::Config(args) => config::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    }
}

/// The store that a command works on: the given one, else that of an `authprobe.yaml` here, else the default.
///
/// # Errors
/// When the text is no store, or the configuration names none.
pub(crate) fn store_locator(given: Option<String>) -> anyhow::Result<Locator> {
    match given {
        Some(given) => Ok(given.parse()?),
        None if Path::new(DEFAULT_FILE).exists() => Ok(crate::config::store_of(Path::new(DEFAULT_FILE))?),
        None => Ok(DEFAULT_STORE.parse()?),
    }
}

/// Loads the configuration and says what is odd about it.
///
/// # Errors
/// When it cannot be used; tells every mistake.
pub(crate) fn load(file: Option<PathBuf>) -> anyhow::Result<Loaded> {
    let file = file.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let loaded = crate::config::load(file)?;
    for warning in loaded.warnings.all() {
        warn!("{}:{warning}", file.display());
    }
    Ok(loaded)
}

/// The runtime that asynchronous commands work on.
///
/// # Errors
/// When the system gives no threads.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    // Name resolution blocks a thread; a dead name server must not take all of them.
    const BLOCKING_THREADS: usize = 64;
    tokio::runtime::Builder::new_multi_thread().max_blocking_threads(BLOCKING_THREADS).enable_all().build()
}

/// Longest text that a person gives on the command line, in characters.
const LONGEST_TEXT: usize = 1000;

/// A text of one line that a person gives.
///
/// # Errors
/// When it is empty, too long, or holds control characters.
fn text(given: &str) -> Result<String, String> {
    let given = given.trim();
    if given.is_empty() {
        Err("it is empty".into())
    } else if given.chars().count() > LONGEST_TEXT {
        Err(format!("it has more than {LONGEST_TEXT} characters"))
    } else if given.contains(char::is_control) {
        Err("it holds control characters, such as a new line".into())
    } else {
        Ok(given.to_owned())
    }
}
