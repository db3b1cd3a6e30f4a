//! Checks the probes of a target against each other.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use http::HeaderName;
use jsonwebtoken::AlgorithmFamily;
use probes::credential::Text;
use probes::kinds::api_key::{ApiKey, DeniedKey};
use probes::kinds::jwt::Jwt;
use probes::kinds::login::{Field, Login, Style};
use probes::kinds::permission::{Identity, Permission};
use probes::kinds::request::Request;
use probes::target::Probes;
use storage::record::ProbeKind;

use crate::config::check::{name, web_address};
use crate::config::mistake::{Findings, Mistake};
use crate::config::spot::Spot;

/// Shortest beat of wrong passwords.
const DENY_EVERY: Duration = Duration::from_mins(5);
/// Most rejections before a login stops.
const STOP_AFTER: u32 = 100;

/// Says what is wrong with the probes of the target at `target`.
pub(super) fn check(probes: &Probes, target: &Spot<'_>, findings: &mut Findings) {
    let spot = target.key("probes");
    if probes.plans().is_empty() && !spot.broken() {
        findings
            .mistakes
            .push(spot.mistake("the target has no probes: give `login`, `jwt`, `api_key` or `permission`"));
    }
    if let Some(settings) = &probes.login {
        login(settings, probes, &spot.key("login"), &mut findings.mistakes);
    }
    if let Some(settings) = &probes.jwt {
        jwt(settings, &spot, &spot.key("jwt"), findings);
    }
    if let Some(settings) = &probes.api_key {
        api_key(settings, &spot.key("api_key"), findings);
    }
    let plans = probes.plans().into_iter().filter(|plan| plan.kind != ProbeKind::Permission);
    let mut names: HashSet<String> = plans.map(|plan| plan.name).collect();
    for (settings, element) in probes.permission.iter().zip(spot.key("permission").elements()) {
        if !names.insert(settings.name.clone()) {
            let message = format!("the target already has a probe named `{}`: choose another name", settings.name);
            findings.mistakes.push(element.key("name").mistake(message));
        }
        permission(settings, &spot, &element, &mut findings.mistakes);
    }
}

fn login(login: &Login, probes: &Probes, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    let mut say = |spot: Spot<'_>, message: &str| mistakes.push(spot.mistake(message));
    let needed = match login.style {
        Style::Json | Style::Form | Style::Basic => ["username", "password"],
        Style::ClientCredentials => ["client_id", "client_secret"],
    };
    // A style that could not be read is the default one here, and may not be what was meant.
    for key in needed.into_iter().filter(|key| !spot.key("style").broken() && !spot.key(key).given()) {
        say(spot.clone(), &format!("this style of login needs `{key}`"));
    }
    if !spot.key("token").given() {
        let needs = |permission: &Permission| match permission.identity {
            Identity::Login | Identity::User(_) => true,
            Identity::ApiKey | Identity::Anonymous => false,
        };
        if probes.jwt.is_some() || probes.permission.iter().any(needs) {
            say(spot.clone(), "other probes use its token: say where it is, for example `token: /access_token`");
        }
    }
    if login.expires_in.as_ref().is_some_and(|pointer| !pointer.starts_with('/')) {
        say(spot.key("expires_in"), "a JSON pointer begins with `/`, as in `/expires_in`");
    }
    if !(1..=STOP_AFTER).contains(&login.stop_after) {
        say(spot.key("stop_after"), "a login stops after 1 to 100 rejections");
    }
    if !login.deny.is_empty() {
        if !spot.key("deny_username").given() {
            say(spot.key("deny"), "wrong passwords lock accounts: give a user of their own, `deny_username`");
        }
        if login.deny_every < DENY_EVERY {
            say(spot.key("deny_every"), "wrong passwords lock accounts: try them every 5 minutes at most");
        }
    }
    if login.deny_username.is_some() && login.deny_username == login.username {
        say(
            spot.key("deny_username"),
            "it is the user of the login, whose account wrong passwords would lock: take another",
        );
    }
    path(&login.path, &spot.key("path"), mistakes);
    twice(&login.deny, &spot.key("deny"), mistakes);
    statuses(&login.status, &spot.key("status"), mistakes);
    headers(&login.headers, &spot.key("headers"), mistakes);
    for (field, value) in &login.extra {
        match value {
            Field::Value(serde_json::Value::String(text)) if secret(field) && !text.is_empty() => {
                mistakes.push(spot.key("extra").key(field).mistake(REFER));
            }
            Field::Value(_) | Field::From(_) => (),
        }
    }
}

