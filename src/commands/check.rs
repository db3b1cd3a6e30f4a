//! `authprobe check`: runs the selected probes once, now.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::ValueEnum;
use futures_util::stream::{self, StreamExt};
use globset::{GlobBuilder, GlobMatcher};
use indicatif::{ProgressBar, ProgressStyle};
use storage::error::Error;
use storage::locator::Locator;
use storage::record::{Expect, Outcome, ProbeKind, ProbeResult, Record, Variant};
use storage::sqlite::writer::Writer;
use tracing::{info, warn};

use crate::changes::kubernetes;
use crate::changes::kubernetes::client::Access;
use crate::changes::kubernetes::credentials::Fetcher;
use crate::check_formats;
use crate::commands;
use crate::config::{Config, Loaded, TargetConfig};
use crate::credentials::Keeper;
use crate::exit::Exit;
use crate::fingerprint_key;
use crate::output;
use crate::prober::{Prober, Shared};

/// Targets that are checked at once.
const AT_ONCE: usize = 16;

/// Run the selected probes once, now
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe check
  authprobe check --target orchestrator --probe 'jwt*'
  authprobe check --format junit > authprobe.xml
  authprobe check --record && authprobe report slo

A held token needs an earlier run, so `jwt-held` is left out. `login-unknown` sends a wrong password on purpose;
it is run only when `--probe` names it.
Exit codes: 0 every probe succeeded · 1 a probe failed · 2 usage or configuration error · 3 a probe could not be
executed for a fault of the prober's own (a secret that cannot be read, no network)")]
pub(crate) struct Check {
    /// Configuration file
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Only this target, a glob; may be given again
    #[arg(long = "target", value_name = "TARGET", value_parser = glob)]
    targets: Vec<GlobMatcher>,

    /// Only this probe, a glob over PROBE or TARGET/PROBE; may be given again
    #[arg(long = "probe", value_name = "PROBE", value_parser = glob)]
    probes: Vec<GlobMatcher>,

    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    /// Keep the results in the store of the configuration
    #[arg(long)]
    record: bool,

    /// Store to keep them in, in place of the configuration's
    #[arg(long, value_name = "URL", requires = "record")]
    store: Option<String>,
}

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON object.
    Json,
    /// JUnit XML, as CI servers read it.
    Junit,
}

pub(crate) fn run(args: Check) -> anyhow::Result<Exit> {
    let Check { config, targets, probes, format, record, store } = args;
    let Loaded { config, .. } = commands::load(config)?;
    let selected = select(&config, &targets, &probes);
    if selected.is_empty() {
        eprintln!("authprobe check: no probe is selected; these are configured: {}", names(&config).join(", "));
        return Ok(Exit::Usage);
    }
    let store = match store {
        Some(given) => given.parse::<Locator>()?,
        None => config.store.clone(),
    };
    let Locator::Sqlite(path) = &store;
    // A store that cannot be written is told before anything is sent.
    let writer = record.then(|| Writer::open(path)).transpose()?;
    let key =
        if record { fingerprint_key::beside(path).context("the key for fingerprints of secrets")? } else { Vec::new() };
    let shared = Shared {
        keeper: Arc::new(Keeper::new(&key)),
        profiles: Arc::default(),
        sightings: Arc::default(),
        agent: config.agent.as_str().into(),
    };
    let runtime = commands::runtime().context("the runtime cannot be started")?;
    let access = config.changes.kubernetes.as_ref().map(kubernetes::Settings::access).unwrap_or_default();
    let records = runtime.block_on(all(selected, &shared, access));
    runtime.shutdown_background();
    if let Some(mut writer) = writer {
        let counts = writer.append(&records)?;
        info!("{} records kept in {store}", counts.new);
        // The results are safe, so what fails now must not hide them.
        if let Err(failure) = tidy(writer) {
            warn!("the store cannot be tidied, it is tried again at the next check: {failure}");
        }
    }
    let results: Vec<ProbeResult> = records.into_iter().filter_map(result).collect();
    check_formats::write(format, &results, output::colours(&io::stdout()), &mut output::stdout())?;
    Ok(verdict(&results))
}

/// Keeps the store small: where checks are all that records, nobody else does.
fn tidy(mut writer: Writer) -> Result<(), Error> {
    while writer.maintain()? {}
    writer.close()
}

/// The targets with the names of their selected probes.
fn select<'a>(
    config: &'a Config,
    targets: &[GlobMatcher],
    probes: &[GlobMatcher],
) -> Vec<(&'a TargetConfig, HashSet<String>)> {
    let is_named = |target: &str, probe: &str| {
        probes.iter().any(|glob| glob.is_match(format!("{target}/{probe}")) || glob.is_match(probe))
    };
    let wanted = |target: &'a TargetConfig| {
        let name = &target.target.name;
        let plans = target.target.probes.plans().into_iter().filter(|plan| {
            let by_itself =
                plan.variant != Variant::Held && (plan.kind, plan.expect) != (ProbeKind::Login, Expect::Deny);
            if probes.is_empty() { by_itself } else { is_named(name, &plan.name) }
        });
        (target, plans.map(|plan| plan.name).collect::<HashSet<_>>())
    };
    let is_target =
        |target: &&TargetConfig| targets.is_empty() || targets.iter().any(|glob| glob.is_match(&target.target.name));
    config.targets.iter().filter(is_target).map(wanted).filter(|(_, wanted)| !wanted.is_empty()).collect()
}

fn names(config: &Config) -> Vec<String> {
    let of = |target: &TargetConfig| {
        let plans = target.target.probes.plans();
        plans.into_iter().map(|plan| format!("{}/{}", target.target.name, plan.name)).collect::<Vec<_>>()
    };
    config.targets.iter().flat_map(of).collect()
}

async fn all(selected: Vec<(&TargetConfig, HashSet<String>)>, shared: &Shared, access: Access) -> Vec<Record> {
    let selected: Vec<_> =
        selected.into_iter().map(|(config, wanted)| (Prober::new(config, shared.clone()), wanted)).collect();
    if let Some(mut fetcher) = Fetcher::new(access, Arc::clone(&shared.keeper)) {
        fetcher.fetch().await;
    }
    let progress = ProgressBar::new(selected.len() as u64).with_style(
        ProgressStyle::with_template("{spinner} {pos}/{len} targets {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let one = |(prober, wanted): (Prober, HashSet<String>)| {
        let progress = progress.clone();
        async move {
            progress.set_message(prober.target.name.clone());
            let records = match prober.take() {
                Some(session) => prober.run(session, Some(&wanted), None).await,
                None => Vec::new(),
            };
            progress.inc(1);
            records
        }
    };
    let records: Vec<Vec<Record>> = stream::iter(selected).map(one).buffered(AT_ONCE).collect().await;
    progress.finish_and_clear();
    records.into_iter().flatten().collect()
}

fn result(record: Record) -> Option<ProbeResult> {
    match record {
        Record::Result(result) => Some(result),
        Record::Change(_) | Record::Gap(_) | Record::Verdict(_) => None,
    }
}

fn verdict(results: &[ProbeResult]) -> Exit {
    let any = |outcome| results.iter().any(|result| result.outcome == outcome);
    match (any(Outcome::Failure), any(Outcome::Invalid)) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::Fault,
        (false, false) => Exit::Fine,
    }
}

fn glob(text: &str) -> Result<GlobMatcher, globset::Error> {
    Ok(GlobBuilder::new(text).literal_separator(true).build()?.compile_matcher())
}
