//! The way in, where others than this machine reach the pages.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State as Given;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use maud::html;
use serde::Deserialize;
use tokio::time::Instant;

use crate::web::access::{Reach, own};
use crate::web::pages::frame::bare;
use crate::web::state::State;
use crate::web::token::Denied;

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Entry {
    token: String,
}

pub(super) async fn page(Given(state): Given<Arc<State>>) -> Response {
    match state.reading.access.reach {
        Reach::Others => form(StatusCode::OK, None),
        Reach::Loopback | Reach::Proxy => Redirect::to("/").into_response(),
    }
}

pub(super) async fn enter(
    Given(state): Given<Arc<State>>,
    Extension(peer): Extension<IpAddr>,
    headers: HeaderMap,
    Form(given): Form<Entry>,
) -> Response {
    if !own(&headers) {
        return form(StatusCode::FORBIDDEN, Some("The form was sent by another site."));
    }
    let now = Instant::now();
    match state.guard.check(given.token.trim().as_bytes(), peer, now) {
        Ok(token) => {
            let secure = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
            let cookie = state.reading.access.sessions.open(token, secure, now);
            match cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
                Some(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
                None => form(StatusCode::SERVICE_UNAVAILABLE, Some("No session can be opened now.")),
            }
        }
        Err(Denied::Wrong) => form(StatusCode::UNAUTHORIZED, Some("This is not the token.")),
        Err(denied) => {
            let (status, told) = denied.told();
            form(status, Some(told))
        }
    }
}

pub(super) async fn out(Given(state): Given<Arc<State>>, headers: HeaderMap) -> Response {
    if !own(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let cookie = HeaderValue::from_str(&state.reading.access.sessions.close(&headers));
    match cookie {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response(),
        Err(_) => Redirect::to("/login").into_response(),
    }
}

fn form(status: StatusCode, wrong: Option<&str>) -> Response {
    let shown = html! {
        h1 { "Log in" }
        @if let Some(wrong) = wrong { p.note role="alert" { (wrong) } }
        form.login method="post" action="/login" {
            label for="token" { "The token of authprobe" }
            input #token name="token" type="password" autocomplete="current-password" required maxlength="4096" autofocus;
            button { "Log in" }
        }
        p.quiet { "It is what " code { "api_token" } " of the configuration names." }
    };
    (status, Html(bare("Log in", &shown).into_string())).into_response()
}
