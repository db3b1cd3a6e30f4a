//! Modules of the blackbox exporter as targets: what an `http` prober with its credentials says.

use std::collections::BTreeMap;

use url::Url;

use crate::config::document::Node;
use crate::config::mistake::Mistake;
use crate::moving::notes::{Notes, Spot};
use crate::moving::starter::{Check, Credential, Imported, Starter, Tls, Value, address, duration, literal};

/// Stands where Prometheus would put the address.
const ANYWHERE: &str = "https://replace-me.example";

/// Reads a configuration of the blackbox exporter.
///
/// # Errors
/// When it is no YAML; the inner one when the configuration cannot be written.
pub(crate) fn import(text: &str) -> Result<anyhow::Result<Imported>, Mistake> {
    let document = Node::parse_foreign(text)?;
    let root = Spot::root(&document);
    let mut notes = Notes::default();
    let mut starter = Starter::default();
    notes.rest(&root, &["modules"], "not carried over: it is not known here");
    let modules = root.key("modules").map(|modules| modules.entries()).unwrap_or_default();
    if modules.is_empty() {
        notes.add(&root, "it has no `modules`: is it a configuration of the blackbox exporter?");
    }
    for (name, module) in modules {
        match module.text_of("prober").as_deref() {
            Some("http") => http(name, &module, &mut starter, &mut notes),
            Some(_) | None => notes.add(&module, "not carried over: only the prober `http` speaks of authentication"),
        }
    }
    Ok(starter.finish(notes))
}

fn http(name: &str, module: &Spot<'_>, starter: &mut Starter, notes: &mut Notes) {
    let Ok(url) = Url::parse(ANYWHERE) else { unreachable!("the placeholder is a URL") };
    let name = starter.name(name);
    let timeout = module.key("timeout").and_then(|timeout| duration(&timeout, (1, 300), notes));
    notes.rest(module, &["prober", "timeout", "http"], "not carried over: it is no part of an `http` prober");
    notes.add(
        module,
        format!("a module names no address: put it in place of `{ANYWHERE}`, a target for each, and set `every`"),
    );
    let settings = module.key("http");
    let http = settings.as_ref().unwrap_or(module);
    let get = |key: &str| settings.as_ref().and_then(|settings| settings.key(key));
    let mut headers = get("headers").map(|headers| starter.headers(&headers, &name, notes)).unwrap_or_default();
    headers.extend(get("http_headers").map(|lists| starter.listed_headers(&lists, &name, notes)).unwrap_or_default());
    let credential = credential(&get, &name, &mut headers, starter, notes);
    let status = get("valid_status_codes").map(|codes| codes.elements()).unwrap_or_default();
    let status = status.iter().filter_map(|code| code.text()?.parse().ok()).collect();
    let redirects = if get("follow_redirects").is_some_and(|follow| !follow.is_true()) { 0 } else { 10 };
    if get("body").is_some() || get("body_file").is_some() {
        notes.add(http, "the body is not copied, since it may hold a secret: give it as `body` of the request");
    }
    let check = Check {
        name,
        url,
        every: "1m".into(),
        timeout,
        tls: get("tls_config").map(|tls| of_tls(&tls, notes)).unwrap_or_default(),
        proxy: get("proxy_url").and_then(|proxy| of_proxy(&proxy, notes)),
        redirects,
        method: get("method").and_then(|method| method.text()).unwrap_or_else(|| "GET".into()),
        headers,
        status,
        body_contains: get("fail_if_body_not_matches_regexp").and_then(|regex| contains(&regex, notes)),
        credential,
    };
    for (key, why) in NOT_CARRIED {
        if let Some(spot) = get(key) {
            notes.add(&spot, format!("not carried over: {why}"));
        }
    }
    if get("fail_if_not_ssl").is_some_and(|wanted| wanted.is_true()) {
        notes.add(http, "`fail_if_not_ssl` is kept by the URL: begin it with `https://`");
    }
    let not_carried: Vec<&str> = NOT_CARRIED.iter().map(|(key, _)| *key).collect();
    if let Some(settings) = &settings {
        notes.rest(settings, &[&CARRIED[..], &not_carried[..]].concat(), "not carried over: it is not known here");
    }
    starter.add(check, module, notes);
}

/// Keys of `http` that are looked at.
const CARRIED: [&str; 19] = [
    "headers",
    "http_headers",
    "valid_status_codes",
    "follow_redirects",
    "no_follow_redirects",
    "body",
    "body_file",
    "tls_config",
    "proxy_url",
    "method",
    "fail_if_body_not_matches_regexp",
    "basic_auth",
    "authorization",
    "bearer_token",
    "bearer_token_file",
    "oauth2",
    "fail_if_not_ssl",
    "compression",
    "enable_http2",
];

/// Keys of `http` that have no counterpart, each with the reason.
const NOT_CARRIED: [(&str, &str); 14] = [
    ("valid_http_versions", "a target speaks one version, `http: 1.1` or `http: 2`"),
    ("fail_if_ssl", "the URL says whether TLS is spoken"),
    (
        "fail_if_body_matches_regexp",
        "a body is looked at for a text that it must contain, not for one that it must not",
    ),
    ("fail_if_header_matches", "headers of an answer are not looked at"),
    ("fail_if_header_not_matches", "headers of an answer are not looked at"),
    ("fail_if_body_json_matches_cel", "a body is looked at for a text, not with an expression"),
    ("fail_if_body_json_not_matches_cel", "a body is looked at for a text, not with an expression"),
    ("preferred_ip_protocol", "both families of addresses are tried"),
    ("ip_protocol_fallback", "both families of addresses are tried"),
    ("skip_resolve_phase_with_proxy", "with a proxy, the proxy resolves the name"),
    ("proxy_connect_header", "a proxy is asked without credentials"),
    ("proxy_from_environment", "a proxy is named in the configuration"),
    ("body_size_limit", "give it as `body_limit` of the target"),
    ("accept_any_response", "which statuses are good is what a probe is about: give `status`"),
];

