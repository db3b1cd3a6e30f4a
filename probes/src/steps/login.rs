//! Plans a login and reads the token out of its answer.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::SET_COOKIE;
use jiff::Timestamp;
use serde_json::Value;
use storage::record::Reason;
use url::form_urlencoded;

use crate::credential::{Credential, Wallet};
use crate::kinds::login::{ClientAuth, Field, Login, Style, TokenPlace, Unit};
use crate::observation::Failure;
use crate::protocol::http::{Answer, Outgoing};
use crate::protocol::token::Token;
use crate::steps::address;
use crate::target::Target;

/// Who logs in.
pub(crate) struct Who<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) secret: &'a Credential,
}

/// The identity of the target's own login.
///
/// # Errors
/// When its credentials are not to be had.
pub(crate) fn own<'a>(login: &'a Login, wallet: &'a Wallet) -> Result<Who<'a>, Failure> {
    let missing = || Failure::own(Reason::CredentialUnavailable, "the login has no password or client secret");
    let (name, secret) = match login.style {
        Style::ClientCredentials => (
            login.client_id.as_ref().or(login.username.as_ref()),
            login.client_secret.as_ref().or(login.password.as_ref()),
        ),
        Style::Json | Style::Form | Style::Basic => (login.username.as_ref(), login.password.as_ref()),
    };
    let name = name.map(|name| wallet.text(name)).transpose()?;
    Ok(Who { name, secret: wallet.get(secret.ok_or_else(missing)?)? })
}

/// The request that logs `who` in. One attempt is all there is; nothing here tries another credential.
///
/// # Errors
/// When a further credential is not to be had or cannot be sent.
pub(crate) fn request(target: &Target, login: &Login, who: &Who<'_>, wallet: &Wallet) -> Result<Outgoing, Failure> {
    let mut outgoing = Outgoing::new(login.method.clone(), address(&target.url, &login.path)?);
    let mut fields: BTreeMap<&str, Value> = BTreeMap::new();
    for (name, field) in &login.extra {
        let value = match field {
            Field::Value(value) => value.clone(),
            Field::From(source) => wallet.get(source)?.expose().into(),
        };
        fields.insert(name, value);
    }
    if let Some(scope) = &login.scope {
        fields.insert("scope", scope.as_str().into());
    }
    let name = who.name.unwrap_or_default();
    let secret = who.secret.expose();
    match login.style {
        Style::Json | Style::Form => {
            fields.insert(&login.username_field, name.into());
            fields.insert(&login.password_field, secret.into());
        }
        Style::Basic => outgoing.header("authorization", &basic(name, secret))?,
        Style::ClientCredentials => {
            fields.insert("grant_type", "client_credentials".into());
        }
    }
    match login.style {
        Style::ClientCredentials => client(&mut outgoing, &mut fields, login.client_auth, name, secret)?,
        Style::Json | Style::Form | Style::Basic => {
            if let (Some(id), Some(of_client)) = (&login.client_id, &login.client_secret) {
                let (id, of_client) = (wallet.text(id)?, wallet.get(of_client)?.expose());
                client(&mut outgoing, &mut fields, login.client_auth, id, of_client)?;
            }
        }
    }
    body(&mut outgoing, login.style, &fields)?;
    for (name, value) in &login.headers {
        outgoing.header(name, wallet.text(value)?)?;
    }
    Ok(outgoing)
}

/// The token of an answer that was let in.
///
/// # Errors
/// `unexpected_body`, `token_missing` or `token_malformed`.
pub(crate) fn token(login: &Login, place: &TokenPlace, answer: &Answer, now: Timestamp) -> Result<Token, Failure> {
    let raw = match place {
        TokenPlace::Pointer(pointer) => {
            let body = json(answer)?;
            let found = body.pointer(pointer).ok_or_else(|| missing(format!("nothing at `{pointer}` of the body")))?;
            found.as_str().ok_or_else(|| missing(format!("no text at `{pointer}` of the body")))?.to_owned()
        }
        TokenPlace::Header(name) => {
            let value = answer.header(name).ok_or_else(|| missing(format!("no header `{name}` in the answer")))?;
            let scheme = value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
            value[if scheme { 7 } else { 0 }..].trim().to_owned()
        }
        TokenPlace::Cookie(name) => {
            cookie(answer, name).ok_or_else(|| missing(format!("no cookie `{name}` in the answer")))?
        }
    };
    Token::read(&raw, now, lifetime(login, answer))
}

/// HTTP Basic authentication (RFC 7617).
fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))
}

/// The client's own credentials (RFC 6749, section 2.3.1: form-encoded before they go into Basic).
fn client(
    outgoing: &mut Outgoing,
    fields: &mut BTreeMap<&str, Value>,
    auth: ClientAuth,
    id: &str,
    secret: &str,
) -> Result<(), Failure> {
    match auth {
        ClientAuth::Basic => {
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            outgoing.header("authorization", &basic(&encoded(id), &encoded(secret)))
        }
        ClientAuth::Body => {
            fields.insert("client_id", id.into());
            fields.insert("client_secret", secret.into());
            Ok(())
        }
    }
}

fn body(outgoing: &mut Outgoing, style: Style, fields: &BTreeMap<&str, Value>) -> Result<(), Failure> {
    match style {
        Style::Form | Style::ClientCredentials => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, value) in fields {
                match value {
                    Value::String(text) => form.append_pair(name, text),
                    other => form.append_pair(name, &other.to_string()),
                };
            }
            outgoing.body = form.finish().into_bytes();
            outgoing.header("content-type", "application/x-www-form-urlencoded")
        }
        Style::Basic if fields.is_empty() => Ok(()),
        Style::Json | Style::Basic => {
            outgoing.body = serde_json::to_vec(fields).unwrap_or_default();
            outgoing.header("content-type", "application/json")
        }
    }
}

/// What the answer or the settings say of a lifetime; `exp` comes before both.
fn lifetime(login: &Login, answer: &Answer) -> Option<Duration> {
    let told = login.expires_in.as_ref().and_then(|pointer| {
        let body = json(answer).ok()?;
        let value = body.pointer(pointer)?;
        let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
        let seconds = match login.expires_in_unit {
            Unit::Seconds => number,
            Unit::Milliseconds => number / 1000.0,
        };
        Duration::try_from_secs_f64(seconds).ok()
    });
    told.or(login.lifetime)
}

/// The value of a cookie that the answer sets; of several, the last, as in a browser (RFC 6265, section 5.3).
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let mut pairs = answer.headers.get_all(SET_COOKIE).iter().filter_map(|cookie| {
        let pair = cookie.to_str().ok()?.split(';').next()?;
        let (set, value) = pair.split_once('=')?;
        (set.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
    });
    pairs.next_back()
}

fn json(answer: &Answer) -> Result<Value, Failure> {
    if answer.truncated {
        let detail = format!("the body is longer than the limit of {} bytes", answer.body.len());
        return Err(Failure::target(Reason::UnexpectedBody, detail));
    }
    if answer.body.is_empty() {
        return Err(missing("the body is empty".into()));
    }
    serde_json::from_slice(&answer.body).map_err(|_| Failure::target(Reason::UnexpectedBody, "the body is not JSON"))
}

fn missing(detail: String) -> Failure {
    Failure::target(Reason::TokenMissing, detail)
}

#[cfg(test)]
mod tests;
