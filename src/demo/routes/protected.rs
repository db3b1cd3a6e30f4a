//! What the demo API protects.

use std::sync::Arc;

use axum::extract::{self, Path};
use axum::response::{IntoResponse, Response};
use axum::{Json, body::Bytes};
use http::StatusCode;
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::demo::directory::{ADMIN, Caller, RUNNER};
use crate::demo::routes::answer::Refusal;
use crate::demo::state::State;

/// Any caller that is known may list workflows.
pub(crate) async fn workflows(_caller: Caller) -> Json<Value> {
    Json(json!({ "workflows": [{ "id": "probe", "name": "Probe" }] }))
}

/// A workflow runner may execute one.
pub(crate) async fn execute(caller: Caller, Path(workflow): Path<String>) -> Result<Json<Value>, Refusal> {
    needs(&caller, RUNNER)?;
    Ok(Json(json!({ "workflow": workflow, "status": "accepted" })))
}

/// An admin may list users.
pub(crate) async fn users(
    extract::State(state): extract::State<Arc<State>>,
    caller: Caller,
) -> Result<Json<Value>, Refusal> {
    needs(&caller, ADMIN)?;
    let users: Vec<Value> = (state.directory().users().into_iter())
        .map(|user| json!({ "username": user.name, "roles": user.roles }))
        .collect();
    Ok(Json(json!({ "users": users })))
}

#[derive(Deserialize)]
struct NewKey {
    username: String,
}

/// An admin may create an API key for a user.
pub(crate) async fn create_key(
    extract::State(state): extract::State<Arc<State>>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Refusal> {
    needs(&caller, ADMIN)?;
    let NewKey { username } = serde_json::from_slice(&body).map_err(|_| Refusal::Malformed)?;
    let key = state.directory().create_key(&username).map_err(|_| Refusal::Internal)?.ok_or(Refusal::Malformed)?;
    Ok((StatusCode::CREATED, Json(json!({ "api_key": key }))).into_response())
}

/// The public keys, for anybody.
pub(crate) async fn jwks(extract::State(state): extract::State<Arc<State>>) -> Json<JwkSet> {
    Json(state.replicas().jwks())
}

fn needs(caller: &Caller, role: &str) -> Result<(), Refusal> {
    if caller.roles.iter().any(|held| held == role) { Ok(()) } else { Err(Refusal::Role) }
}
