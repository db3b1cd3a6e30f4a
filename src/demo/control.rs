//! Steers a running demo API over HTTP, from a loopback port of its own.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::demo::counters::Counters;
use crate::demo::fault::Fault;
use crate::demo::routes::answer;
use crate::demo::state::{self, Issuing};
use crate::demo::tokens::Signing;

/// The API that is steered.
type Shared = State<Arc<state::State>>;

/// The control's routes.
pub(crate) fn router(state: &Arc<state::State>) -> Router {
    Router::new()
        .route("/", get(status))
        .route("/fault", post(fault))
        .route("/heal", post(heal))
        .route("/issuing", post(issuing))
        .route("/rotate", post(rotate))
        .route("/rollout/{replica}", post(roll_out))
        .route("/revoke", post(revoke))
        .route("/restore", post(restore))
        .route("/grant", post(grant))
        .route("/take", post(take))
        .route("/counters", get(counters))
        .route("/counters/reset", post(reset))
        .fallback(answer::not_found)
        .with_state(Arc::clone(state))
}

/// Names an API key; without one, the prober's.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Key {
    key: Option<String>,
}

/// Names another kind of key to sign with, `hs256`, `rs256`, `es256` or `eddsa`; without one, it stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    signing: Option<Signing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    user: String,
    role: String,
}

/// Active faults, the stored secret, and which replicas run with it.
async fn status(State(state): Shared) -> Json<Value> {
    let replicas = state.replicas();
    Json(json!({
        "issuing": state.issuing(),
        "faults": state.faults.active().list(),
        "signing_secret": replicas.stored().secret(),
        "replicas_current": replicas.current(),
    }))
}

async fn fault(State(state): Shared, Json(fault): Json<Fault>) -> Json<Value> {
    state.faults.add(fault);
    status(State(state)).await
}

async fn heal(State(state): Shared) -> Json<Value> {
    state.heal();
    status(State(state)).await
}

/// What is not named is as at the start.
async fn issuing(State(state): Shared, Json(issuing): Json<Issuing>) -> Json<Value> {
    state.issue(issuing);
    status(State(state)).await
}

async fn rotate(State(state): Shared, key: Option<Json<NewKey>>) -> Response {
    let rotated = state.replicas().rotate(key.and_then(|Json(NewKey { signing })| signing));
    done(state, rotated, StatusCode::INTERNAL_SERVER_ERROR).await
}

async fn roll_out(State(state): Shared, Path(replica): Path<usize>) -> Response {
    let rolled_out = state.replicas().roll_out(replica);
    done(state, rolled_out, StatusCode::NOT_FOUND).await
}

async fn revoke(State(state): Shared, key: Option<Json<Key>>) -> Json<Value> {
    set_revoked(&state, key, true)
}

async fn restore(State(state): Shared, key: Option<Json<Key>>) -> Json<Value> {
    set_revoked(&state, key, false)
}

async fn grant(State(state): Shared, Json(Role { user, role }): Json<Role>) -> Json<Value> {
    Json(json!({ "changed": state.directory().grant(&user, &role) }))
}

async fn take(State(state): Shared, Json(Role { user, role }): Json<Role>) -> Json<Value> {
    Json(json!({ "changed": state.directory().take(&user, &role) }))
}

async fn counters(State(state): Shared) -> Json<Counters> {
    Json(state.counters().clone())
}

async fn reset(State(state): Shared) -> StatusCode {
    *state.counters() = Counters::default();
    StatusCode::NO_CONTENT
}

fn set_revoked(state: &state::State, key: Option<Json<Key>>, revoked: bool) -> Json<Value> {
    let Key { key } = key.map(|Json(key)| key).unwrap_or_default();
    let key = key.unwrap_or_else(|| state.credentials.api_key.clone());
    Json(json!({ "changed": state.directory().set_revoked(&key, revoked) }))
}

async fn done(state: Arc<state::State>, result: anyhow::Result<()>, status_of_failure: StatusCode) -> Response {
    match result {
        Ok(()) => status(State(state)).await.into_response(),
        Err(cause) => (status_of_failure, answer::error(&cause.to_string())).into_response(),
    }
}
