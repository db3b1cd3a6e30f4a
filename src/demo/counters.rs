//! What the demo API has seen, for those who want to know how it was treated.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde::Serialize;

/// Requests seen since the start, or since the last reset.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Counters {
    /// By method and route, `POST /api/v1/auth/login`; paths without a route are `other`.
    pub(crate) endpoints: BTreeMap<String, Endpoint>,
    /// Refused logins by user; unknown users are `unknown`.
    pub(crate) failed_logins: BTreeMap<String, u64>,
}

/// Requests to one endpoint.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Endpoint {
    /// Requests that came, answered or not.
    pub(crate) requests: u64,
    /// Answers by status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// `User-Agent` of the last request.
    pub(crate) user_agent: Option<String>,
    /// `traceparent` of the last request.
    pub(crate) traceparent: Option<String>,
}

impl Counters {
    /// Notes a request.
    pub(crate) fn came(&mut self, endpoint: &str, headers: &HeaderMap) {
        let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let entry = self.endpoints.entry(endpoint.to_owned()).or_default();
        entry.requests += 1;
        entry.user_agent = text("user-agent");
        entry.traceparent = text("traceparent");
    }

    /// Notes the answer to it.
    pub(crate) fn answered(&mut self, endpoint: &str, status: u16) {
        *self.endpoints.entry(endpoint.to_owned()).or_default().statuses.entry(status).or_default() += 1;
    }

    /// Notes a refused login.
    pub(crate) fn login_failed(&mut self, user: &str) {
        *self.failed_logins.entry(user.to_owned()).or_default() += 1;
    }
}
