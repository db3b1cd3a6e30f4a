//! npm's oidc-provider, a certified OpenID provider, signing with the keys that a test wants.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use super::http::{Answer, Http};
use super::process::{Process, on_free_ports};

/// The secret of the client `probe`.
const CLIENT_SECRET: &str = "a-client-secret-of-this-test";

/// A running issuer, gone when dropped. At first it signs with the key `a`, which is all that it publishes.
pub(crate) struct Issuer {
    _process: Process,
    _dir: TempDir,
    http: Http,
    port: u16,
}

impl Issuer {
    /// Starts it.
    pub(crate) async fn start() -> Result<Self> {
        on_free_ports(|port, _| Self::start_on(port)).await.context("oidc-provider")
    }

    /// Its URL, which is its issuer identifier.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What the prober has to know: file name and content of each credential.
    pub(crate) fn credentials(&self) -> [(&'static str, &'static str); 1] {
        [("client_secret", CLIENT_SECRET)]
    }

    /// Publishes these keys from now on. The first one signs.
    pub(crate) async fn publish(&self, ids: &[&str]) -> Result<()> {
        let url = format!("{}/keys?ids={}", self.url(), ids.join(","));
        self.http.json(Method::POST, &url, &[], &Value::Null).await.and_then(Answer::ok).map(drop)
    }

    async fn start_on(port: u16) -> Result<Self> {
        let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).join("issuer");
        let installed = packages.join("node_modules/oidc-provider").is_dir();
        ensure!(installed, "oidc-provider is not in {}: run tests/install.sh", packages.display());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/issuer/issuer.mjs");
        let arguments = [script.display().to_string(), port.to_string(), packages.display().to_string()];
        let dir = TempDir::with_prefix("issuer-")?;
        let http = Http::new()?;
        let mut process = Process::spawn("node", &arguments, &dir.path().join("issuer.log"))?;
        process.ready(&http, &format!("http://127.0.0.1:{port}/jwks")).await?;
        Ok(Self { _process: process, _dir: dir, http, port })
    }
}
