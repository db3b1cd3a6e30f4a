//! Writes the data set of the measurements to standard output, or tells how far it can be compressed at all.

mod data;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use data::entropy::{self, Floor};
use data::{EVERY_US, Results, Sample, Shape, durations, starts};
use storage::interchange;
use storage::record::{Phases, Record};

/// How the data set is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The interchange format.
    Ndjson,
    /// Tab-separated columns, for loading other stores.
    Tsv,
}

/// Writes the data set of the measurements: fixed seed, in the order of time.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    shape: Shape,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// Tells the entropy of each column instead, by the densities that the durations and starts are drawn from.
    #[arg(long)]
    entropy: bool,
    /// Tells the two hours around the rotation of a secret instead, as milliseconds since 1970.
    #[arg(long)]
    window: bool,
}

fn main() -> ExitCode {
    let Arguments { shape, format, entropy, window } = Arguments::parse();
    let mut output = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let written = if entropy {
        tell(entropy::floor(shape), &mut output)
    } else if window {
        let (from, until) = shape.window();
        writeln!(output, "{}\t{}", from.as_millisecond(), until.as_millisecond())
    } else {
        write(shape, format, &mut output)
    };
    match written.and_then(|()| output.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads has had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dataset: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(shape: Shape, format: Format, output: &mut impl Write) -> io::Result<()> {
    for sample in Results::new(shape) {
        match format {
            Format::Ndjson => interchange::write(&Record::Result(sample.result), &mut *output)?,
            Format::Tsv => columns(&sample, output)?,
        }
    }
    if format == Format::Ndjson {
        let gaps = shape.gaps().into_iter().map(Record::Gap);
        for record in gaps.chain(shape.changes().into_iter().map(Record::Change)) {
            interchange::write(&record, &mut *output)?;
        }
    }
    Ok(())
}

/// The slot of a result on a grid that all targets share, in microseconds: the moment with which a scraper would stamp
/// it. A run begins when it is planned or later, and ends before the next one is.
fn slot_us(sample: &Sample) -> i64 {
    let since_planned = sample.result.time.as_microsecond() - starts::phase_us(sample.series / 5);
    since_planned - since_planned.rem_euclid(EVERY_US)
}

/// Series, target, probe, slot and start in milliseconds, outcome and reason as numbers, status, five phases, detail.
/// A reason that is none is 255, a status that is none 0.
fn columns(sample: &Sample, output: &mut impl Write) -> io::Result<()> {
    let Sample { series, result } = sample;
    let slot_ms = slot_us(sample) / 1000;
    let Phases { resolve, connect, tls, processing, transfer } = result.phases_us.unwrap_or_default();
    writeln!(
        output,
        "{series}\t{}\t{}\t{slot_ms}\t{}\t{}\t{}\t{}\t{resolve}\t{connect}\t{tls}\t{processing}\t{transfer}\t{}",
        result.target,
        result.probe,
        result.time.as_millisecond(),
        result.outcome.code(),
        result.reason.map_or(u8::MAX, |reason| reason.code()),
        result.status.unwrap_or(0),
        result.detail.as_deref().unwrap_or(""),
    )
}

fn tell(floor: Floor, output: &mut impl Write) -> io::Result<()> {
    writeln!(output, "| column | bits/result |\n|--|--|\n| start | {:.2} |", floor.start)?;
    for ((name, _), bits) in durations::PHASES.iter().zip(floor.phases) {
        writeln!(output, "| {name} | {bits:.2} |")?;
    }
    writeln!(output, "| all | {:.2} = {:.3} bytes |", floor.bytes() * 8.0, floor.bytes())
}
