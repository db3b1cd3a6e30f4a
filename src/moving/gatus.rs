//! Endpoints of gatus as targets: their URL, beat, credentials, and the conditions on their status and body.

use crate::config::document::Node;
use crate::config::mistake::Mistake;
use crate::moving::blackbox::{of_header, of_proxy};
use crate::moving::notes::{Notes, Spot};
use crate::moving::starter::{Check, Credential, Imported, Starter, Tls, Value, address, duration};

/// Reads a configuration of gatus.
///
/// # Errors
/// When it is no YAML; the inner one when the configuration cannot be written.
pub(crate) fn import(text: &str) -> Result<anyhow::Result<Imported>, Mistake> {
    let document = Node::parse_foreign(text)?;
    let root = Spot::root(&document);
    let mut notes = Notes::default();
    let mut starter = Starter::default();
    notes.rest(&root, &["endpoints"], "not carried over: only `endpoints` are");
    let endpoints = root.key("endpoints").map(|endpoints| endpoints.elements()).unwrap_or_default();
    if endpoints.is_empty() {
        notes.add(&root, "it has no `endpoints`: is it a configuration of gatus?");
    }
    for spot in endpoints {
        endpoint(&spot, &mut starter, &mut notes);
    }
    Ok(starter.finish(notes))
}

/// Keys of an endpoint that are looked at.
const CARRIED: [&str; 11] =
    ["name", "group", "url", "method", "headers", "interval", "conditions", "client", "enabled", "body", "graphql"];

fn endpoint(spot: &Spot<'_>, starter: &mut Starter, notes: &mut Notes) {
    if spot.key("enabled").is_some_and(|enabled| !enabled.is_true()) {
        notes.add(spot, "not carried over: it is not enabled");
        return;
    }
    let Some(url) = spot.key("url") else {
        notes.add(spot, "not carried over: it has no `url`");
        return;
    };
    if url.text().is_some_and(|text| text.contains('$')) {
        notes.add(&url, "it holds a variable, which is not put in here: write its value in its place");
    }
    let Some(url) = address(&url, notes) else { return };
    notes.rest(spot, &CARRIED, "not carried over: it is no part of a probe");
    if spot.key("body").is_some() || spot.key("graphql").is_some() {
        notes.add(spot, "the body is not copied, since it may hold a secret: give it as `body` of the request");
    }
    let name = spot.text_of("name").unwrap_or_else(|| "endpoint".into());
    let name = spot.text_of("group").map(|group| format!("{group}-{name}")).unwrap_or(name);
    let name = starter.name(&name);
    let mut headers = spot.key("headers").map(|headers| starter.headers(&headers, &name, notes)).unwrap_or_default();
    let client = spot.key("client");
    let of_client = |key: &str| client.as_ref().and_then(|client| client.key(key));
    let credential = of_client("oauth2")
        .and_then(|oauth2| oauth(&oauth2, &name, starter, notes))
        .unwrap_or_else(|| of_header(&mut headers));
    let (status, body_contains) = conditions(spot, notes);
    let every = spot.key("interval").and_then(|interval| duration(&interval, (1, 86_400), notes));
    let check = Check {
        name,
        url,
        every: every.unwrap_or_else(|| "1m".into()),
        timeout: of_client("timeout").and_then(|timeout| duration(&timeout, (1, 300), notes)),
        tls: of_client("tls").map(|tls| of_tls(&tls, notes)).unwrap_or_default(),
        proxy: of_client("proxy-url").and_then(|proxy| of_proxy(&proxy, notes)),
        redirects: if of_client("ignore-redirect").is_some_and(|ignore| ignore.is_true()) { 0 } else { 10 },
        method: spot.text_of("method").unwrap_or_else(|| "GET".into()),
        headers,
        status,
        body_contains,
        credential,
    };
    if let Some(insecure) = of_client("insecure").filter(Spot::is_true) {
        notes.add(&insecure, "not carried over: certificates are always verified here; give `ca`");
    }
    if let Some(client) = &client {
        let read = ["oauth2", "timeout", "tls", "proxy-url", "ignore-redirect", "insecure"];
        notes.rest(client, &read, "not carried over: a target has no counterpart");
    }
    starter.add(check, spot, notes);
}

