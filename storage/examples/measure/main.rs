//! Measures the store with the data set of the measurements: each part a process, so that its figures are its own.

#[path = "../data/mod.rs"]
mod data;

mod ask;
mod fill;
mod keep;
mod usage;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::Value;

/// Measures one part of the store, and tells the figures as a line of JSON.
#[derive(Parser)]
enum Part {
    /// Draws the data set and does nothing with it: what of filling is not the store's.
    Draw(fill::Draw),
    /// Fills a store as a daemon does, as fast as it can.
    Fill(fill::Fill),
    /// Asks a store one question several times.
    Ask(ask::Ask),
    /// Measures, compacts or verifies a store.
    #[command(subcommand)]
    Keep(Keep),
}

#[derive(Subcommand)]
enum Keep {
    /// Tells the bytes of a result, by table.
    Size(keep::Store),
    /// Compacts.
    Compact(keep::Store),
    /// Verifies everything.
    Verify(keep::Store),
}

fn main() -> ExitCode {
    let told = match Part::parse() {
        Part::Draw(draw) => draw.measure(),
        Part::Fill(fill) => fill.measure(),
        Part::Ask(ask) => ask.measure(),
        Part::Keep(Keep::Size(store)) => keep::size(&store),
        Part::Keep(Keep::Compact(store)) => keep::compact(&store),
        Part::Keep(Keep::Verify(store)) => keep::verify(&store),
    };
    match told.and_then(|told| tell(&told)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("measure: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tell(told: &Value) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(io::stdout().lock(), "{told}")?)
}
