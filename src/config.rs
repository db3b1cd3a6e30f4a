//! The configuration: each part's own settings, put together and checked together, every mistake with its place.
//!
//! A relative path in the file begins at the file's own directory, so that a configuration means the same from
//! wherever the program is started. (A path on the command line begins at the working directory, as everywhere.)

pub(crate) mod check;
mod decode;
mod deserializer;
pub(crate) mod document;
mod fault;
mod file;
pub(crate) mod mistake;
pub(crate) mod schedule;
mod scheduled;
mod secrets;
mod sources;
mod spot;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File as Opened;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use probes::target::{Target, Tls};
use reports::link::Link;
use reports::settings::Settings;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use storage::locator::Locator;
use storage::sqlite::retention::Retention;

use crate::alerts;
use crate::changes;
use crate::changes::kubernetes::ALL;
use crate::config::decode::{Decoded, Lost, decode};
use crate::config::document::{Node, Value};
use crate::config::file::File;
use crate::config::mistake::{Findings, Mistake, Mistakes, Place};
use crate::config::schedule::Schedule;
use crate::config::spot::Spot;
use crate::scheduled::settings::Report;
use crate::web;

/// Name of the configuration file where none is given.
pub(crate) const DEFAULT_FILE: &str = "authprobe.yaml";
/// Largest file that is read, in bytes.
pub(crate) const LONGEST: u64 = 8 * 1024 * 1024;

/// What the program was told to do.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where records are kept.
    pub(crate) store: Locator,
    /// How long they are kept there.
    pub(crate) retention: Retention,
    /// Name of this prober.
    pub(crate) agent: String,
    /// What is probed, and when.
    pub(crate) targets: Vec<TargetConfig>,
    /// How it is judged.
    pub(crate) judging: Settings,
    /// Where changes are looked for.
    pub(crate) changes: changes::Settings,
    /// Where it answers to others.
    pub(crate) web: web::Settings,
    /// Name of what the file says: the same for the same text.
    pub(crate) digest: String,
    /// Who is told of failures.
    pub(crate) alerts: alerts::settings::Settings,
    /// What is written on a schedule.
    pub(crate) reports: Vec<Report>,
}

/// A target and what is needed to reach it and to know when.
#[derive(Debug, Clone)]
pub(crate) struct TargetConfig {
    /// What is probed.
    pub(crate) target: Target,
    /// When it is due.
    pub(crate) schedule: Schedule,
    /// TLS files.
    pub(crate) tls: Tls,
}

/// A configuration that can be used, and what is odd about it.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) config: Config,
    /// What works, and may not be what was meant.
    pub(crate) warnings: Mistakes,
}

/// Loads a file to work with it. A secret that cannot be read now is a warning: it may be there at the next run.
///
/// # Errors
/// Everything that is wrong with the file.
pub(crate) fn load(path: &Path) -> Result<Loaded, Mistakes> {
    let (config, Findings { mistakes, mut warnings, unreadable }) = read(path);
    warnings.extend(unreadable);
    finish(path, config, mistakes, warnings)
}

/// The store that a file names, whatever else is wrong with it.
///
/// # Errors
/// When the file is no YAML, or `store` names none.
pub(crate) fn store_of(path: &Path) -> Result<Locator, Mistakes> {
    let base = path.parent().unwrap_or(Path::new(""));
    let lost = Lost::default();
    let named = text(path).map_err(|message| Mistake { place: Place::START, path: String::new(), message });
    let named = named.and_then(|text| Node::parse(&text)).and_then(|root| {
        let root = Spot::root(&root, &lost);
        let spot = root.key("store");
        let mut findings = Findings::default();
        let store = locator(spot.text().unwrap_or(file::STORE), &spot, base, &mut findings);
        store.ok_or_else(|| findings.mistakes.pop().unwrap_or_else(|| spot.mistake("this is no store")))
    });
    named.map_err(|mistake| Mistakes::new(path, vec![mistake]))
}

/// Loads a file to say what is wrong with it. A secret that cannot be read is a mistake.
///
/// # Errors
/// Everything that is wrong, and what is odd.
pub(crate) fn verify(path: &Path) -> Result<Loaded, (Mistakes, Mistakes)> {
    let (config, Findings { mut mistakes, warnings, unreadable }) = read(path);
    mistakes.extend(unreadable);
    let odd = Mistakes::new(path, warnings.clone());
    finish(path, config, mistakes, warnings).map_err(|mistakes| (mistakes, odd))
}

/// The JSON Schema (draft 2020-12) of the file.
pub(crate) fn schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    settings.into_generator().into_root_schema_for::<File>()
}

/// A key without a value is a mistake, though what it sets is optional.
fn without_null(schema: &mut Schema) {
    if let Some(serde_json::Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
    }
    if let Some(serde_json::Value::Array(forms)) = schema.get_mut("anyOf") {
        forms.retain(|form| form.get("type").is_none_or(|kind| kind != "null"));
    }
}

