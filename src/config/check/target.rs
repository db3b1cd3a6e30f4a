//! Checks a target and builds it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use probes::target::{Connection, Target, Tls};
use url::Url;

use crate::config::TargetConfig;
use crate::config::check::{kinds, name, web_address};
use crate::config::file::Section;
use crate::config::mistake::Findings;
use crate::config::schedule::{self, Schedule};
use crate::config::secrets;
use crate::config::sources;
use crate::config::spot::Spot;

/// Shortest and longest interval between two runs.
const EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));
/// Longest limit of a request.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Most redirects that are followed.
const REDIRECTS: u8 = 10;
/// Shortest and longest body that may be asked for, in bytes.
const BODY: (u64, u64) = (1024, 16 * 1024 * 1024);

/// Says what is wrong between targets.
pub(in crate::config) fn together(sections: &[Section], spot: &Spot<'_>, findings: &mut Findings) {
    if sections.is_empty() && !spot.broken() {
        findings.mistakes.push(spot.mistake("there is nothing to probe: give at least one target"));
    }
    let mut seen = HashMap::new();
    for (section, spot) in sections.iter().zip(spot.elements()) {
        let spot = spot.key("name");
        if let Some(first) = seen.insert(section.name.as_str(), spot.clone()) {
            let message = format!("`{}` is already a target, in line {}", section.name, first.line());
            findings.mistakes.push(spot.mistake(message));
        }
    }
}

/// Says what is wrong with a target, and builds it if what it needs is there. `base` is where relative paths begin.
pub(in crate::config) fn one(
    section: Section,
    spot: &Spot<'_>,
    base: &Path,
    findings: &mut Findings,
) -> Option<TargetConfig> {
    if let Err(message) = name(&section.name) {
        findings.mistakes.push(spot.key("name").mistake(message));
    }
    let url = address(&section.url, &spot.key("url"), findings);
    let schedule = schedule(&section, spot, findings);
    let proxy = proxy(&section, spot, findings);
    limits(&section, spot, findings);

    let Section { name, timeout, mut tls, http, keep_alive, redirects, body_limit, mut probes, .. } = section;
    files(&mut tls, &spot.key("tls"), base, findings);
    if url.as_ref().is_some_and(|url| url.scheme() == "http") && tls != Tls::default() {
        findings.warnings.push(spot.key("tls").mistake("it has no effect on an `http://` URL"));
    }
    let section = spot.key("probes");
    kinds::check(&probes, spot, findings);
    sources::each(&mut probes, &section, &mut |spot, source, purpose| {
        if let probes::credential::Source::File(path) = source {
            *path = base.join(&*path);
        }
        match secrets::form(source) {
            Err(message) => findings.mistakes.push(spot.mistake(message)),
            Ok(()) => {
                let attempt = secrets::attempt(source, purpose);
                findings.unreadable.extend(attempt.err().map(|message| spot.mistake(message)));
            }
        }
    });

    let body_limit = body_limit
        .map_or(Connection::default().body_limit, |limit| usize::try_from(limit.as_u64()).unwrap_or(usize::MAX));
    let server_name = tls.server_name.clone();
    if server_name.is_some() && proxy.is_some() {
        let place = spot.key("tls").key("server_name");
        findings.mistakes.push(place.mistake("it cannot go with `proxy`: the proxy resolves the name"));
    }
    let connection = Connection { http, keep_alive, proxy, server_name, redirects, body_limit };
    Some(TargetConfig { target: Target { name, url: url?, timeout, connection, probes }, schedule: schedule?, tls })
}

fn address(text: &str, spot: &Spot<'_>, findings: &mut Findings) -> Option<Url> {
    match web_address(text) {
        Err(message) => findings.mistakes.push(spot.mistake(message)),
        Ok(url) if url.fragment().is_some() => {
            findings.mistakes.push(spot.mistake("the part from `#` on is never sent: take it out"));
        }
        Ok(url) if url.query().is_some() => {
            findings.mistakes.push(spot.mistake("paths are put below the URL: take out what begins with `?`"));
        }
        Ok(url) => return Some(url),
    }
    None
}