fn oauth(oauth2: &Spot<'_>, name: &str, starter: &mut Starter, notes: &mut Notes) -> Option<Credential> {
    let token_url = address(&oauth2.key("token-url")?, notes)?;
    let id = oauth2.key("client-id")?;
    // A reference to a variable stays one.
    let id = match id.text() {
        Some(text) if !text.starts_with('$') => Value::Plain(text),
        Some(_) | None => starter.secret(&id, name, "client-id", notes),
    };
    let secret = starter.secret(&oauth2.key("client-secret")?, name, "client-secret", notes);
    let scopes = oauth2.key("scopes").map(|scopes| scopes.elements()).unwrap_or_default();
    let scopes: Vec<String> = scopes.iter().filter_map(Spot::text).collect();
    Some(Credential::Client {
        token_url,
        id,
        secret,
        scope: (!scopes.is_empty()).then(|| scopes.join(" ")),
        in_body: false,
    })
}

fn of_tls(tls: &Spot<'_>, notes: &mut Notes) -> Tls {
    notes.rest(tls, &["certificate-file", "private-key-file"], "not carried over: a target has no counterpart");
    Tls { client_cert: tls.text_of("certificate-file"), client_key: tls.text_of("private-key-file"), ..Tls::default() }
}

/// The statuses and the text of the body that are wanted.
fn conditions(endpoint: &Spot<'_>, notes: &mut Notes) -> (Vec<u16>, Option<String>) {
    let (mut status, mut text) = (Vec::new(), None);
    for spot in endpoint.key("conditions").map(|conditions| conditions.elements()).unwrap_or_default() {
        let condition = spot.text().unwrap_or_default();
        let Some((what, operator, wanted)) = parts(&condition) else {
            notes.add(&spot, "not carried over: it is no comparison");
            continue;
        };
        match (what, operator) {
            ("[STATUS]", "==") => match statuses(wanted) {
                Some(codes) => status.extend(codes),
                None => notes.add(&spot, "not carried over: it names no statuses"),
            },
            ("[STATUS]", "<" | "<=") if matches!(wanted, "300" | "299") => (),
            ("[STATUS]", _) => notes.add(&spot, "not carried over: statuses are listed one by one in `status`"),
            ("[BODY]", "==") if pattern(wanted).is_some() && text.is_none() => text = pattern(wanted),
            ("[BODY]", _) => {
                notes.add(&spot, "not carried over: a body is looked at for one text that it must contain")
            }
            ("[RESPONSE_TIME]", _) => notes.add(&spot, "not carried over here: give it as `latency` of an objective"),
            ("[CERTIFICATE_EXPIRATION]", _) => {
                notes.add(&spot, "not carried over: ends of certificates are seen by the probes themselves");
            }
            ("[CONNECTED]", _) => (),
            (body, _) if body.starts_with("[BODY]") || body.contains('(') => {
                notes.add(&spot, "not carried over: a body is looked at for a text, not at a path");
            }
            (_, _) => notes.add(&spot, "not carried over: a probe has no such condition"),
        }
    }
    (status, text)
}

/// What is compared, how, and with what.
fn parts(condition: &str) -> Option<(&str, &str, &str)> {
    ["==", "!=", "<=", ">=", "<", ">"].into_iter().find_map(|operator| {
        let (what, wanted) = condition.split_once(operator)?;
        Some((what.trim(), operator, wanted.trim()))
    })
}

/// One status, or those of `any(200, 429)`.
fn statuses(wanted: &str) -> Option<Vec<u16>> {
    let inner = wanted.strip_prefix("any(").and_then(|inner| inner.strip_suffix(')')).unwrap_or(wanted);
    inner.split(',').map(|code| code.trim().parse().ok().filter(|code| (100..=599).contains(code))).collect()
}

/// The text of `pat(*text*)`.
fn pattern(wanted: &str) -> Option<String> {
    let inner = wanted.strip_prefix("pat(*")?.strip_suffix("*)")?;
    (!inner.is_empty() && !inner.contains(['*', '?', '['])).then(|| inner.to_owned())
}
