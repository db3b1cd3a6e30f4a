//! Finds out who is asking, from whatever credential the request carries.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use url::form_urlencoded;

use crate::demo::directory::Caller;
use crate::demo::fault::{Active, Fault};
use crate::demo::routes::answer::Refusal;
use crate::demo::state::State;
use crate::demo::tokens::{self, SigningKey};

/// The cookie of a session.
pub(crate) const COOKIE_NAME: &str = "session";

/// What one request was given on arrival: the replica's key and the faults of that moment.
#[derive(Clone)]
pub(crate) struct Arrival {
    /// Key of the replica that answers.
    pub(crate) key: Arc<SigningKey>,
    /// Faults when the request came.
    pub(crate) faults: Active,
}

impl Arrival {
    /// The arrival of a request; every request has one.
    pub(crate) fn of(parts: &Parts) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or(Refusal::Internal)
    }
}

enum Credential {
    Token(String),
    Key(String),
    Cookie(String),
}

impl FromRequestParts<Arc<State>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Refusal> {
        let Arrival { key: signing, faults } = Arrival::of(parts)?;
        let now = tokens::now(&faults);
        let mut caller = match credential(parts).ok_or(Refusal::Anonymous)? {
            Credential::Token(token) if faults.has(Fault::JwtValidationOff) => {
                let claims = tokens::unverified(&token).ok_or(Refusal::Token)?;
                Caller { name: claims.sub, roles: claims.roles }
            }
            Credential::Token(token) => {
                let known = state.directory().remembered(&token, now);
                let verified = || signing.verify(&token, now).and_then(|claims| state.directory().caller(&claims.sub));
                known.or_else(verified).ok_or(Refusal::Token)?
            }
            Credential::Cookie(cookie) => state.directory().remembered(&cookie, now).ok_or(Refusal::Token)?,
            Credential::Key(key) => key_caller(&key, state, &faults)?,
        };
        if faults.has(Fault::RoleRemoved) {
            caller.roles.clear();
        }
        Ok(caller)
    }
}

fn key_caller(key: &str, state: &State, faults: &Active) -> Result<Caller, Refusal> {
    let directory = state.directory();
    let mut caller = directory.key_owner(key);
    if faults.has(Fault::KeyRevoked) {
        caller = None;
    }
    if faults.has(Fault::ApiKeyCheckOff) {
        caller = caller.or_else(|| directory.caller(&state.credentials.username));
    }
    let caller = caller.ok_or(Refusal::Key)?;
    if faults.has(Fault::KeyWithoutPermission) { Err(Refusal::KeyPermission) } else { Ok(caller) }
}

/// The first credential found: `Authorization`, then `X-API-Key`, then the query, then the cookie.
fn credential(parts: &Parts) -> Option<Credential> {
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(value) = text(AUTHORIZATION.as_str()) {
        let Some((scheme, rest)) = value.split_once(' ') else { return Some(Credential::Token(value.to_owned())) };
        let rest = rest.trim().to_owned();
        return match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some(Credential::Token(rest)),
            "apikey" | "api-key" | "token" => Some(Credential::Key(rest)),
            _ => None,
        };
    }
    if let Some(key) = text("x-api-key") {
        return Some(Credential::Key(key.to_owned()));
    }
    let query = parts.uri.query().unwrap_or_default();
    if let Some((_, key)) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "api_key") {
        return Some(Credential::Key(key.into_owned()));
    }
    let mut cookies = text(COOKIE.as_str())?.split(';').filter_map(|pair| pair.trim().split_once('='));
    cookies.find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| Credential::Cookie(value.to_owned()))
}
