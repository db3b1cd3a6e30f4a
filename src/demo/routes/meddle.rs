//! Counts requests, gives each to the next replica, and spoils answers as the faults say.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{self, Body};
use axum::extract::{self, MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use tokio::{task, time};

use crate::demo::fault::{Active, Fault};
use crate::demo::routes::answer::{self, Refusal};
use crate::demo::routes::caller::Arrival;
use crate::demo::state::State;

/// Bodies are held whole up to this size, where a fault needs that.
const BODY_LIMIT: usize = 4 << 20;
/// Where an endless body ends after all: 8 GiB in pieces of 64 KiB.
const PIECES: usize = 1 << 17;

/// Counts the request and its answer, and hands the request to the replica whose turn it is.
pub(crate) async fn count(
    extract::State(state): extract::State<Arc<State>>,
    path: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let endpoint = path.map_or_else(|| "other".to_owned(), |path| format!("{} {}", request.method(), path.as_str()));
    state.counters().came(&endpoint, request.headers());
    let arrival = Arrival { key: state.replicas().take_turn(), faults: state.faults.active() };
    request.extensions_mut().insert(arrival);
    let response = next.run(request).await;
    state.counters().answered(&endpoint, response.status().as_u16());
    response
}

/// Meddles with the request, then with the answer.
pub(crate) async fn meddle(
    extract::State(state): extract::State<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    hang(&state).await;
    let faults = state.faults.active();
    if let Some(by) = faults.find(slowness) {
        time::sleep(by).await;
    }
    if let Some(answer) = instead(&request, &faults) {
        return answer;
    }
    if !faults.has(Fault::EchoEverything) {
        return spoil(next.run(request).await, &faults).await;
    }
    let (parts, body) = request.into_parts();
    let body = body::to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let (headers, uri) = (parts.headers.clone(), parts.uri.to_string());
    let answer = next.run(Request::from_parts(parts, Body::from(body.clone()))).await;
    spoil(echo(answer, &headers, &uri, &body), &faults).await
}

/// Waits while hanging is the fault; the end of the connection ends this too.
async fn hang(state: &State) {
    let mut changes = state.faults.watch();
    while state.faults.active().has(Fault::Hang) && changes.changed().await.is_ok() {}
}

/// An answer that a fault gives in place of the real one.
fn instead(request: &Request, faults: &Active) -> Option<Response> {
    if let Some(seconds) = faults.find(retry_after) {
        let headers = [(RETRY_AFTER, seconds.to_string())];
        return Some((StatusCode::TOO_MANY_REQUESTS, headers, answer::error("too many requests")).into_response());
    }
    if faults.has(Fault::RedirectForever) {
        return Some((StatusCode::FOUND, [(LOCATION, request.uri().path().to_owned())]).into_response());
    }
    let path = request.uri().path();
    let login = path.starts_with("/oauth/") || path.starts_with("/api/v1/auth/") && !path.ends_with("/api-keys");
    (faults.has(Fault::ServerError) && !login).then(|| Refusal::Internal.into_response())
}

/// Adds what the request carried to the body and the header of an error.
fn echo(answer: Response, headers: &HeaderMap, uri: &str, body: &[u8]) -> Response {
    let status = answer.status();
    if !status.is_client_error() && !status.is_server_error() {
        return answer;
    }
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let authorization = text(AUTHORIZATION.as_str());
    let echo = json!({
        "error": format!("refused: {}", authorization.as_deref().unwrap_or("no authorization")),
        "request": uri,
        "authorization": authorization,
        "api_key": text("x-api-key"),
        "cookie": text("cookie"),
        "body": String::from_utf8_lossy(body),
    });
    let described = authorization.map(|value| format!("Bearer error=\"invalid_token\", error_description=\"{value}\""));
    let mut echoed = (status, axum::Json(echo)).into_response();
    if let Some(value) = described.and_then(|value| HeaderValue::try_from(value).ok()) {
        echoed.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    echoed
}

/// Spoils the way in which an answer is told.
async fn spoil(answer: Response, faults: &Active) -> Response {
    if faults.has(Fault::RedirectToLogin) && answer.status() == StatusCode::UNAUTHORIZED {
        return (StatusCode::FOUND, [(LOCATION, "/login")]).into_response();
    }
    if faults.has(Fault::EndlessBody) {
        let piece = Bytes::from_static(&[b' '; 1 << 16]);
        let pieces = stream::iter((0..PIECES).map(move |_| Ok::<_, Infallible>(piece.clone())));
        return rebuilt(answer, Body::from_stream(pieces), None);
    }
    let broken = faults.has(Fault::CloseMidBody);
    let pause = faults.find(drip);
    if !broken && pause.is_none() {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let whole = body::to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let length = whole.len();
    if length == 0 {
        return Response::from_parts(parts, Body::empty());
    }
    let answer = Response::from_parts(parts, Body::empty());
    if broken {
        let half = whole.slice(..length / 2);
        let pieces = stream::iter([Ok(half)]).chain(stream::once(async {
            // Head and first half are sent when there is nothing more at once.
            task::yield_now().await;
            Err(io::Error::from(io::ErrorKind::BrokenPipe))
        }));
        return rebuilt(answer, Body::from_stream(pieces), Some(length));
    }
    rebuilt(answer, Body::from_stream(dripping(whole, pause.unwrap_or_default())), Some(length))
}

fn dripping(whole: Bytes, pause: Duration) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(whole, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        time::sleep(pause).await;
        let byte = rest.split_to(1);
        Some((Ok(byte), rest))
    })
}

fn rebuilt(answer: Response, body: Body, length: Option<usize>) -> Response {
    let (mut parts, _) = answer.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    if let Some(length) = length {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, body)
}

fn slowness(fault: &Fault) -> Option<Duration> {
    let Fault::Slow { by } = *fault else { return None };
    Some(by)
}

fn retry_after(fault: &Fault) -> Option<u64> {
    let Fault::RateLimited { retry_after } = *fault else { return None };
    Some(retry_after.as_secs())
}

fn drip(fault: &Fault) -> Option<Duration> {
    let Fault::DripBytes { every } = *fault else { return None };
    Some(every)
}
