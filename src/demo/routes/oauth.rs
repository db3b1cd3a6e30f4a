//! The OAuth 2.0 token endpoint: client credentials and password grants (RFC 6749, sections 4.3 and 4.4).

use std::sync::Arc;

use axum::extract;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use http::StatusCode;
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::request::Parts;
use serde::Deserialize;
use serde_json::json;

use crate::demo::routes::answer::Refusal;
use crate::demo::routes::caller::Arrival;
use crate::demo::routes::login::{self, Password};
use crate::demo::state::State;

/// The fields of a token request.
#[derive(Deserialize)]
pub(crate) struct Request {
    grant_type: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

/// Answers a token request; the client authenticates by Basic or in the body.
pub(crate) async fn token(
    extract::State(state): extract::State<Arc<State>>,
    parts: Parts,
    Form(request): Form<Request>,
) -> Response {
    let in_body = |name: Option<String>, secret: Option<String>| Some(Password { username: name?, password: secret? });
    let (given, client) = match request.grant_type.as_str() {
        "client_credentials" => {
            (login::basic(&parts.headers).or_else(|| in_body(request.client_id, request.client_secret)), true)
        }
        "password" => (in_body(request.username, request.password), false),
        _ => return oauth_error(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
    };
    let Some(given) = given else { return oauth_error(StatusCode::BAD_REQUEST, "invalid_request") };
    let answer = || {
        let arrival = Arrival::of(&parts)?;
        let caller = login::check_password(&state, &given, &arrival.faults)?;
        let is_client = caller.name == state.credentials.client_id;
        // A user's password is no client secret, nor the other way round.
        if is_client != client {
            return Err(Refusal::Login);
        }
        login::issue(&state, &arrival, &caller)
    };
    match answer() {
        Ok(token) => ([(CACHE_CONTROL, "no-store")], Json(login::bearer(&state, token))).into_response(),
        Err(Refusal::Login) if client => {
            let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"demo\"")];
            (challenge, oauth_error(StatusCode::UNAUTHORIZED, "invalid_client")).into_response()
        }
        Err(Refusal::Login) => oauth_error(StatusCode::BAD_REQUEST, "invalid_grant"),
        Err(refusal) => refusal.into_response(),
    }
}

fn oauth_error(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({ "error": code }))).into_response()
}
