//! Logs users in: by JSON, form or Basic, answered with a JSON body, a header or a cookie.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::demo::directory::{Caller, Login};
use crate::demo::fault::{Active, Fault};
use crate::demo::routes::answer::Refusal;
use crate::demo::routes::caller::{Arrival, COOKIE_NAME};
use crate::demo::state::State;
use crate::demo::tokens::{self, Claims, ISSUER, random_hex};

/// A user name and a password.
#[derive(Deserialize)]
pub(crate) struct Password {
    /// Who.
    pub(crate) username: String,
    /// Proof.
    pub(crate) password: String,
}

/// `{"access_token", "token_type", "expires_in"}`.
pub(crate) async fn json(extract::State(state): extract::State<Arc<State>>, parts: Parts, body: Bytes) -> Response {
    log_in(&state, &parts, &body)
        .map_or_else(IntoResponse::into_response, |token| Json(bearer(&state, token)).into_response())
}

/// The token deeper in the body, its lifetime in milliseconds.
pub(crate) async fn nested(extract::State(state): extract::State<Arc<State>>, parts: Parts, body: Bytes) -> Response {
    log_in(&state, &parts, &body).map_or_else(IntoResponse::into_response, |token| {
        let millis = u64::try_from(state.issuing().lifetime.as_millis()).unwrap_or(u64::MAX);
        let data = match token {
            Some(token) => json!({ "access_token": token, "expires_in_ms": millis }),
            None => json!({}),
        };
        Json(json!({ "data": data })).into_response()
    })
}

/// The token in `X-Auth-Token`, no body.
pub(crate) async fn header(extract::State(state): extract::State<Arc<State>>, parts: Parts, body: Bytes) -> Response {
    log_in(&state, &parts, &body).map_or_else(IntoResponse::into_response, |token| {
        let token = token.and_then(|token| HeaderValue::try_from(token).ok());
        let headers: HeaderMap = token.into_iter().map(|value| (X_AUTH_TOKEN, value)).collect();
        (StatusCode::NO_CONTENT, headers).into_response()
    })
}

/// A session cookie, and an empty body.
pub(crate) async fn session(extract::State(state): extract::State<Arc<State>>, parts: Parts, body: Bytes) -> Response {
    let answer = || {
        let Arrival { faults, .. } = Arrival::of(&parts)?;
        let caller = check(&state, &parts.headers, &body, &faults)?;
        if faults.has(Fault::LoginWithoutToken) {
            return Ok(StatusCode::OK.into_response());
        }
        let cookie = remember(&state, &caller, &faults)?;
        let seconds = state.issuing().lifetime.as_secs();
        let value = format!("{COOKIE_NAME}={cookie}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict");
        Ok((StatusCode::OK, [(SET_COOKIE, value)]).into_response())
    };
    answer().unwrap_or_else(|refusal: Refusal| refusal.into_response())
}

/// The JSON body of a successful login; without a token when that is the fault.
pub(crate) fn bearer(state: &State, token: Option<String>) -> Value {
    let seconds = state.issuing().lifetime.as_secs();
    match token {
        Some(token) => json!({ "access_token": token, "token_type": "Bearer", "expires_in": seconds }),
        None => json!({ "token_type": "Bearer", "expires_in": seconds }),
    }
}

/// Checks a user's password as the faults allow.
pub(crate) fn check_password(state: &State, given: &Password, faults: &Active) -> Result<Caller, Refusal> {
    if faults.has(Fault::LoginServerError) {
        return Err(Refusal::Internal);
    }
    if faults.has(Fault::LoginRejects) {
        return Err(Refusal::Login);
    }
    let lock = faults.find(|fault| {
        let Fault::LoginLocksAccount { after, status } = *fault else { return None };
        Some((after, status))
    });
    let mut directory = state.directory();
    match directory.login(&given.username, &given.password, lock.map(|(after, _)| after)) {
        Login::Accepted(caller) => Ok(caller),
        Login::Rejected => {
            let known = directory.caller(&given.username).is_some();
            drop(directory);
            state.counters().login_failed(if known { &given.username } else { "unknown" });
            Err(Refusal::Login)
        }
        Login::Locked => Err(Refusal::Locked(lock.map_or(403, |(_, status)| status))),
    }
}

/// A token for a caller; none when that is the fault.
pub(crate) fn issue(state: &State, arrival: &Arrival, caller: &Caller) -> Result<Option<String>, Refusal> {
    let Arrival { key, faults } = arrival;
    if faults.has(Fault::LoginWithoutToken) {
        return Ok(None);
    }
    if state.issuing().opaque {
        return remember(state, caller, faults).map(Some);
    }
    let now = tokens::now(faults);
    let jti = random_hex::<8>().map_err(|_| Refusal::Internal)?;
    let claims = Claims {
        sub: caller.name.clone(),
        roles: caller.roles.clone(),
        exp: until(state, now),
        iat: now,
        iss: ISSUER.to_owned(),
        jti,
    };
    key.mint(&claims, faults).map(Some).map_err(|_| Refusal::Internal)
}

/// User and password of an `Authorization: Basic` header.
pub(crate) fn basic(headers: &HeaderMap) -> Option<Password> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (username, password) = plain.split_once(':')?;
    Some(Password { username: username.to_owned(), password: password.to_owned() })
}

const X_AUTH_TOKEN: http::HeaderName = http::HeaderName::from_static("x-auth-token");

fn log_in(state: &State, parts: &Parts, body: &[u8]) -> Result<Option<String>, Refusal> {
    let arrival = Arrival::of(parts)?;
    let caller = check(state, &parts.headers, body, &arrival.faults)?;
    issue(state, &arrival, &caller)
}

fn check(state: &State, headers: &HeaderMap, body: &[u8], faults: &Active) -> Result<Caller, Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = match basic(headers) {
        Some(given) => given,
        None if kind.starts_with("application/x-www-form-urlencoded") => form(body).ok_or(Refusal::Malformed)?,
        None => serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?,
    };
    check_password(state, &given, faults)
}

fn form(body: &[u8]) -> Option<Password> {
    let field = |wanted: &str| form_urlencoded::parse(body).find(|(name, _)| name == wanted);
    let (_, username) = field("username")?;
    let (_, password) = field("password")?;
    Some(Password { username: username.into_owned(), password: password.into_owned() })
}

fn remember(state: &State, caller: &Caller, faults: &Active) -> Result<String, Refusal> {
    let token = random_hex::<24>().map_err(|_| Refusal::Internal)?;
    let now = tokens::now(faults);
    state.directory().remember(&token, &caller.name, until(state, now), now);
    Ok(token)
}

fn until(state: &State, now: i64) -> i64 {
    now.saturating_add(i64::try_from(state.issuing().lifetime.as_secs()).unwrap_or(i64::MAX))
}