fn jwt(jwt: &Jwt, probes: &Spot<'_>, spot: &Spot<'_>, findings: &mut Findings) {
    let Findings { mistakes, warnings, .. } = findings;
    let mut say = |spot: Spot<'_>, message: &str| mistakes.push(spot.mistake(message));
    if !probes.key("login").given() {
        say(spot.clone(), "its tokens come from a login: give `login` beside it");
    }
    let keys: Vec<&str> = ["secret", "public_key", "jwks"].into_iter().filter(|key| spot.key(key).given()).collect();
    for key in keys.iter().skip(1) {
        say(spot.key(key), "`secret`, `public_key` and `jwks` exclude each other: keep one of them");
    }
    if let [key] = keys.as_slice() {
        if !spot.key("algorithms").broken() && jwt.algorithms.is_empty() {
            let example = if *key == "secret" { "HS256" } else { "RS256" };
            say(
                spot.key(key),
                &format!("it needs the algorithms that are accepted, for example `algorithms: [{example}]`"),
            );
        }
        let shared = |family| family == AlgorithmFamily::Hmac;
        for (index, algorithm) in jwt.algorithms.iter().enumerate() {
            let place = spot.key("algorithms").element(index);
            match (*key == "secret", shared(algorithm.family())) {
                (true, false) => {
                    say(place, &format!("{algorithm:?} is verified with `public_key` or `jwks`, not with `secret`"))
                }
                (false, true) => say(place, &format!("{algorithm:?} is verified with `secret`, not with `{key}`")),
                (true, true) | (false, false) => (),
            }
            if *key == "public_key" && jwt.algorithms.first().is_some_and(|first| first.family() != algorithm.family())
            {
                let place = spot.key("algorithms").element(index);
                say(place, "one public key has one kind of algorithm: use `jwks` for several");
            }
        }
    } else if keys.is_empty() && !jwt.algorithms.is_empty() {
        let message = "without `secret`, `public_key` or `jwks` no signature is verified here";
        warnings.push(spot.key("algorithms").mistake(message));
    }
    if !jwt.deny.is_empty() && !spot.key("request").given() {
        say(
            spot.key("deny"),
            "tokens are refused at an endpoint: give `request`, for example `request: GET /api/v1/me`",
        );
    }
    if let (Some(least), Some(most)) = (jwt.min_lifetime, jwt.max_lifetime)
        && least > most
    {
        say(spot.key("min_lifetime"), "it is longer than `max_lifetime`");
    }
    if let Some(jwks) = &jwt.jwks {
        path(jwks, &spot.key("jwks"), mistakes);
    }
    twice(&jwt.deny, &spot.key("deny"), mistakes);
    statuses(&jwt.refused, &spot.key("refused"), mistakes);
    if let Some(settings) = &jwt.request {
        request(settings, &spot.key("request"), mistakes);
    }
}