fn schedule(section: &Section, spot: &Spot<'_>, findings: &mut Findings) -> Option<Schedule> {
    let mut say = |spot: Spot<'_>, message: String| findings.mistakes.push(spot.mistake(message));
    let timezone = schedule::timezone(section.timezone.as_deref());
    if let Err(message) = &timezone {
        say(spot.key("timezone"), message.clone());
    }
    match (section.every, section.cron.as_deref()) {
        (Some(_), Some(_)) => {
            say(spot.key("cron"), "`every` and `cron` exclude each other: keep one of them".into());
            None
        }
        (None, None) => {
            if !spot.key("every").given() && !spot.key("cron").given() && !spot.broken() {
                say(spot.clone(), "it is never due: give `every`, for example `every: 30s`, or `cron`".into());
            }
            None
        }
        (None, Some(text)) => match (schedule::cron(text), timezone) {
            (Ok(expression), Ok(timezone)) => Some(Schedule::Cron { expression: Box::new(expression), timezone }),
            (Err(message), _) => {
                say(spot.key("cron"), message);
                None
            }
            (Ok(_), Err(_)) => None,
        },
        (Some(every), None) => {
            if section.timezone.is_some() {
                say(spot.key("timezone"), "it belongs to `cron`: leave it out beside `every`".into());
            }
            if every < EVERY.0 || every > EVERY.1 {
                say(spot.key("every"), "an interval is from `1s` to `24h`; for rarer runs use `cron`".into());
                return None;
            }
            if section.timeout > every {
                let message = "it is longer than `every`: a slow run makes the next one be skipped";
                findings.warnings.push(spot.key("timeout").mistake(message));
            }
            Some(Schedule::Every(every))
        }
    }
}

fn proxy(section: &Section, spot: &Spot<'_>, findings: &mut Findings) -> Option<Url> {
    let spot = spot.key("proxy");
    match web_address(section.proxy.as_deref()?) {
        Err(message) => findings.mistakes.push(spot.mistake(message)),
        Ok(url) if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() => {
            findings.mistakes.push(spot.mistake("a proxy is `http://HOST:PORT` and nothing more"));
        }
        Ok(url) => return Some(url),
    }
    None
}

fn limits(section: &Section, spot: &Spot<'_>, findings: &mut Findings) {
    let mut say = |key: &str, message: String| findings.mistakes.push(spot.key(key).mistake(message));
    if section.timeout.is_zero() || section.timeout > TIMEOUT {
        say("timeout", "a limit is above zero and at most `5m`".into());
    }
    if section.redirects > REDIRECTS {
        say("redirects", format!("at most {REDIRECTS} redirects are followed"));
    }
    if section.body_limit.is_some_and(|limit| !(BODY.0..=BODY.1).contains(&limit.as_u64())) {
        say("body_limit", "a body is read to a limit from `1KiB` to `16MiB`".into());
    }
}

fn files(tls: &mut Tls, spot: &Spot<'_>, base: &Path, findings: &mut Findings) {
    match (&tls.client_cert, &tls.client_key) {
        (Some(_), None) if !spot.key("client_key").given() => {
            findings.mistakes.push(spot.key("client_cert").mistake("it needs `client_key` beside it"));
        }
        (None, Some(_)) if !spot.key("client_cert").given() => {
            findings.mistakes.push(spot.key("client_key").mistake("it needs `client_cert` beside it"));
        }
        (Some(_), _) | (None, _) => (),
    }
    let mut attempt = |key: &str, path: &mut Option<PathBuf>, attempt: fn(&Path) -> Result<(), String>| {
        let Some(path) = path else { return };
        *path = base.join(&*path);
        findings.unreadable.extend(attempt(path).err().map(|message| spot.key(key).mistake(message)));
    };
    attempt("ca", &mut tls.ca, secrets::certificates);
    attempt("client_cert", &mut tls.client_cert, secrets::certificates);
    attempt("client_key", &mut tls.client_key, secrets::private_key);
}
