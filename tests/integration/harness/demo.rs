//! The demo API as a process of its own, steered through its control port, and what probes it.

use std::ops::Deref;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::probed::Probed;
use super::program::{Program, Running};
use super::wait::{Seen, until};
use crate::servers::http::{Answer, Http, text};

/// A running demo API, and a directory from which it is probed every second. Gone when dropped.
pub(crate) struct Demo {
    _process: Running,
    http: Http,
    ready: Value,
    probed: Probed,
}

impl Demo {
    /// Starts it.
    pub(crate) async fn start() -> Result<Self> {
        let dir = TempDir::with_prefix("authprobe-demo-")?;
        let mut process = Program::new(dir.path(), &["demo", "--api-only"]).start()?;
        let line = until("the demo API", async || {
            let out = process.out()?;
            ensure!(!process.has_ended()?, "the demo API ended: {}", process.err()?);
            Ok(Seen::when(out.ends_with('\n'), out.clone(), || out))
        });
        let ready: Value = serde_json::from_str(&line.await?)?;
        let values = ready.as_object().context("a JSON object")?;
        let secrets: Vec<(&str, &str)> =
            values.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
        let probed = Probed::new("demo-api.yaml", ready["url"].as_str().unwrap_or_default(), &secrets)?;
        Ok(Self { _process: process, http: Http::new()?, probed, ready })
    }

    /// Where the API listens.
    pub(crate) fn url(&self) -> &str {
        self.get("url")
    }

    /// A value that the API printed at its start.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_default()
    }

    /// Switches a fault on, given as its JSON.
    pub(crate) async fn fault(&self, fault: &Value) -> Result<()> {
        self.control("/fault", fault).await.map(|_| ())
    }

    /// Switches every fault off.
    pub(crate) async fn heal(&self) -> Result<()> {
        self.control("/heal", &json!({})).await.map(|_| ())
    }

    /// Posts to the control port.
    pub(crate) async fn control(&self, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.get("control"));
        self.http.json(Method::POST, &url, &[], body).await.and_then(Answer::ok).with_context(|| path.to_owned())
    }

    /// Gets from the control port.
    pub(crate) async fn ask(&self, path: &str) -> Result<Value> {
        self.http.get(&format!("{}{path}", self.get("control")), &[]).await?.ok()
    }

    /// Rotates the signing secret; no replica uses it, and the prober does not know it. Gives the new one.
    pub(crate) async fn rotate(&self) -> Result<String> {
        text(&self.control("/rotate", &json!({})).await?, "/signing_secret")
    }
}

impl Deref for Demo {
    type Target = Probed;

    fn deref(&self) -> &Probed {
        &self.probed
    }
}
