//! Checks who is told of failures.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use probes::credential::{Source, Text};
use reqwest::header::HeaderValue;

use crate::alerts::names::whom;
use crate::alerts::settings::{Receiver, Settings, Way};
use crate::alerts::template::Template;
use crate::config::check::{kinds, web_address};
use crate::config::mistake::Findings;
use crate::config::secrets;
use crate::config::sources::Use;
use crate::config::spot::Spot;

/// Most receivers: each has a task of its own.
const MOST: usize = 32;
/// Longest name, in characters.
const LONGEST_NAME: usize = 64;
/// Times that one delivery may take.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Intervals of a heartbeat.
const BEATS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_hours(1));
/// Intervals of repetitions to an Alertmanager, whose `resolve_timeout` is five minutes where nobody sets another.
const REPETITIONS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_mins(4));

/// Says what is wrong with the receivers, and hands them to the alerts.
pub(in crate::config) fn check(
    mut receivers: Vec<Receiver>,
    public_url: Option<&str>,
    root: &Spot<'_>,
    base: &Path,
    findings: &mut Findings,
) -> Settings {
    if let Some(Err(message)) = public_url.map(web_address) {
        findings.mistakes.push(root.key("public_url").mistake(message));
    }
    let public_url = public_url.map(|url| url.trim_end_matches('/').to_owned());
    let spot = root.key("alerts");
    if receivers.len() > MOST {
        findings.mistakes.push(spot.mistake(format!("there are {} receivers: give at most {MOST}", receivers.len())));
    }
    let (mut names, mut told) = (HashSet::new(), HashSet::new());
    for (receiver, spot) in receivers.iter_mut().zip(spot.elements()) {
        one(receiver, &spot, base, findings);
        if let Some(name) = &receiver.name {
            if let Err(message) = name_of(name) {
                findings.mistakes.push(spot.key("name").mistake(message));
            } else if !names.insert(name.clone()) {
                findings.mistakes.push(spot.key("name").mistake(format!("`{name}` is already a receiver")));
            }
        } else if !receiver.ways().is_empty()
            && !told.insert((receiver.ways().first().copied().map(Way::as_str), whom(receiver)))
        {
            findings.mistakes.push(spot.mistake("this receiver is already there: give each of them a `name`"));
        }
    }
    Settings { receivers, public_url }
}

fn one(receiver: &mut Receiver, spot: &Spot<'_>, base: &Path, findings: &mut Findings) {
    let way = match receiver.ways().as_slice() {
        [way] => *way,
        // What was mistyped is told already.
        _ if spot.broken() => return,
        _ => {
            let message = "give exactly one of `alertmanager`, `webhook`, `command` and `heartbeat`";
            findings.mistakes.push(spot.mistake(message));
            return;
        }
    };
    belongs(receiver, way, spot, findings);
    if let Some(ca) = &mut receiver.ca
        && way != Way::Command
    {
        *ca = base.join(&*ca);
        findings.unreadable.extend(secrets::certificates(ca).err().map(|message| spot.key("ca").mistake(message)));
    }
    let url = [&mut receiver.alertmanager, &mut receiver.webhook, &mut receiver.heartbeat].into_iter().flatten().next();
    if let Some(url) = url {
        let place = spot.key(way.as_str());
        match &*url {
            Text::Plain(url) => findings.mistakes.extend(web_address(url).err().map(|message| place.mistake(message))),
            Text::From(_) => reference(url, &place, base, findings),
        }
    }
    if let Some(argv) = &receiver.command
        && argv.first().is_none_or(|program| program.trim().is_empty())
    {
        findings
            .mistakes
            .push(spot.key("command").mistake("the first text is the program, for example `/usr/local/bin/tell`"));
    }
    kinds::headers(&receiver.headers, &spot.key("headers"), &mut findings.mistakes);
    for (name, value) in &mut receiver.headers {
        let place = spot.key("headers").key(name);
        if let Text::Plain(text) = &*value
            && HeaderValue::try_from(text).is_err()
        {
            findings.mistakes.push(place.mistake("the value holds characters that no header can"));
        }
        reference(value, &place, base, findings);
    }
    for (name, value) in &mut receiver.env {
        let place = spot.key("env").key(name);
        if let Err(message) = secrets::form(&Source::Env(name.clone())) {
            findings.mistakes.push(place.mistake(message.replace("`env` takes the name", "this is no name")));
        }
        reference(value, &place, base, findings);
    }
    if let Some(text) = receiver.template.as_ref().filter(|_| way == Way::Webhook)
        && let Err(message) = Template::new(text, receiver.content_type.as_deref())
    {
        findings.mistakes.push(spot.key("template").mistake(message));
    }
    if let Some(content_type) = &receiver.content_type
        && (!content_type.contains('/') || HeaderValue::try_from(content_type).is_err())
    {
        findings.mistakes.push(spot.key("content_type").mistake("this is no media type, such as `text/plain`"));
    }
    within(receiver.timeout, TIMEOUTS, &spot.key("timeout"), findings);
    within(receiver.every, if way == Way::Heartbeat { BEATS } else { REPETITIONS }, &spot.key("every"), findings);
    for (list, key) in
        [(receiver.send.as_ref().map(Vec::len), "send"), (receiver.severities.as_ref().map(Vec::len), "severities")]
    {
        if list == Some(0) && !spot.key(key).broken() {
            findings.mistakes.push(spot.key(key).mistake("the list is empty: leave it out to get everything"));
        }
    }
}

