//! The log, on standard error: ours at the level that was asked for, others' only when something is wrong.

use std::io;

use clap::ValueEnum;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::output;

/// Crates whose words are known to hold no secret. At trace level, HTTP libraries print whole headers.
const OURS: [&str; 4] = ["authprobe", "probes", "storage", "reports"];

/// Crates whose words may hold a secret at every level: this one prints an answer of the API server that it cannot read.
const NEVER: [&str; 1] = ["kube_client"];

/// Form of a log line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Begins to log.
pub(crate) fn start(level: Level, format: Format) {
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match format {
        Format::Json => lines.json().flatten_event(true).boxed(),
        Format::Text => lines.with_ansi(output::colours(&io::stderr())).with_target(false).boxed(),
    };
    // A test may have begun already.
    let _ =
        tracing_subscriber::registry().with(lines.with_filter(filter_fn(move |line| is_kept(line, level)))).try_init();
}

fn is_kept(line: &Metadata<'_>, level: Level) -> bool {
    let part = line.target().split("::").next().unwrap_or_default();
    !NEVER.contains(&part) && *line.level() <= if OURS.contains(&part) { level } else { level.min(Level::WARN) }
}
