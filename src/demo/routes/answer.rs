//! How the demo API words its refusals.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use serde_json::json;

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No credentials came.
    Anonymous,
    /// The token is wrong, expired or unknown; it is not told which.
    Token,
    /// The API key is unknown or revoked; it is not told which.
    Key,
    /// The API key is known and may not do this.
    KeyPermission,
    /// The caller is known and lacks a role.
    Role,
    /// The login is refused.
    Login,
    /// The user is locked out, told with this status.
    Locked(u16),
    /// The request cannot be read.
    Malformed,
    /// Something broke here.
    Internal,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // As in life, only a part of the 401s names a scheme.
        let bearer = |parameters| [(WWW_AUTHENTICATE, parameters)];
        match self {
            Self::Anonymous => {
                (StatusCode::UNAUTHORIZED, bearer("Bearer"), error("authentication required")).into_response()
            }
            Self::Token => {
                let parameters = "Bearer error=\"invalid_token\"";
                (StatusCode::UNAUTHORIZED, bearer(parameters), error("invalid or expired token")).into_response()
            }
            Self::Key => (StatusCode::UNAUTHORIZED, error("invalid API key")).into_response(),
            Self::KeyPermission => (StatusCode::FORBIDDEN, error("this API key may not do that")).into_response(),
            Self::Role => (StatusCode::FORBIDDEN, error("insufficient permissions")).into_response(),
            Self::Login => (StatusCode::UNAUTHORIZED, error("invalid username or password")).into_response(),
            Self::Locked(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
                (status, error("account is locked")).into_response()
            }
            Self::Malformed => (StatusCode::BAD_REQUEST, error("malformed request")).into_response(),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, error("internal error")).into_response(),
        }
    }
}

/// The answer to a path that does not exist.
pub(crate) async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, error("not found")).into_response()
}

/// A body with an error.
pub(crate) fn error(message: &str) -> Json<serde_json::Value> {
    Json(json!({ "error": message }))
}
