//! `authprobe import`: takes records of the interchange into a store, or files of other tools into a configuration.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use storage::interchange::{self, Summary};
use storage::locator::Locator;
use storage::sqlite::writer::{Counts, Writer};

use crate::commands::slo::text;
use crate::commands::store_locator;
use crate::config::mistake::Mistakes;
use crate::exit::Exit;
use crate::moving::starter::Imported;
use crate::moving::{blackbox, gatus};
use crate::output;
use crate::progress::{self, Unit};

/// Take records (NDJSON) into a store; taking the same ones again changes nothing. With --from, print a configuration
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe import results.ndjson
  authprobe import --store sqlite:/var/lib/authprobe/authprobe.db monday.ndjson tuesday.ndjson
  zcat archive.ndjson.gz | authprobe import -
  authprobe import --from blackbox blackbox.yml > authprobe.yaml

A line that is not a record is skipped and told with its number, and makes the exit code 1.
With --from, secrets are never copied: references stand in their place, and everything that is not carried over is told.")]
pub(crate) struct Import {
    /// Store to write to: PATH or sqlite:PATH, made when there is none
    #[arg(long, value_name = "URL")]
    store: Option<String>,

    /// Print a configuration made from a file of another tool, instead of taking records
    #[arg(long, value_enum, value_name = "TOOL", conflicts_with = "store")]
    from: Option<Tool>,

    /// Files to read; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Tool {
    /// Modules of the Prometheus blackbox exporter
    Blackbox,
    /// Endpoints of gatus
    Gatus,
}

pub(crate) fn run(args: Import) -> anyhow::Result<Exit> {
    let Import { store, from, files } = args;
    if let Some(tool) = from {
        return move_in(tool, &files, &mut output::stdout(), &mut io::stderr());
    }
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

/// Prints a configuration made from one file of another tool.
fn move_in(tool: Tool, files: &[PathBuf], out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<Exit> {
    let [file] = files else {
        writeln!(err, "authprobe import: `--from` takes one file")?;
        return Ok(Exit::Usage);
    };
    let text = match text(file) {
        Ok(text) => text,
        Err(why) => {
            writeln!(err, "{}: {why}", file.display())?;
            return Ok(Exit::Usage);
        }
    };
    let imported = match tool {
        Tool::Blackbox => blackbox::import(&text),
        Tool::Gatus => gatus::import(&text),
    };
    let Imported { text, count, notes } = match imported {
        Ok(imported) => imported?,
        Err(mistake) => {
            writeln!(err, "{}", Mistakes::new(file, vec![mistake]))?;
            return Ok(Exit::Usage);
        }
    };
    write!(err, "{notes}")?;
    out.write_all(text.as_bytes())?;
    Ok(if count == 0 { Exit::Failed } else { Exit::Fine })
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