fn finish(
    path: &Path,
    config: Option<Config>,
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
) -> Result<Loaded, Mistakes> {
    match config {
        Some(config) if mistakes.is_empty() => Ok(Loaded { config, warnings: Mistakes::new(path, warnings) }),
        Some(_) | None => Err(Mistakes::new(path, mistakes)),
    }
}

fn read(path: &Path) -> (Option<Config>, Findings) {
    let mut findings = Findings::default();
    let config = match text(path) {
        Ok(text) => parse(&text, path.parent().unwrap_or(Path::new("")), &mut findings),
        Err(message) => {
            findings.mistakes.push(Mistake { place: Place::START, path: String::new(), message });
            None
        }
    };
    (config, findings)
}

/// The text of a file, up to a limit.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn text(path: &Path) -> Result<String, String> {
    let unreadable = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => "there is no such file: `authprobe init` writes one to begin with".to_owned(),
        ErrorKind::InvalidData => "the file is no UTF-8 text".to_owned(),
        _ => format!("the file cannot be read: {error}"),
    };
    let mut text = String::new();
    let length =
        Opened::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text)).map_err(unreadable)?;
    if length as u64 > LONGEST {
        return Err(format!("the file is longer than {LONGEST} bytes"));
    }
    Ok(text)
}

/// Reads the text of a file. `base` is where relative paths begin.
fn parse(text: &str, base: &Path, findings: &mut Findings) -> Option<Config> {
    let root = match Node::parse(text) {
        Ok(root) => root,
        Err(mistake) => {
            findings.mistakes.push(mistake);
            return None;
        }
    };
    if !matches!(root.value, Value::Map(_)) {
        let message = "the file holds no configuration: it begins with keys such as `targets:`".to_owned();
        findings.mistakes.push(Mistake { place: root.place, path: String::new(), message });
        return None;
    }
    let Decoded { settings, mistakes, lost } = decode::<File>(&root);
    findings.mistakes.extend(mistakes);
    let config = compose(settings?, &Spot::root(&root, &lost), base, findings)?;
    Some(Config { digest: named(text), ..config })
}

/// Checks the parts together and takes them apart for those who use them.
fn compose(file: File, root: &Spot<'_>, base: &Path, findings: &mut Findings) -> Option<Config> {
    check::changes::check(&file, root, &mut findings.mistakes);
    let File { store, listen, api_token, behind_proxy, retention, agent, targets: sections, changes, .. } = file;
    let (slos, corrections, model) = (file.slos, file.corrections, file.model);
    let alerts = check::alerts::check(file.alerts, file.public_url.as_deref(), root, base, findings);
    let reports = check::scheduled::check(file.reports, &root.key("reports"), base, findings);
    let store = locator(&store, &root.key("store"), base, findings);
    let web = check::web::check(listen, api_token, behind_proxy, root, base, findings);
    let retention = check::retention::check(retention, &root.key("retention"), findings);
    if let Err(message) = check::name(&agent) {
        findings.mistakes.push(root.key("agent").mistake(message));
    }
    let spot = root.key("targets");
    check::target::together(&sections, &spot, findings);
    let links: BTreeMap<String, Link> =
        sections.iter().filter_map(|section| Some((section.name.clone(), section.kubernetes.clone()?))).collect();
    let targets: Vec<TargetConfig> = sections
        .into_iter()
        .zip(spot.elements())
        .filter_map(|(section, spot)| check::target::one(section, &spot, base, findings))
        .collect();
    let changes = watched(changes, &links, base);
    let judged = check::judging::check(slos, corrections, &targets, root, findings);
    let model = check::model::check(model, &root.key("model"), base, findings);
    let judging = Settings { links, model, ..judged };
    Some(Config {
        store: store?,
        retention,
        agent,
        targets,
        judging,
        changes,
        web,
        alerts,
        reports,
        digest: String::new(),
    })
}

/// The first half of the SHA-256 of a text.
fn named(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Fills in the namespaces that are watched by default, those of the targets, where workloads are that write logs, and
/// where relative paths begin.
fn watched(mut changes: changes::Settings, links: &BTreeMap<String, Link>, base: &Path) -> changes::Settings {
    changes.begin_at(base);
    let of_targets: BTreeSet<String> = links.values().map(|link| link.namespace.clone()).collect();
    if let Some(cluster) = &mut changes.kubernetes {
        cluster.namespaces.get_or_insert_with(|| of_targets.iter().cloned().collect());
    }
    if let Some(logs) = &mut changes.logs {
        let watched = changes.kubernetes.iter().flat_map(|cluster| cluster.namespaces.iter().flatten());
        let watched = watched.filter(|namespace| *namespace != ALL).cloned();
        logs.namespaces = watched.chain(of_targets).collect::<BTreeSet<_>>().into_iter().collect();
    }
    changes
}

fn locator(text: &str, spot: &Spot<'_>, base: &Path, findings: &mut Findings) -> Option<Locator> {
    match text.parse() {
        Ok(Locator::Sqlite(path)) => Some(Locator::Sqlite(base.join(path))),
        Err(error) => {
            let error: storage::error::Error = error;
            findings.mistakes.push(spot.mistake(error.to_string()));
            None
        }
    }
}

#[cfg(test)]
mod tests;