fn api_key(api_key: &ApiKey, spot: &Spot<'_>, findings: &mut Findings) {
    let Findings { mistakes, warnings, .. } = findings;
    let ways: Vec<&str> = ["header", "query", "scheme"].into_iter().filter(|key| spot.key(key).given()).collect();
    if ways.is_empty() {
        mistakes.push(spot.mistake("say how the key is sent: `header: X-API-Key`, `query: NAME` or `scheme: ApiKey`"));
    }
    for key in ways.iter().skip(1) {
        mistakes.push(spot.key(key).mistake("`header`, `query` and `scheme` exclude each other: keep one of them"));
    }
    if api_key.header.as_ref().is_some_and(|header| HeaderName::from_bytes(header.as_bytes()).is_err()) {
        mistakes.push(spot.key("header").mistake("this is no name of a header"));
    }
    let revoked = api_key.deny.contains(&DeniedKey::Revoked);
    if revoked && !spot.key("revoked_key").given() {
        mistakes.push(spot.key("deny").mistake("`revoked` needs the key that was taken out of use: `revoked_key`"));
    }
    if api_key.revoked_key.is_some() && !revoked && !spot.key("deny").broken() {
        warnings.push(spot.key("revoked_key").mistake("it is not tried without `deny: [revoked]`"));
    }
    if api_key.revoked_key.as_ref() == Some(&api_key.key) {
        mistakes.push(spot.key("revoked_key").mistake("it is the key that must be let in: refer to another"));
    }
    twice(&api_key.deny, &spot.key("deny"), mistakes);
    statuses(&api_key.refused, &spot.key("refused"), mistakes);
    request(&api_key.request, &spot.key("request"), mistakes);
}

fn permission(permission: &Permission, probes: &Spot<'_>, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    if let Err(message) = name(&permission.name) {
        mistakes.push(spot.key("name").mistake(message));
    }
    let needed = match permission.identity {
        // An identity that could not be read is the default one here, and may not be what was meant.
        _ if spot.key("as").broken() => None,
        Identity::Login | Identity::User(_) => Some("login"),
        Identity::ApiKey => Some("api_key"),
        Identity::Anonymous => None,
    };
    if let Some(key) = needed.filter(|key| !probes.key(key).given()) {
        let message =
            format!("it asks with what `{key}` gives: add `{key}` to the target, or another identity with `as`");
        mistakes.push(spot.key("as").mistake(message));
    }
    statuses(&permission.refused, &spot.key("refused"), mistakes);
    request(&permission.request, &spot.key("request"), mistakes);
}

fn request(request: &Request, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    path(&request.path, &spot.key("path"), mistakes);
    headers(&request.headers, &spot.key("headers"), mistakes);
    statuses(&request.status, &spot.key("status"), mistakes);
}

/// Checks a path below the target's URL, or a whole URL.
fn path(path: &str, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    if path.contains("://") {
        mistakes.extend(web_address(path).err().map(|message| spot.mistake(message)));
    } else if !path.starts_with('/') {
        mistakes.push(spot.mistake("a path begins with `/`"));
    }
}

const REFER: &str = "a secret value is never written in the file: refer to it with {env: NAME} or {file: PATH}";

/// Says what is wrong with the header fields of a request.
pub(super) fn headers(headers: &BTreeMap<String, Text>, spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    for (header, value) in headers {
        if HeaderName::from_bytes(header.as_bytes()).is_err() {
            mistakes.push(spot.key(header).mistake("this is no name of a header"));
        }
        match value {
            Text::Plain(text) if secret(header) && !text.is_empty() => mistakes.push(spot.key(header).mistake(REFER)),
            Text::Plain(_) | Text::From(_) => (),
        }
    }
}

/// Whether a header or a field of this name carries a secret.
fn secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let words = ["authorization", "cookie", "api_key", "apikey", "password", "passwd", "secret"];
    words.iter().any(|word| name.contains(word)) || name == "token" || name.ends_with("_token")
}

fn twice<T: PartialEq>(list: &[T], spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    for (index, one) in list.iter().enumerate() {
        if list.iter().take(index).any(|other| other == one) {
            mistakes.push(spot.element(index).mistake("it is listed twice: keep one of them"));
        }
    }
}

fn statuses(list: &[u16], spot: &Spot<'_>, mistakes: &mut Vec<Mistake>) {
    for (index, _) in list.iter().enumerate().filter(|(_, status)| !(100..=599).contains(*status)) {
        mistakes.push(spot.element(index).mistake("an HTTP status is from 100 to 599"));
    }
}
