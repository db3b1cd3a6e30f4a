//! The reading half of the API: bounded pages of what the store holds and what it says, as JSON.

mod answers;
mod description;
mod operation;
mod params;
mod records;

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::web::state::State;

/// What can be read, and its description.
pub(super) fn read() -> Router<Arc<State>> {
    let mut router = Router::new().route(
        "/api/v1/openapi.json",
        get(|| async { ([(header::CONTENT_TYPE, "application/json")], description::text()).into_response() }),
    );
    for operation in answers::all() {
        router = router.route(operation.path, operation.route);
    }
    router
}
