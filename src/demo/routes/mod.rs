//! The demo API's routes.

pub(crate) mod answer;
pub(crate) mod caller;
pub(crate) mod login;
pub(crate) mod meddle;
pub(crate) mod oauth;
pub(crate) mod protected;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Html;
use axum::routing::{get, post};

use crate::demo::state::State;

/// All routes, behind the counters and the faults.
pub(crate) fn router(state: &Arc<State>) -> Router {
    Router::new()
        .route("/login", get(login_page))
        .route("/api/v1/auth/login", post(login::json))
        .route("/api/v1/auth/nested", post(login::nested))
        .route("/api/v1/auth/header", post(login::header))
        .route("/api/v1/auth/session", post(login::session))
        .route("/oauth/token", post(oauth::token))
        .route("/api/v1/workflows", get(protected::workflows))
        .route("/api/v1/workflows/{id}/execute", post(protected::execute))
        .route("/api/v1/admin/users", get(protected::users))
        .route("/api/v1/auth/api-keys", post(protected::create_key))
        .route("/.well-known/jwks.json", get(protected::jwks))
        .fallback(answer::not_found)
        .layer(from_fn_with_state(Arc::clone(state), meddle::meddle))
        .layer(from_fn_with_state(Arc::clone(state), meddle::count))
        .with_state(Arc::clone(state))
}

async fn login_page() -> Html<&'static str> {
    Html("<!doctype html><title>Log in</title><form method=post><input name=username><input name=password></form>")
}
