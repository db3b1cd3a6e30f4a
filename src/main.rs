//! Arguments in, exit code out.

mod alerts;
mod changes;
mod check_formats;
mod commands;
mod config;
mod credentials;
mod daemon;
mod demo;
mod exit;
mod failing;
mod file;
mod fingerprint_key;
mod judge;
mod logging;
mod moving;
mod on_demand;
mod output;
mod overlap;
mod prober;
mod progress;
mod recorder;
mod rules;
mod schedule;
mod scheduled;
mod sightings;
mod source;
mod store_lock;
mod tally;
mod transports;
mod upkeep;
mod web;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Cli;
use crate::config::mistake::Mistakes;
use crate::exit::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refused) => {
            // A reader who is gone wants no message either.
            let _ = refused.print();
            return if refused.use_stderr() { Exit::Usage } else { Exit::Fine }.into();
        }
    };
    match commands::run(cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            // A list of mistakes stands for itself, as compilers print theirs.
            match error.downcast_ref::<Mistakes>() {
                Some(mistakes) => eprintln!("{mistakes}"),
                None => eprintln!("authprobe: {error:#}"),
            }
            exit::of(&error).into()
        }
    }
}
