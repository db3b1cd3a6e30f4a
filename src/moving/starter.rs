//! A starter configuration from checks of another tool: a target for each, with references in place of secrets.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde::Serialize;
use url::Url;

use crate::moving::notes::{Notes, Spot};

/// Headers whose values are carried over; every other one may hold a secret.
const HARMLESS: [&str; 9] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-type",
    "host",
    "origin",
    "referer",
    "user-agent",
];

/// Statuses that are no refusal, though they are of the class.
const NO_REFUSAL: [u16; 3] = [408, 425, 429];

/// A check of another tool, as far as we have words for it.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) url: Url,
    pub(super) every: String,
    pub(super) timeout: Option<String>,
    pub(super) tls: Tls,
    pub(super) proxy: Option<String>,
    pub(super) redirects: u8,
    pub(super) method: String,
    pub(super) headers: BTreeMap<String, Value>,
    pub(super) status: Vec<u16>,
    pub(super) body_contains: Option<String>,
    pub(super) credential: Credential,
}

/// Who a check asks as.
#[derive(Debug)]
pub(super) enum Credential {
    /// Nobody.
    Nobody,
    /// A user with a password.
    Basic { username: Value, password: Value },
    /// The holder of a key in `Authorization`, after a scheme.
    Scheme { scheme: String, key: Value },
    /// The holder of a key in a header of its own.
    Header { header: String, key: Value },
    /// An OAuth 2.0 client.
    Client { token_url: Url, id: Value, secret: Value, scope: Option<String>, in_body: bool },
}

/// A text, or a reference to a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", untagged)]
pub(super) enum Value {
    Plain(String),
    Env { env: String },
    File { file: String },
}

/// Files of a TLS client.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Tls {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ca: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_cert: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server_name: Option<String>,
}

/// The configuration that is being made.
#[derive(Debug, Default)]
pub(super) struct Starter {
    targets: Vec<Target>,
    names: BTreeSet<String>,
    variables: BTreeSet<String>,
}

/// What a file of another tool became.
#[derive(Debug)]
pub(crate) struct Imported {
    /// Our configuration.
    pub(crate) text: String,
    /// Its targets.
    pub(crate) count: usize,
    /// What is not carried over.
    pub(crate) notes: Notes,
}

#[derive(Debug, Serialize)]
struct File<'a> {
    targets: &'a [Target],
}

#[derive(Debug, Serialize)]
struct Target {
    name: String,
    url: String,
    every: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirects: Option<u8>,
    probes: Probes,
}

#[derive(Debug, Default, Serialize)]
struct Probes {
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<Login>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<ApiKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permission: Option<[Permission; 1]>,
}

#[derive(Debug, Serialize)]
struct Login {
    path: String,
    method: String,
    style: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_auth: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    status: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct ApiKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    key: Value,
    request: Request,
}

#[derive(Debug, Serialize)]
struct Permission {
    name: &'static str,
    request: Request,
    expect: &'static str,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    identity: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<u16>,
}

#[derive(Debug, Serialize)]
struct Request {
    method: String,
    path: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    status: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_contains: Option<String>,
}

impl Starter {
    /// A name for a target that is not taken yet.
    pub(super) fn name(&mut self, wished: &str) -> String {
        let fit: String =
            wished.chars().map(|one| if one == '/' || one.is_control() { '-' } else { one }).take(100).collect();
        let fit = if fit.trim().is_empty() { "target".to_owned() } else { fit.trim().to_owned() };
        let mut name = fit.clone();
        for number in 2_u32.. {
            if self.names.insert(name.clone()) {
                break;
            }
            name = format!("{fit}-{number}");
        }
        name
    }

    /// A reference in place of a secret. What already refers to a variable of the environment stays as it is.
    pub(super) fn secret(&mut self, spot: &Spot<'_>, target: &str, what: &str, notes: &mut Notes) -> Value {
        let text = spot.text().unwrap_or_default();
        if let Some(name) = variable(&text) {
            return Value::Env { env: name.to_owned() };
        }
        let fit = |text: &str| -> String {
            text.chars().map(|one| if one.is_ascii_alphanumeric() { one.to_ascii_uppercase() } else { '_' }).collect()
        };
        let wished = format!("PROBE_{}_{}", fit(target), fit(what));
        let mut name = wished.clone();
        for number in 2_u32.. {
            if self.variables.insert(name.clone()) {
                break;
            }
            name = format!("{wished}_{number}");
        }
        notes.add(spot, format!("a secret is not copied: put it into the environment variable {name}"));
        Value::Env { env: name }
    }

