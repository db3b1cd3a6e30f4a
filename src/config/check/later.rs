//! Checks the form of what this version does not use yet, and says so.

use std::collections::HashSet;

use probes::credential::Text;
use reports::link::Link;

use crate::config::check::web_address;
use crate::config::file::File;
use crate::config::later::{Changes, KeySet, Receiver, ScheduledReport};
use crate::config::mistake::{Findings, Mistake};
use crate::config::schedule;
use crate::config::secrets;
use crate::config::spot::Spot;

const UNUSED: &str = "accepted, but not used by this version";

/// Checks every part of the file that no engine reads yet.
pub(in crate::config) fn check(file: &File, root: &Spot<'_>, findings: &mut Findings) {
    let unused = ["listen", "changes", "reports", "alerts"].map(|key| root.key(key));
    findings.warnings.extend(unused.iter().filter(|spot| spot.given()).map(|spot| spot.mistake(UNUSED)));

    let mistakes = &mut findings.mistakes;
    for (section, spot) in file.targets.iter().zip(root.key("targets").elements()) {
        if let Some(settings) = &section.kubernetes {
            link(settings, &spot.key("kubernetes"), mistakes);
        }
    }
    listen(&file.listen, &root.key("listen"), mistakes);
    if let Some(settings) = &file.changes {
        changes(settings, &root.key("changes"), mistakes);
    }
    reports(&file.reports, &root.key("reports"), mistakes);
    for (receiver, spot) in file.alerts.iter().zip(root.key("alerts").elements()) {
        let checked = match receiver {
            Receiver::Alertmanager(url) | Receiver::Webhook(Text::Plain(url)) => web_address(url).map(drop),
            Receiver::Webhook(Text::From(source)) => secrets::form(source),
        };
        mistakes.extend(checked.err().map(|message| spot.mistake(message)));
    }
}

fn listen(listen: &str, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    let right = listen.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !right {
        mistakes.push(spot.mistake("an address is `HOST:PORT`, for example `127.0.0.1:9464`"));
    }
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

fn changes(changes: &Changes, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    for (KeySet { url, .. }, spot) in changes.jwks.iter().zip(spot.key("jwks").elements()) {
        mistakes.extend(web_address(url).err().map(|message| spot.key("url").mistake(message)));
    }
    if let Some(postgres) = &changes.postgres {
        let place = spot.key("postgres").key("url");
        mistakes.extend(secrets::form(&postgres.url).err().map(|message| place.mistake(message)));
    }
    if let Some(logs) = &changes.logs {
        workloads(&logs.workloads, &spot.key("logs").key("workloads"), mistakes);
    }
}

fn reports(reports: &[ScheduledReport], spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    let mut names = HashSet::new();
    for (report, spot) in reports.iter().zip(spot.elements()) {
        if !names.insert(report.name.as_str()) {
            mistakes.push(spot.key("name").mistake(format!("`{}` is already a report", report.name)));
        }
        mistakes.extend(schedule::cron(&report.cron).err().map(|message| spot.key("cron").mistake(message)));
        let timezone = schedule::timezone(report.timezone.as_deref());
        mistakes.extend(timezone.err().map(|message| spot.key("timezone").mistake(message)));
        if report.to.trim().is_empty() {
            mistakes.push(spot.key("to").mistake("give a file or a directory"));
        }
    }
}
