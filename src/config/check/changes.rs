//! Checks where changes are looked for, and what of a cluster belongs to which target.

use reports::link::Link;

use crate::changes::Settings;
use crate::changes::kubernetes::ALL;
use crate::config::check;
use crate::config::fault::nearest;
use crate::config::file::File;
use crate::config::mistake::Mistake;
use crate::config::spot::Spot;

/// Checks the sources of changes and the links of the targets.
pub(in crate::config) fn check(file: &File, root: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    for (section, spot) in file.targets.iter().zip(root.key("targets").elements()) {
        if let Some(settings) = &section.kubernetes {
            link(settings, &spot.key("kubernetes"), mistakes);
        }
    }
    let existing: Vec<&str> = file.targets.iter().map(|section| section.name.as_str()).collect();
    let linked = file.targets.iter().any(|section| section.kubernetes.is_some());
    changes(&file.changes, &existing, linked, &root.key("changes"), mistakes);
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

/// What a source says of targets must be said of targets that there are.
fn targets(targets: &[String], existing: &[&str], spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    for (index, target) in targets.iter().enumerate().filter(|(_, target)| !existing.contains(&target.as_str())) {
        let remedy = nearest(target, existing.iter().copied())
            .map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
        mistakes.push(spot.key("targets").element(index).mistake(format!("there is no target `{target}`{remedy}")));
    }
}

fn changes(changes: &Settings, existing: &[&str], linked: bool, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    if let Some(kubernetes) = &changes.kubernetes {
        check::kubernetes::check(kubernetes, linked, &spot.key("kubernetes"), mistakes);
    }
    for (key_set, spot) in changes.jwks.iter().zip(spot.key("jwks").elements()) {
        check::jwks::check(key_set, &spot, mistakes);
        targets(&key_set.targets, existing, &spot, mistakes);
    }
    if let Some(postgres) = &changes.postgres {
        let spot = spot.key("postgres");
        check::postgres::check(postgres, &spot, mistakes);
        targets(&postgres.targets, existing, &spot, mistakes);
    }
    if let Some(logs) = &changes.logs {
        let spot = spot.key("logs");
        let watched = changes.kubernetes.iter().flat_map(|cluster| cluster.namespaces.iter().flatten());
        let placed = linked || watched.into_iter().any(|namespace| namespace != ALL);
        check::logs::check(logs, placed, &spot, mistakes);
        targets(&logs.targets, existing, &spot, mistakes);
    }
}
