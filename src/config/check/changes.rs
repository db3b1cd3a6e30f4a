//! Checks where changes are looked for, and what of a cluster belongs to which target.

use reports::link::Link;

use crate::changes::Settings;
use crate::config::check::web_address;
use crate::config::file::File;
use crate::config::mistake::Mistake;
use crate::config::secrets;
use crate::config::spot::Spot;

/// Checks the sources of changes and the links of the targets.
pub(in crate::config) fn check(file: &File, root: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    for (section, spot) in file.targets.iter().zip(root.key("targets").elements()) {
        if let Some(settings) = &section.kubernetes {
            link(settings, &spot.key("kubernetes"), mistakes);
        }
    }
    changes(&file.changes, &root.key("changes"), mistakes);
}

fn link(link: &Link, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    if link.namespace.trim().is_empty() {
        mistakes.push(spot.key("namespace").mistake("a namespace is not empty"));
    }
    workloads(&link.workloads, &spot.key("workloads"), mistakes);
}

fn workloads(workloads: &[String], spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    for (index, workload) in workloads.iter().enumerate() {
        if !workload.split_once('/').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty()) {
            mistakes
                .push(spot.element(index).mistake("a workload is `KIND/NAME`, for example `Deployment/orchestrator`"));
        }
    }
}

fn changes(changes: &Settings, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    for (settings, spot) in changes.jwks.iter().zip(spot.key("jwks").elements()) {
        mistakes.extend(web_address(&settings.url).err().map(|message| spot.key("url").mistake(message)));
    }
    if let Some(postgres) = &changes.postgres {
        let place = spot.key("postgres").key("url");
        mistakes.extend(secrets::form(&postgres.url).err().map(|message| place.mistake(message)));
    }
    if let Some(logs) = &changes.logs {
        workloads(&logs.workloads, &spot.key("logs").key("workloads"), mistakes);
    }
}
