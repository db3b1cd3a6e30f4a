//! Checks the scheduled reports.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use probes::credential::{Source, Text};
use reports::formats::Format;

use crate::config::check::{self, web_address};
use crate::config::mistake::{Findings, Mistake};
use crate::config::scheduled::ScheduledReport;
use crate::config::sources::Use;
use crate::config::spot::Spot;
use crate::config::{schedule, secrets};
use crate::scheduled::settings::{Destination, Keep, Report};

/// Longest name in bytes, so that the name of a file has room for a moment and an ending.
const LONGEST_NAME: usize = 200;
/// The furthest that a report looks back.
const LONGEST: Duration = Duration::from_hours(24 * 366 * 10);

/// Says what is wrong with the scheduled reports, and hands over those that are right.
pub(in crate::config) fn check(
    sections: Vec<ScheduledReport>,
    spot: &Spot<'_>,
    base: &Path,
    findings: &mut Findings,
) -> Vec<Report> {
    let mut names = HashSet::new();
    let mut places = HashSet::new();
    let mut reports = Vec::new();
    for (section, spot) in sections.into_iter().zip(spot.elements()) {
        if !names.insert(section.name.clone()) {
            findings.mistakes.push(spot.key("name").mistake(format!("`{}` is already a report", section.name)));
        }
        let Some(report) = one(section, &spot, base, findings) else { continue };
        if let Destination::File(path) = &report.destination
            && !places.insert(path.clone())
        {
            let message = "another report is written to this file: give a directory, with `/` at its end";
            findings.mistakes.push(spot.key("to").mistake(message));
        }
        reports.push(report);
    }
    reports
}

fn one(section: ScheduledReport, spot: &Spot<'_>, base: &Path, findings: &mut Findings) -> Option<Report> {
    let ScheduledReport { name, kind, cron, timezone, last, format, to, webhook, keep } = section;
    let mistakes = &mut findings.mistakes;
    if name.contains('/') {
        let message = "a report's name has no slash, for files are named after it: use `-`";
        mistakes.push(spot.key("name").mistake(message));
    } else if name.len() > LONGEST_NAME {
        mistakes.push(spot.key("name").mistake(format!("a report's name has at most {LONGEST_NAME} bytes")));
    } else if let Err(message) = check::name(&name) {
        mistakes.push(spot.key("name").mistake(message));
    }
    let expression = told(schedule::cron(&cron), &spot.key("cron"), mistakes);
    let timezone = told(schedule::timezone(timezone.as_deref()), &spot.key("timezone"), mistakes);
    let last = last.map(|last| match SignedDuration::try_from(last) {
        Ok(length) if !last.is_zero() && last <= LONGEST => Ok(length),
        Ok(_) | Err(_) => Err("a report looks back for more than nothing and at most ten years, for example `7d`"),
    });
    let last = told(last.transpose().map_err(str::to_owned), &spot.key("last"), mistakes);
    let by_ending = || {
        let ending = to.as_deref().filter(|to| !is_directory(to, base)).and_then(Path::extension)?;
        Format::of_ending(ending.to_str()?).ok()
    };
    let format = format.or_else(by_ending).unwrap_or(Format::Text);
    let destination = destination(to, webhook, keep, spot, base, findings);
    Some(Report {
        name,
        kind: kind.kind(),
        expression: expression?,
        timezone: timezone?,
        last: last?,
        format,
        destination: destination?,
    })
}

fn destination(
    to: Option<PathBuf>,
    webhook: Option<Text>,
    keep: Option<Keep>,
    spot: &Spot<'_>,
    base: &Path,
    findings: &mut Findings,
) -> Option<Destination> {
    let mistakes = &mut findings.mistakes;
    let nothing = match keep {
        Some(Keep::Files(files)) => files == 0,
        Some(Keep::Age(age)) => age.is_zero(),
        None => false,
    };
    if nothing {
        mistakes.push(
            spot.key("keep").mistake("this would keep nothing: give a number such as `30`, or an age such as `90d`"),
        );
    }
    let destination = match (to, webhook) {
        (Some(to), None) if to.as_os_str().is_empty() => Err(("to", "give a file, or a directory with `/` at its end")),
        (Some(to), None) if is_directory(&to, base) => Ok(Destination::Directory { path: base.join(to), keep }),
        (Some(to), None) => Ok(Destination::File(base.join(to))),
        (None, Some(webhook)) => Ok(Destination::Webhook(webhook)),
        (Some(_), Some(_)) => Err(("webhook", "a report goes to one place: `to` or `webhook`")),
        (None, None) if spot.broken() => return None,
        (None, None) => Err(("to", "say where it goes: `to: reports/`, or `webhook: {env: NAME}`")),
    };
    let mut destination = match destination {
        Ok(destination) => destination,
        Err((key, message)) => {
            mistakes.push(spot.key(key).mistake(message));
            return None;
        }
    };
    match &mut destination {
        Destination::Directory { .. } => (),
        Destination::File(_) | Destination::Webhook(_) if keep.is_some() => {
            let message = "only of the files in a directory some are kept: end `to` with `/`, or leave `keep` out";
            mistakes.push(spot.key("keep").mistake(message));
        }
        Destination::File(_) => (),
        Destination::Webhook(url) => address(url, &spot.key("webhook"), base, findings),
    }
    Some(destination)
}

/// Says what is wrong with the URL of a webhook.
fn address(url: &mut Text, spot: &Spot<'_>, base: &Path, findings: &mut Findings) {
    let source = match url {
        Text::Plain(url) => {
            findings.mistakes.extend(web_address(url).err().map(|message| spot.mistake(message)));
            return;
        }
        Text::From(source) => source,
    };
    if let Source::File(path) = source {
        *path = base.join(&*path);
    }
    match secrets::local(source) {
        Err(message) => findings.mistakes.push(spot.mistake(message)),
        Ok(()) => {
            let attempt = secrets::attempt(source, Use::Text);
            findings.unreadable.extend(attempt.err().map(|message| spot.mistake(message)));
        }
    }
}

/// Whether a path names a directory: by the slash at its end, or since one is there.
fn is_directory(path: &Path, base: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/") || base.join(path).is_dir()
}

fn told<T>(found: Result<T, String>, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) -> Option<T> {
    found.map_err(|message| mistakes.push(spot.mistake(message))).ok()
}
