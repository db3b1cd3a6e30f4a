//! Checks the form of what this version does not use yet, and says so.

use std::collections::HashSet;

use probes::credential::Text;

use crate::config::check::web_address;
use crate::config::file::File;
use crate::config::later::{Receiver, ScheduledReport};
use crate::config::mistake::{Findings, Mistake};
use crate::config::schedule;
use crate::config::secrets;
use crate::config::spot::Spot;

const UNUSED: &str = "accepted, but not used by this version";

/// Checks every part of the file that no engine reads yet.
pub(in crate::config) fn check(file: &File, root: &Spot<'_>, findings: &mut Findings) {
    let unused = ["reports", "alerts"].map(|key| root.key(key));
    findings.warnings.extend(unused.iter().filter(|spot| spot.given()).map(|spot| spot.mistake(UNUSED)));

    let mistakes = &mut findings.mistakes;
    reports(&file.reports, &root.key("reports"), mistakes);
    for (receiver, spot) in file.alerts.iter().zip(root.key("alerts").elements()) {
        let checked = match receiver {
            Receiver::Alertmanager(url) | Receiver::Webhook(Text::Plain(url)) => web_address(url).map(drop),
            Receiver::Webhook(Text::From(source)) => secrets::form(source),
        };
        mistakes.extend(checked.err().map(|message| spot.mistake(message)));
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
