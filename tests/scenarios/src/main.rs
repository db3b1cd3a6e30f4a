//! Plays scenes, scores how they are judged, and shows what was judged wrongly.

use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use scenarios::cases::{self, Case};
use scenarios::judge::judge;
use scenarios::quiet::false_opens;
use scenarios::runs;
use scenarios::score::statistics::median;
use scenarios::score::verdicts::{Scored, score};
use scenarios::table;
use storage::record::{Change, Record};

#[derive(Parser)]
#[command(about = "Incidents with known causes, and how well they are judged")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays every case with every seed and prints the figures.
    Run {
        /// Seeds, such as `1000..1030`.
        #[arg(long, default_value = "1000..1010")]
        seeds: String,
        /// Cases whose name contains this.
        #[arg(long)]
        only: Option<String>,
        /// Unrelated changes a day; 5, 80 and 400 in turn where it is not given.
        #[arg(long)]
        decoys: Option<u32>,
        /// Lists what was judged wrongly instead.
        #[arg(long)]
        failures: bool,

        /// Show each onset that was not held as well
        #[arg(long, requires = "failures")]
        onsets: bool,
    },
    /// Shows one scene whole.
    Explain {
        /// Name of the case.
        #[arg(long)]
        scenario: String,
        #[arg(long)]
        seed: u64,
        #[arg(long)]
        decoys: Option<u32>,
    },
    /// Writes one scene for `authprobe import` and `authprobe report`.
    Generate {
        /// Name of the case.
        #[arg(long)]
        scenario: String,
        #[arg(long)]
        seed: u64,
        #[arg(long)]
        decoys: Option<u32>,
        /// The directory to write to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Scores a report of `authprobe report incidents --format json` on a generated scene.
    Score {
        /// The directory that `generate` wrote.
        #[arg(long)]
        dir: PathBuf,
        /// The report.
        report: PathBuf,
    },
    /// Counts the incidents that are seen where nothing but noise is.
    Quiet {
        /// Seeds, a month of six probes each.
        #[arg(long, default_value = "1000..1004")]
        seeds: String,
        /// Share of the executions that fail by themselves.
        #[arg(long, default_value_t = 0.002)]
        flakes: f64,
        /// Seconds between two executions.
        #[arg(long, default_value_t = 60.0)]
        every: f64,
    },
    /// Measures what an incident with 1,000 changes costs.
    Cost,
    /// Lists the cases.
    List,
}

/// Seeds from here on are for reporting only.
const REPORTING: u64 = 100_000;