/// Says which keys have no meaning for this way to be told.
fn belongs(receiver: &Receiver, way: Way, spot: &Spot<'_>, findings: &mut Findings) {
    let requests = way != Way::Command;
    let chosen = way != Way::Heartbeat;
    let keys = [
        ("send", receiver.send.is_some(), chosen, "a heartbeat is no alert"),
        ("severities", receiver.severities.is_some(), chosen, "a heartbeat is no alert"),
        ("headers", !receiver.headers.is_empty(), requests, "a command has no header fields: use `env`"),
        ("template", receiver.template.is_some(), way == Way::Webhook, "only a webhook has a template"),
        ("content_type", receiver.content_type.is_some(), receiver.template.is_some(), "it belongs to a `template`"),
        ("env", !receiver.env.is_empty(), !requests, "only a command has an environment"),
        ("ca", receiver.ca.is_some(), requests, "a command has no TLS"),
        (
            "every",
            receiver.every.is_some(),
            matches!(way, Way::Heartbeat | Way::Alertmanager),
            "only a heartbeat and an Alertmanager are told at intervals",
        ),
    ];
    for (key, given, fits, message) in keys {
        if given && !fits {
            findings.mistakes.push(spot.key(key).mistake(format!("{message}: remove this key")));
        }
    }
}

fn reference(text: &mut Text, place: &Spot<'_>, base: &Path, findings: &mut Findings) {
    let Text::From(source) = text else { return };
    if let Source::File(path) = source {
        *path = base.join(&*path);
    }
    match secrets::local(source) {
        Err(message) => findings.mistakes.push(place.mistake(message)),
        Ok(()) => {
            findings.unreadable.extend(secrets::attempt(source, Use::Text).err().map(|message| place.mistake(message)))
        }
    }
}

fn within(given: Option<Duration>, (least, most): (Duration, Duration), place: &Spot<'_>, findings: &mut Findings) {
    if let Some(given) = given
        && !(least..=most).contains(&given)
    {
        let (least, most) = (humantime::format_duration(least), humantime::format_duration(most));
        findings.mistakes.push(place.mistake(format!("give from {least} to {most}")));
    }
}

fn name_of(name: &str) -> Result<(), String> {
    let known = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.');
    if (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(known) {
        return Ok(());
    }
    Err(format!("a name has 1 to {LONGEST_NAME} letters, digits, `-`, `_` and `.`"))
}