    /// The headers of a check, those that may hold a secret as references.
    pub(super) fn headers(&mut self, spot: &Spot<'_>, target: &str, notes: &mut Notes) -> BTreeMap<String, Value> {
        let mut headers = BTreeMap::new();
        for (name, value) in named(spot, notes) {
            headers.insert(name.to_owned(), self.header(name, &value, target, notes));
        }
        headers
    }

    /// The headers of a check where each is a list of values, of secrets or of files: the first is taken.
    pub(super) fn listed_headers(
        &mut self,
        spot: &Spot<'_>,
        target: &str,
        notes: &mut Notes,
    ) -> BTreeMap<String, Value> {
        let mut headers = BTreeMap::new();
        for (name, lists) in named(spot, notes) {
            let of = |key: &str| lists.key(key).map(|list| list.elements()).unwrap_or_default();
            let (files, given) = (of("files"), [of("values"), of("secrets")].concat());
            if files.len() + given.len() > 1 {
                notes.add(&lists, "only the first is carried over: a header has one value here");
            }
            let value = match (given.first(), files.first()) {
                (Some(value), _) => self.header(name, value, target, notes),
                (None, Some(file)) => Value::File { file: file.text().unwrap_or_default() },
                (None, None) => continue,
            };
            headers.insert(name.to_owned(), value);
        }
        headers
    }

    /// What a header holds; a reference where it may be a secret.
    fn header(&mut self, name: &str, value: &Spot<'_>, target: &str, notes: &mut Notes) -> Value {
        match value.text().filter(|_| HARMLESS.contains(&name.to_ascii_lowercase().as_str())) {
            Some(text) => Value::Plain(text),
            None => self.secret(value, target, name, notes),
        }
    }

    /// Makes a target from a check; says so where there is no probe for it.
    pub(super) fn add(&mut self, check: Check, spot: &Spot<'_>, notes: &mut Notes) {
        let refused = !check.status.is_empty()
            && check.status.iter().all(|status| (400..500).contains(status) && !NO_REFUSAL.contains(status));
        let Check {
            name,
            url,
            every,
            timeout,
            tls,
            proxy,
            redirects,
            method,
            headers,
            status,
            body_contains,
            credential,
        } = check;
        let path = url.path().to_owned();
        let request = |status: &[u16]| Request {
            method: method.clone(),
            path: path.clone(),
            headers: headers.clone(),
            status: status.to_vec(),
            body_contains: body_contains.clone(),
        };
        let permission = |identity| {
            let (expect, allowed, refused) =
                if refused { ("deny", &[][..], status.clone()) } else { ("allow", &status[..], Vec::new()) };
            Permission { name: "answers", request: request(allowed), expect, identity, refused }
        };
        let mut probes = Probes::default();
        match credential {
            Credential::Nobody => probes.permission = Some([permission(Some("anonymous"))]),
            Credential::Client { token_url, id, secret, scope, in_body } => {
                probes.permission = Some([permission(None)]);
                let same = token_url.origin() == url.origin();
                probes.login = Some(Login {
                    path: if same { token_url.path().to_owned() } else { token_url.to_string() },
                    client_id: Some(id),
                    client_secret: Some(secret),
                    client_auth: in_body.then_some("body"),
                    scope,
                    token: Some("/access_token"),
                    ..Login::of("client_credentials", "POST")
                });
            }
            Credential::Basic { .. } | Credential::Scheme { .. } | Credential::Header { .. } if refused => {
                notes.add(spot, "not carried over: a probe with a password or a key is let in; for one that is refused, give `deny`");
                return;
            }
            Credential::Basic { username, password } => {
                if body_contains.is_some() {
                    notes.add(spot, "not carried over: what its body must contain; a login looks at the status");
                }
                probes.login = Some(Login {
                    path: path.clone(),
                    username: Some(username),
                    password: Some(password),
                    headers: headers.clone(),
                    status: status.clone(),
                    ..Login::of("basic", &method)
                });
            }
            Credential::Scheme { scheme, key } => {
                probes.api_key = Some(ApiKey { scheme: Some(scheme), header: None, key, request: request(&status) });
            }
            Credential::Header { header, key } => {
                probes.api_key = Some(ApiKey { scheme: None, header: Some(header), key, request: request(&status) });
            }
        }
        self.targets.push(Target {
            name,
            url: url.origin().ascii_serialization(),
            every,
            timeout,
            tls: (tls != Tls::default()).then_some(tls),
            proxy,
            redirects: (redirects > 0).then_some(redirects),
            probes,
        });
    }

