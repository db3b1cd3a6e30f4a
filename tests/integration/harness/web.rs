//! The daemon's own HTTP side, as an orchestrator and a scraper see it.

use anyhow::{Context, Result};

use super::program::Running;
use super::wait::{Seen, until};
use crate::servers::http::{Answer, Header, Http};

/// A client of a running daemon.
pub(crate) struct Web {
    http: Http,
    url: String,
}

impl Web {
    /// Waits until the daemon listens.
    pub(crate) async fn of(daemon: &mut Running) -> Result<Self> {
        Ok(Self { http: Http::new()?, url: daemon.listens().await? })
    }

    /// Where it listens, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// `GET` of a path.
    pub(crate) async fn get(&self, path: &str, headers: &[Header<'_>]) -> Result<Answer> {
        self.http.get(&format!("{}{path}", self.url), headers).await
    }

    /// `POST` of a body to a path.
    pub(crate) async fn post(&self, path: &str, headers: &[Header<'_>], body: &str) -> Result<Answer> {
        self.http.post(&format!("{}{path}", self.url), headers, body).await
    }

    /// Waits until it is ready.
    pub(crate) async fn ready(&self) -> Result<()> {
        self.readiness(200).await.map(|_| ())
    }

    /// Waits until it is not, and gives the reason.
    pub(crate) async fn unready(&self) -> Result<String> {
        self.readiness(503).await
    }

    /// The value of one metric, by its name with its labels.
    pub(crate) async fn metric(&self, name: &str) -> Result<f64> {
        let metrics = self.get("/metrics", &[]).await?.body;
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.with_context(|| format!("no {name} in {metrics}"))?.parse().context("a number")
    }

    async fn readiness(&self, status: u16) -> Result<String> {
        until(&format!("status {status} of /readyz"), async || {
            let answer = self.get("/readyz", &[]).await?;
            Ok(Seen::when(answer.status == status, answer.body.clone(), || answer.body))
        })
        .await
    }
}
