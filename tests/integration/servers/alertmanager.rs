//! Debian's Alertmanager, alone and with no one to notify.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::http::Http;
use super::process::{Process, on_free_ports};

/// An alert that is over when nobody repeats it for so long.
const CONFIGURATION: &str = "global: {resolve_timeout: 5m}\nroute: {receiver: nobody}\nreceivers: [{name: nobody}]\n";

/// A running Alertmanager, gone when dropped.
pub(crate) struct Alertmanager {
    _process: Process,
    _dir: TempDir,
    http: Http,
    port: u16,
}

impl Alertmanager {
    /// Starts it.
    pub(crate) async fn start() -> Result<Self> {
        on_free_ports(|port, _| Self::start_on(port)).await.context("Alertmanager")
    }

    /// Starts it on a port.
    pub(crate) async fn start_on(port: u16) -> Result<Self> {
        let dir = TempDir::with_prefix("alertmanager-")?;
        let file = dir.path().join("alertmanager.yml");
        fs::write(&file, CONFIGURATION)?;
        let arguments = [
            format!("--config.file={}", file.display()),
            format!("--storage.path={}", dir.path().join("data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--cluster.listen-address=".to_owned(),
        ];
        let http = Http::new()?;
        let mut process = Process::spawn("prometheus-alertmanager", &arguments, &dir.path().join("log"))?;
        process.ready(&http, &format!("http://127.0.0.1:{port}/-/ready")).await?;
        Ok(Self { _process: process, _dir: dir, http, port })
    }

    /// Where it listens, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The alerts that fire by what it knows.
    pub(crate) async fn firing(&self) -> Result<Vec<Value>> {
        let alerts = self.http.get(&format!("{}/api/v2/alerts", self.url()), &[]).await?.ok()?;
        Ok(alerts.as_array().context("a list")?.clone())
    }
}
