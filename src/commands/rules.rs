//! `authprobe rules`: writes recording and alerting rules for Prometheus.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::commands;
use crate::config::Loaded;
use crate::config::schedule::Schedule;
use crate::exit::Exit;
use crate::output;
use crate::rules;

/// Write recording and alerting rules for Prometheus
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe rules > /etc/prometheus/rules/authprobe.yml
  authprobe rules --url https://authprobe.example.com | promtool check rules /dev/stdin

The rules use the metrics that `authprobe run` shows under /metrics.")]
pub(crate) struct Rules {
    /// Configuration file
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where people reach the pages, for the links in alerts; default: the configuration's `listen`
    #[arg(long, value_name = "URL", value_parser = commands::text)]
    url: Option<String>,
}

pub(crate) fn run(args: Rules) -> anyhow::Result<Exit> {
    let Loaded { config, .. } = commands::load(args.config)?;
    let every = |schedule: &Schedule| match schedule {
        Schedule::Every(every) => Some(*every),
        Schedule::Cron { .. } => None,
    };
    let every: Vec<Duration> = config.targets.iter().filter_map(|target| every(&target.schedule)).collect();
    let url = args.url.unwrap_or_else(|| format!("http://{}", config.web.listen));
    let text = rules::write(&config.judging, &every, &url, Timestamp::now());
    output::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Fine)
}