fn main() -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match Arguments::parse().command {
        Command::Run { seeds, only, decoys, failures, onsets } => {
            let (from, until) = range(&seeds)?;
            if failures && until > REPORTING {
                eprintln!(
                    "warning: seeds from {REPORTING} on are for reporting; what is seen of them must not be tuned to"
                );
            }
            let chosen: Vec<Case> = cases::all()
                .into_iter()
                .filter(|case| only.as_ref().is_none_or(|part| case.name.contains(part)))
                .collect();
            let scenes = runs::run(&chosen, from, until, decoys)?;
            if failures {
                let not_held =
                    |scene: &Scored| scene.answers.iter().any(|answer| answer.found && !answer.onset_covered);
                for scene in scenes.iter().filter(|scene| !scene.is_right() || (onsets && not_held(scene))) {
                    wrong(&mut out, scene)?;
                }
            } else {
                write!(out, "{}", table::markdown(&scenes))?;
            }
        }
        Command::Explain { scenario, seed, decoys } => {
            let played = cases::play(&case(&scenario)?, seed, runs::load(decoys, seed));
            let judged = judge(&played)?;
            let scored = score(&played.truth, &judged.report, &judged.changes, judged.took_ms);
            writeln!(out, "{}", serde_json::to_string_pretty(&played.truth)?)?;
            for change in judged.changes.iter().filter(|change| !change.targets.is_empty()) {
                writeln!(out, "{}", serde_json::to_string(&Record::Change(change.clone()))?)?;
            }
            writeln!(out, "{}", serde_json::to_string_pretty(&judged.report["incidents"])?)?;
            wrong(&mut out, &scored)?;
        }
        Command::Generate { scenario, seed, decoys, out: directory } => {
            generate(&case(&scenario)?, seed, runs::load(decoys, seed), &directory)?;
        }
        Command::Score { dir, report } => {
            let truth = serde_json::from_slice(&fs::read(dir.join("truth.json"))?)?;
            let report = serde_json::from_slice(&fs::read(&report)?)?;
            let changes: Vec<Change> = fs::read_to_string(dir.join("records.ndjson"))?
                .lines()
                .filter_map(|line| match serde_json::from_str(line) {
                    Ok(Record::Change(change)) => Some(change),
                    _ => None,
                })
                .collect();
            let scored = score(&truth, &report, &changes, 0.0);
            writeln!(out, "{}", if scored.is_right() { "right" } else { "wrong" })?;
            wrong(&mut out, &scored)?;
        }
        Command::Quiet { seeds, flakes, every } => {
            let (from, until) = range(&seeds)?;
            let (mut opens, mut months) = (0, 0.0);
            for seed in from..until {
                let (incidents, probe_months) = false_opens(seed, flakes, every)?;
                opens += incidents;
                months += probe_months;
            }
            let rate = opens as f64 / months;
            writeln!(out, "{opens} false incidents in {months} probe-months: {rate:.4} each (target ≤ 0.1)")?;
        }
        Command::Cost => cost(&mut out)?,
        Command::List => {
            for case in cases::all() {
                writeln!(out, "{}", case.name)?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

fn range(seeds: &str) -> anyhow::Result<(u64, u64)> {
    let (from, until) = seeds.split_once("..").context("seeds are given as FROM..UNTIL")?;
    Ok((from.parse()?, until.parse()?))
}

/// The time of a report of one incident with 1,000 changes before it, less that of one without them.
fn cost(out: &mut impl io::Write) -> anyhow::Result<()> {
    let case = case("signing_secret_at_the_verifier")?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for seed in 1..=20 {
        // A scene reaches back for about 30 hours.
        let played = cases::play(&case, seed, 800);
        let alone = cases::play(&case, seed, 0);
        with.push(judge(&played)?.took_ms);
        without.push(judge(&alone)?.took_ms);
    }
    let (with, without) = (median(&with), median(&without));
    writeln!(out, "1,000 changes: {with:.2} ms a report; none: {without:.2} ms (target ≤ 50 ms an incident)")
        .context("standard output is closed")
}

fn case(name: &str) -> anyhow::Result<Case> {
    match cases::all().into_iter().find(|case| case.name == name) {
        Some(case) => Ok(case),
        None => bail!("no case `{name}`; `list` shows them"),
    }
}

fn wrong(out: &mut impl io::Write, scene: &Scored) -> io::Result<()> {
    writeln!(
        out,
        "{} --seed {} (decoys {}), {} reported about nothing",
        scene.case, scene.seed, scene.decoys, scene.spurious
    )?;
    for answer in &scene.answers {
        let kind = if answer.full { "full" } else { "partial" };
        let seen = if answer.visible { "" } else { ", hardly visible" };
        writeln!(out, "    expected {} ({kind}{seen})", answer.expected)?;
        writeln!(
            out,
            "    got      {}{}{}",
            answer.got,
            if answer.trigger == Some(false) { " WRONG TRIGGER" } else { "" },
            if answer.found && !answer.marks { " MARKS" } else { "" }
        )?;
        if answer.found {
            let held = if answer.onset_covered { "held" } else { "NOT HELD" };
            writeln!(
                out,
                "    onset    {held}, off by {:.2} intervals, width {:.2}",
                answer.onset_error, answer.onset_width
            )?;
        }
    }
    Ok(())
}

fn generate(case: &Case, seed: u64, decoys: u32, directory: &Path) -> anyhow::Result<()> {
    let played = cases::play(case, seed, decoys);
    fs::create_dir_all(directory)?;
    let mut file = BufWriter::new(fs::File::create(directory.join("records.ndjson"))?);
    for record in &played.records {
        serde_json::to_writer(&mut file, record)?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    fs::write(directory.join("truth.json"), serde_json::to_vec_pretty(&played.truth)?)?;
    fs::write(directory.join("authprobe.yaml"), scenarios::configuration::yaml(&played))?;
    Ok(())
}