/// Who is asked as. Of several credentials the exporter takes one; so is it here.
fn credential<'a>(
    get: &dyn Fn(&str) -> Option<Spot<'a>>,
    name: &str,
    headers: &mut BTreeMap<String, Value>,
    starter: &mut Starter,
    notes: &mut Notes,
) -> Credential {
    if let Some(basic) = get("basic_auth") {
        let password = secret(&basic, "password", name, starter, notes);
        if let (Some(username), Some(password)) = (secret(&basic, "username", name, starter, notes), password) {
            return Credential::Basic { username, password };
        }
        notes.add(&basic, "not carried over: user or password are missing");
    }
    if let Some(authorization) = get("authorization") {
        let scheme = authorization.text_of("type").unwrap_or_else(|| "Bearer".into());
        if let Some(key) = secret(&authorization, "credentials", name, starter, notes) {
            return Credential::Scheme { scheme, key };
        }
    }
    let bearer = get("bearer_token").map(|token| starter.secret(&token, name, "token", notes));
    let bearer = bearer.or_else(|| get("bearer_token_file")?.text().map(|file| Value::File { file }));
    if let Some(key) = bearer {
        return Credential::Scheme { scheme: "Bearer".into(), key };
    }
    if let Some(oauth2) = get("oauth2")
        && let Some(client) = client(&oauth2, name, starter, notes)
    {
        return client;
    }
    of_header(headers)
}

/// A key that stands in a header; the first one, where several do.
pub(super) fn of_header(headers: &mut BTreeMap<String, Value>) -> Credential {
    let found = headers.iter().find(|(_, value)| !matches!(value, Value::Plain(_))).map(|(name, _)| name.clone());
    match found.and_then(|header| headers.remove(&header).map(|key| (header, key))) {
        Some((header, key)) => Credential::Header { header, key },
        None => Credential::Nobody,
    }
}

fn client(oauth2: &Spot<'_>, name: &str, starter: &mut Starter, notes: &mut Notes) -> Option<Credential> {
    let token_url = address(&oauth2.key("token_url")?, notes)?;
    let id = Value::Plain(oauth2.text_of("client_id")?);
    let secret = secret(oauth2, "client_secret", name, starter, notes)?;
    let scopes: Vec<String> = oauth2
        .key("scopes")
        .map(|scopes| scopes.elements())
        .unwrap_or_default()
        .iter()
        .filter_map(Spot::text)
        .collect();
    for (key, value) in oauth2.key("endpoint_params").map(|params| params.entries()).unwrap_or_default() {
        if key != "grant_type" {
            notes.add(&value, "not carried over, since it may hold a secret: give it under `extra` of the login");
        }
    }
    let read = ["token_url", "client_id", "client_secret", "client_secret_file", "scopes", "endpoint_params"];
    notes.rest(oauth2, &read, "not carried over: the token is asked for with the target's own connection");
    Some(Credential::Client {
        token_url,
        id,
        secret,
        scope: (!scopes.is_empty()).then(|| scopes.join(" ")),
        in_body: false,
    })
}

/// A secret under a key, or under the same key with `_file`.
fn secret(spot: &Spot<'_>, key: &str, name: &str, starter: &mut Starter, notes: &mut Notes) -> Option<Value> {
    if let Some(file) = spot.text_of(&format!("{key}_file")) {
        return Some(Value::File { file });
    }
    spot.key(key).map(|value| starter.secret(&value, name, key, notes))
}

fn of_tls(tls: &Spot<'_>, notes: &mut Notes) -> Tls {
    if let Some(insecure) = tls.key("insecure_skip_verify").filter(Spot::is_true) {
        notes.add(&insecure, "not carried over: certificates are always verified here; give `ca`");
    }
    let read = ["ca_file", "cert_file", "key_file", "server_name", "insecure_skip_verify"];
    notes.rest(tls, &read, "not carried over: TLS files are given as `ca`, `client_cert` and `client_key`");
    Tls {
        ca: tls.text_of("ca_file"),
        client_cert: tls.text_of("cert_file"),
        client_key: tls.text_of("key_file"),
        server_name: tls.text_of("server_name"),
    }
}

/// A proxy without user, password and path.
pub(super) fn of_proxy(proxy: &Spot<'_>, notes: &mut Notes) -> Option<String> {
    let url = address(proxy, notes)?;
    if url.scheme() == "https" {
        notes.add(proxy, "not carried over: a proxy is spoken to in plain HTTP");
        return None;
    }
    Some(url.origin().ascii_serialization())
}

fn contains(regexes: &Spot<'_>, notes: &mut Notes) -> Option<String> {
    let mut found = None;
    for regex in regexes.elements() {
        match regex.text().as_deref().and_then(literal) {
            Some(text) if found.is_none() => found = Some(text),
            Some(_) => notes.add(&regex, "not carried over: a probe looks for one text"),
            None => notes.add(&regex, "not carried over: a body is looked at for a text, not for a pattern"),
        }
    }
    found
}
