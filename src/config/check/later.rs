//! Checks the form of what this version does not use yet, and says so.

use std::collections::HashSet;

use crate::config::file::File;
use crate::config::later::ScheduledReport;
use crate::config::mistake::{Findings, Mistake};
use crate::config::schedule;
use crate::config::spot::Spot;

const UNUSED: &str = "accepted, but not used by this version";

/// Checks every part of the file that no engine reads yet.
pub(in crate::config) fn check(file: &File, root: &Spot<'_>, findings: &mut Findings) {
    let unused = root.key("reports");
    findings.warnings.extend(unused.given().then(|| unused.mistake(UNUSED)));
    reports(&file.reports, &unused, &mut findings.mistakes);
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