    /// The configuration in YAML.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn finish(self, notes: Notes) -> anyhow::Result<Imported> {
        let text = serde_saphyr::to_string(&File { targets: &self.targets });
        Ok(Imported { text: text.context("the configuration cannot be written")?, count: self.targets.len(), notes })
    }
}

impl Login {
    /// A login that says only how.
    fn of(style: &'static str, method: &str) -> Self {
        Self {
            path: String::new(),
            method: method.to_owned(),
            style,
            username: None,
            password: None,
            client_id: None,
            client_secret: None,
            client_auth: None,
            scope: None,
            headers: BTreeMap::new(),
            status: Vec::new(),
            token: None,
        }
    }
}

/// The entries that have the name of a header; says of which this does not hold.
fn named<'a>(spot: &Spot<'a>, notes: &mut Notes) -> Vec<(&'a str, Spot<'a>)> {
    let (fit, others): (Vec<_>, Vec<_>) =
        spot.entries().into_iter().partition(|(name, _)| http::HeaderName::from_bytes(name.as_bytes()).is_ok());
    for (_, value) in others {
        notes.add(&value, "not carried over: this is no name of a header");
    }
    fit
}

/// Reads a URL; a user, a password and a query may hold a secret and are left out.
pub(super) fn address(spot: &Spot<'_>, notes: &mut Notes) -> Option<Url> {
    let parsed = spot.text().and_then(|text| Url::parse(&text).ok());
    let Some(mut url) = parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) else {
        notes.add(spot, "not carried over: only HTTP is spoken here, so a URL begins with `http://` or `https://`");
        return None;
    };
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        notes.add(
            spot,
            "user, password and query are not copied, since they may hold a secret: complete the request by hand",
        );
    }
    url.set_query(None);
    url.set_fragment(None);
    // Only URLs without a host take no user.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    Some(url)
}

/// A duration, in the form of our configuration, between two bounds in seconds.
pub(super) fn duration(spot: &Spot<'_>, (least, most): (u64, u64), notes: &mut Notes) -> Option<String> {
    let read = spot.text().and_then(|text| humantime::parse_duration(&text).ok());
    let Some(read) = read else {
        notes.add(spot, "not carried over: this is no duration such as `30s`");
        return None;
    };
    let bounded = read.clamp(std::time::Duration::from_secs(least), std::time::Duration::from_secs(most));
    if bounded != read {
        notes.add(spot, format!("from {least} to {most} seconds are possible here: the nearest one stands there"));
    }
    Some(humantime::format_duration(bounded).to_string())
}

/// The text that a regular expression stands for, if it stands for one only.
pub(super) fn literal(regex: &str) -> Option<String> {
    let mut text = String::new();
    let mut escaped = false;
    for one in regex.chars() {
        match one {
            _ if escaped && one.is_ascii_alphanumeric() => return None,
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '.' | '^' | '$' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' if !escaped => return None,
            _ => text.push(one),
        }
        escaped = false;
    }
    (!text.is_empty() && !escaped).then_some(text)
}

/// The variable that a text such as `${NAME}` refers to.
fn variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    let fits = |one: char| one.is_ascii_alphanumeric() || one == '_';
    let begins = name.starts_with(|one: char| one.is_ascii_alphabetic() || one == '_');
    (begins && name.chars().all(fits)).then_some(name)
}
