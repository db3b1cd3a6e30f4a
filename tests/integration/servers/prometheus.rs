//! Debian's Prometheus, with a configuration and rules of the test.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use url::form_urlencoded;

use super::fixture::filled;
use super::http::Http;
use super::process::{Process, on_free_ports};

/// A running Prometheus, gone when dropped.
pub(crate) struct Prometheus {
    _process: Process,
    http: Http,
    url: String,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes the daemon at an address (`HOST:PORT`), with these rules.
    pub(crate) async fn scraping(address: &str, rules: &str) -> Result<Self> {
        on_free_ports(async |port, _| Self::start_on(port, address, rules).await).await.context("Prometheus")
    }

    /// The samples that an expression gives, each with its labels and its value.
    pub(crate) async fn query(&self, expression: &str) -> Result<Vec<(Value, f64)>> {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("query", expression).finish();
        let said = self.api(&format!("query?{query}")).await?;
        let samples = said["data"]["result"].as_array().with_context(|| said.to_string())?;
        let sample = |sample: &Value| {
            let value = sample["value"][1].as_str().context("a value")?.parse()?;
            Ok((sample["metric"].clone(), value))
        };
        samples.iter().map(sample).collect()
    }

    /// What a path of its HTTP API says.
    pub(crate) async fn api(&self, path: &str) -> Result<Value> {
        let said: Value = self.http.get(&format!("{}/api/v1/{path}", self.url), &[]).await?.ok()?;
        ensure!(said["status"] == "success", "{path}: {said}");
        Ok(said)
    }

    async fn start_on(port: u16, address: &str, rules: &str) -> Result<Self> {
        let dir = TempDir::with_prefix("prometheus-")?;
        let file = |name: &str| dir.path().join(name);
        fs::write(file("rules.yml"), rules)?;
        fs::write(file("prometheus.yml"), filled("prometheus/scrape.yaml", &[("address", address)])?)?;
        let http = Http::new()?;
        let url = format!("http://127.0.0.1:{port}");
        let mut process = Process::spawn("prometheus", &arguments(dir.path(), port), &file("log"))?;
        process.ready(&http, &format!("{url}/-/ready")).await?;
        Ok(Self { _process: process, http, url, _dir: dir })
    }
}

fn arguments(dir: &Path, port: u16) -> Vec<String> {
    vec![
        format!("--config.file={}", dir.join("prometheus.yml").display()),
        format!("--storage.tsdb.path={}", dir.join("data").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ]
}
