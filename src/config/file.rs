//! The configuration file as it is written: the program's own keys around the settings of each part.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use probes::credential::Source;
use probes::target::{HttpVersion, Probes, Tls};
use reports::link::Link;
use reports::settings::{Correction, Slo};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::alerts::settings::Receiver;
use crate::changes;
use crate::config::scheduled::ScheduledReport;

/// The configuration of authprobe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "authprobe.yaml")]
pub(crate) struct File {
    /// Where records are kept: a path or `sqlite:PATH`. A relative path begins at this file's directory.
    #[serde(default = "store")]
    pub(super) store: String,
    /// Address and port of the pages, of the metrics and of the API; port 0 takes any that is free.
    #[serde(default = "listen")]
    pub(super) listen: String,
    /// Where people reach the pages of this prober, for links in alerts; `http://` and `listen` where absent.
    #[schemars(example = &"https://authprobe.example.com")]
    pub(super) public_url: Option<String>,
    /// Bearer token that a client of the API needs, and a reader who is not on this machine.
    pub(super) api_token: Option<Source>,
    /// Whether a reverse proxy stands before authprobe and decides who may read: then pages need no token.
    #[serde(default)]
    pub(super) behind_proxy: bool,
    /// Name of this prober in every result, for a fleet of several.
    #[serde(default = "agent")]
    pub(super) agent: String,
    /// How long records are kept; everything for ever where absent.
    #[serde(default)]
    pub(super) retention: Keep,
    /// The APIs under probe.
    #[serde(default)]
    pub(super) targets: Vec<Section>,
    /// Where changes are looked for.
    #[serde(default)]
    pub(super) changes: changes::Settings,
    /// Objectives.
    #[serde(default)]
    pub(super) slos: Vec<Slo>,
    /// Stretches that count in no objective.
    #[serde(default)]
    pub(super) corrections: Vec<Correction>,
    /// Numbers of attribution that replace built-in ones, TOML; `authprobe config model` prints those. A relative path
    /// begins at this file's directory.
    pub(super) model: Option<PathBuf>,
    /// Reports that are written on a schedule.
    #[serde(default)]
    pub(super) reports: Vec<ScheduledReport>,
    /// Who is told of failures.
    #[serde(default)]
    pub(super) alerts: Vec<Receiver>,
}

/// How long records are kept. Changes, gaps and verdicts are few and stay as long as sums.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "Retention")]
pub(super) struct Keep {
    /// How long single results are kept, from 1d to 100y.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>", example = &"90d")]
    pub(super) results: Option<Duration>,
    /// How long their sums are kept, at least as long as the results.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>", example = &"2y")]
    pub(super) rollups: Option<Duration>,
    /// Size of the store from which on the oldest results go first, at least 16MiB.
    #[schemars(with = "Option<Size>", example = &"10GiB")]
    pub(super) max_size: Option<ByteSize>,
    /// Age from which on durations of results keep ten significant bits (an error of 0.1 % at most), at least 1d.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>", example = &"30d")]
    pub(super) round_after: Option<Duration>,
}

/// An API under probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "Target")]
pub(super) struct Section {
    /// Its name, unique in the file; without a slash.
    pub(super) name: String,
    /// Where it is, `http://` or `https://`; the paths of the probes are below it.
    pub(super) url: String,
    /// Interval between two runs, from 1s to 24h. Either this or `cron`.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>", example = &"30s")]
    pub(super) every: Option<Duration>,
    /// Times of the runs, in five fields (or six, with seconds first). Either this or `every`.
    #[schemars(example = &"*/5 * * * *")]
    pub(super) cron: Option<String>,
    /// IANA name of the time zone of `cron`; UTC where absent.
    #[schemars(example = &"Europe/Paris")]
    pub(super) timezone: Option<String>,
    /// Limit of each request, from its start to the end of its body.
    #[serde(default = "timeout", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub(super) timeout: Duration,
    /// TLS files. Relative paths begin at this file's directory.
    #[serde(default)]
    pub(super) tls: Tls,
    /// HTTP version.
    #[serde(default)]
    pub(super) http: HttpVersion,
    /// Whether connections are kept between runs; without it every request shows all of its phases.
    #[serde(default)]
    pub(super) keep_alive: bool,
    /// Proxy for every request, `http://HOST:PORT`.
    pub(super) proxy: Option<String>,
    /// How many redirects are followed, at most 10.
    #[serde(default)]
    #[schemars(range(max = 10))]
    pub(super) redirects: u8,
    /// Longest response body that is read, from 1KiB to 16MiB.
    #[schemars(with = "Option<Size>")]
    pub(super) body_limit: Option<ByteSize>,
    /// What belongs to the target in Kubernetes.
    pub(super) kubernetes: Option<Link>,
    /// What is checked.
    #[serde(default)]
    pub(super) probes: Probes,
}

/// A size: bytes, or a number with a unit, such as `256KiB`.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes the two forms to the JSON Schema, is never built")]
pub(super) enum Size {
    Bytes(u64),
    Written(String),
}

/// Name of the store where none is given.
pub(super) const STORE: &str = "authprobe.db";

fn store() -> String {
    STORE.into()
}

fn listen() -> String {
    "127.0.0.1:9464".into()
}

fn agent() -> String {
    "local".into()
}

fn timeout() -> Duration {
    Duration::from_secs(10)
}
