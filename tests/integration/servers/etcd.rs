//! Debian's etcd with authentication on: HS256 tokens, users and roles, over its HTTP gateway.
//!
//! A token goes bare into `Authorization`. It carries the revision of the auth store, and
//! any later edit of any user or role makes the server refuse it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{Answer, Http, base64, text};
use super::process::{Process, on_free_ports, replace_file};

/// The prober's user.
pub(crate) const USER: &str = "probe";
/// A key that the prober's role may read.
pub(crate) const PERMITTED: &str = "/app/x";
/// A key that it may not.
pub(crate) const FORBIDDEN: &str = "/secret/x";

const ROLE: &str = "reader";
const ROOT_PASSWORD: &str = "etcd-root-password";
const FIRST_PASSWORD: &str = "etcd-probe-password";
const FIRST_KEY: &str = "etcd-first-key-64-characters-long-0123456789abcdef0123456789abcd";

/// A running (or stopped) single-member cluster of its own, gone when dropped.
pub(crate) struct Etcd {
    process: Option<Process>,
    http: Http,
    key: String,
    password: String,
    ports: (u16, u16),
    dir: TempDir,
}

impl Etcd {
    /// Starts a server, makes the users, the role and one key under `/app/`, and turns authentication on.
    pub(crate) async fn start() -> Result<Self> {
        let server = on_free_ports(|clients, peers| Self::start_on((clients, peers))).await.context("etcd")?;
        server.set_up().await.context("set up etcd")?;
        Ok(server)
    }

    /// Where it listens for clients, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.0)
    }

    /// What the prober has to know: file name and content of each credential, all of them right now.
    pub(crate) fn credentials(&self) -> [(&'static str, &str); 3] {
        [("username", USER), ("password", &self.password), ("jwt_secret", &self.key)]
    }

    /// Logs in as a client does: `POST /v3/auth/authenticate`, the token at `/token`.
    pub(crate) async fn log_in(&self, name: &str, password: &str) -> Result<Answer> {
        self.post("/v3/auth/authenticate", "", &json!({"name": name, "password": password})).await
    }

    /// Reads one key with what stands in `Authorization`; empty sends no such header.
    pub(crate) async fn read(&self, key: &str, authorization: &str) -> Result<Answer> {
        self.post("/v3/kv/range", authorization, &json!({"key": base64(key)})).await
    }

    /// Changes the prober's password; the old one is refused at once, and so are older tokens.
    pub(crate) async fn change_password(&mut self, password: &str) -> Result<()> {
        self.admin("/v3/auth/user/changepw", &json!({"name": USER, "password": password})).await?;
        password.clone_into(&mut self.password);
        Ok(())
    }

    /// Takes the prober's role away.
    pub(crate) async fn revoke_role(&self) -> Result<()> {
        self.admin("/v3/auth/user/revoke", &json!({"name": USER, "role": ROLE})).await
    }

    /// Gives it back.
    pub(crate) async fn grant_role(&self) -> Result<()> {
        self.admin("/v3/auth/user/grant", &json!({"user": USER, "role": ROLE})).await
    }

    /// Lets the prober's role read the forbidden key too.
    pub(crate) async fn open_forbidden_key(&self) -> Result<()> {
        self.admin(
            "/v3/auth/role/grant",
            &json!({"name": ROLE, "perm": {"permType": "READ", "key": base64(FORBIDDEN)}}),
        )
        .await
    }

    /// Takes that back.
    pub(crate) async fn close_forbidden_key(&self) -> Result<()> {
        self.admin("/v3/auth/role/revoke", &json!({"role": ROLE, "key": base64(FORBIDDEN)})).await
    }

    /// An edit that concerns nobody, after which every older token is refused.
    pub(crate) async fn touch_auth_store(&self) -> Result<()> {
        self.admin("/v3/auth/role/add", &json!({"name": "nobodys"})).await?;
        self.admin("/v3/auth/role/delete", &json!({"role": "nobodys"})).await
    }

    /// Writes another signing key to the file. It is in force only after a restart.
    pub(crate) fn rotate_key(&mut self, key: &str) -> Result<()> {
        replace_file(&self.dir.path().join("jwt.key"), key)?;
        key.clone_into(&mut self.key);
        Ok(())
    }

    /// Takes the server down: its port refuses connections when this returns.
    pub(crate) fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same ports with what it had stored.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.stop();
        self.process = Some(launch(self.dir.path(), self.ports, &self.http).await.context("etcd again")?);
        Ok(())
    }

    async fn start_on(ports: (u16, u16)) -> Result<Self> {
        let dir = TempDir::with_prefix("etcd-")?;
        // No newline at the end: every byte of the file is part of the key.
        fs::write(dir.path().join("jwt.key"), FIRST_KEY)?;
        let http = Http::new()?;
        let process = Some(launch(dir.path(), ports, &http).await?);
        Ok(Self { process, http, key: FIRST_KEY.into(), password: FIRST_PASSWORD.into(), ports, dir })
    }

    async fn set_up(&self) -> Result<()> {
        // Everything below `/app/`: the range ends before the next name after the slash.
        let below_app = json!({"permType": "READ", "key": base64("/app/"), "range_end": base64("/app0")});
        for (path, body) in [
            ("/v3/auth/user/add", json!({"name": "root", "password": ROOT_PASSWORD})),
            ("/v3/auth/role/add", json!({"name": "root"})),
            ("/v3/auth/user/grant", json!({"user": "root", "role": "root"})),
            ("/v3/auth/user/add", json!({"name": USER, "password": FIRST_PASSWORD})),
            ("/v3/auth/role/add", json!({"name": ROLE})),
            ("/v3/auth/role/grant", json!({"name": ROLE, "perm": below_app})),
            ("/v3/auth/user/grant", json!({"user": USER, "role": ROLE})),
            ("/v3/kv/put", json!({"key": base64(PERMITTED), "value": base64("1")})),
            ("/v3/auth/enable", json!({})),
        ] {
            self.post(path, "", &body).await.and_then(Answer::ok).context(path)?;
        }
        Ok(())
    }

    async fn admin(&self, path: &str, body: &Value) -> Result<()> {
        let token = text(&self.log_in("root", ROOT_PASSWORD).await?.ok()?, "/token")?;
        self.post(path, &token, body).await.and_then(Answer::ok).with_context(|| format!("as root {path}"))?;
        Ok(())
    }

    async fn post(&self, path: &str, authorization: &str, body: &Value) -> Result<Answer> {
        let header = [("Authorization", authorization)];
        let headers = if authorization.is_empty() { &[][..] } else { &header[..] };
        self.http.json(Method::POST, &format!("{}{path}", self.url()), headers, body).await
    }
}

async fn launch(dir: &Path, (clients, peers): (u16, u16), http: &Http) -> Result<Process> {
    let (clients, peers) = (format!("http://127.0.0.1:{clients}"), format!("http://127.0.0.1:{peers}"));
    let arguments = [
        "--name=probe".to_owned(),
        format!("--data-dir={}", dir.join("data").display()),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=probe={peers}"),
        format!("--auth-token=jwt,priv-key={},sign-method=HS256,ttl=300s", dir.join("jwt.key").display()),
        // The cheapest hash it takes, so that many logins do not load the machine.
        "--bcrypt-cost=4".to_owned(),
    ];
    let mut process = Process::spawn("etcd", &arguments, &dir.join("etcd.log"))?;
    process.ready(http, &format!("{clients}/health")).await?;
    Ok(process)
}
