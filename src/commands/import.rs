//! `authprobe import`: takes records of the interchange into a store.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use storage::interchange::{self, Summary};
use storage::locator::Locator;
use storage::sqlite::writer::{Counts, Writer};

use crate::commands::store_locator;
use crate::exit::Exit;
use crate::progress::{self, Unit};

/// Take records (NDJSON) into a store; taking the same ones again changes nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe import results.ndjson
  authprobe import --store sqlite:/var/lib/authprobe/authprobe.db monday.ndjson tuesday.ndjson
  zcat archive.ndjson.gz | authprobe import -

A line that is not a record is skipped and told with its number, and makes the exit code 1.")]
pub(crate) struct Import {
    /// Store to write to: PATH or sqlite:PATH, made when there is none
    #[arg(long, value_name = "URL")]
    store: Option<String>,

    /// Files to read; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: Import) -> anyhow::Result<Exit> {
    let Import { store, files } = args;
    let locator = store_locator(store)?;
    // A misspelt name is found before anything is written.
    if let Some(file) = files.iter().find(|file| *file != Path::new("-") && !file.exists()) {
        eprintln!("cannot read {}: it does not exist", file.display());
        return Ok(Exit::Usage);
    }
    let Locator::Sqlite(path) = &locator;
    let mut writer = Writer::open(path)?;
    let mut counts = Counts::default();
    let mut total = Summary::default();
    for file in &files {
        let (input, length) = match source(file) {
            Ok(opened) => opened,
            Err(error) => {
                eprintln!("cannot read {}: {error}", file.display());
                return Ok(Exit::Usage);
            }
        };
        let bar = progress::bar(&file.display().to_string(), length, Unit::Bytes);
        let summary = import(&mut writer, bar.wrap_read(input), &mut counts)
            .with_context(|| format!("{} was not taken in whole; importing it again does no harm", file.display()));
        bar.finish_and_clear();
        let summary = summary?;
        tell_refused(file, &summary);
        total.records += summary.records;
        total.unknown_fields += summary.unknown_fields;
        total.refused += summary.refused;
    }
    writer.close()?;
    tell(&locator, &total, counts);
    Ok(if total.refused > 0 { Exit::Failed } else { Exit::Fine })
}

fn import(writer: &mut Writer, input: impl Read, counts: &mut Counts) -> anyhow::Result<Summary> {
    interchange::read(BufReader::with_capacity(1 << 16, input), |batch| {
        *counts += writer.append(&batch)?;
        // What has arrived is sealed on the way, so that the store stays small however much comes.
        while writer.maintain()? {
            writer.checkpoint_if_due()?;
        }
        writer.checkpoint_if_due()?;
        Ok(())
    })
}

/// What `file` names, and how long it is if that is known.
fn source(file: &Path) -> io::Result<(Box<dyn Read>, Option<u64>)> {
    if file == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let opened = File::open(file)?;
    let metadata = opened.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let length = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(opened), length))
}

fn tell_refused(file: &Path, summary: &Summary) {
    for refused in &summary.told {
        eprintln!("{}: {refused}; skipped", file.display());
    }
    let untold = summary.refused.saturating_sub(summary.told.len() as u64);
    if untold > 0 {
        eprintln!("{}: {untold} more lines skipped", file.display());
    }
}

/// The closing line.
fn tell(locator: &Locator, total: &Summary, counts: Counts) {
    let Counts { new, replaced, duplicate, expired } = counts;
    let Summary { records, unknown_fields, refused, .. } = total;
    let old = if expired > 0 { format!(", {expired} left out as older than what is kept") } else { String::new() };
    eprintln!(
        "{records} records taken into {locator}: {new} new, {replaced} replaced, {duplicate} duplicate{old}; \
         lines refused: {refused}, unknown fields left out: {unknown_fields}"
    );
}
