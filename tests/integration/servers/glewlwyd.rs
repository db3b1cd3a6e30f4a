//! Debian's glewlwyd: an OAuth 2.0 server with SQLite, HS256 tokens, scopes and admin API keys.
//!
//! Every fault goes through its documented admin API (`/usr/share/doc/glewlwyd/API.md.gz`).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{Answer, Http, text};
use super::process::{Process, on_free_ports};

/// The prober's user: may log in, read a profile and introspect tokens.
pub(crate) const USER: &str = "probe";
/// A user who may do all of that but introspect tokens.
pub(crate) const GUEST: &str = "guest";
/// The scope that introspection demands.
pub(crate) const INSPECT: &str = "api_inspect";
/// Every scope that a login asks for; a token gets those that the user has.
pub(crate) const SCOPES: &str = "g_profile api_read api_inspect";

const SCHEMA: &str = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";
const PLUGIN: &str = "o2";
const FIRST_SECRET: &str = "glewlwyd-first-secret-64-characters-long-0123456789abcdef0123456";
const PASSWORD: &str = "glewlwyd-probe-password";
const GUEST_PASSWORD: &str = "glewlwyd-guest-password";

/// A running (or stopped) server of its own, gone when dropped.
pub(crate) struct Glewlwyd {
    process: Option<Process>,
    http: Http,
    cookie: String,
    secret: String,
    password: String,
    key: ApiKey,
    revoked: ApiKey,
    port: u16,
    dir: TempDir,
}

/// An admin API key and the name under which the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKey {
    pub(crate) key: String,
    hash: String,
}

impl Glewlwyd {
    /// Starts a server and sets up the plugin, the scopes, both users and two keys, one of them revoked.
    pub(crate) async fn start() -> Result<Self> {
        let mut server = on_free_ports(|port, _| Self::start_on(port)).await.context("glewlwyd")?;
        server.set_up().await.context("set up glewlwyd")?;
        Ok(server)
    }

    /// Where it listens, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What the prober has to know: file name and content of each credential, all of them right now.
    pub(crate) fn credentials(&self) -> [(&'static str, &str); 7] {
        [
            ("username", USER),
            ("password", &self.password),
            ("guest_username", GUEST),
            ("guest_password", GUEST_PASSWORD),
            ("jwt_secret", &self.secret),
            ("api_key", &self.key.key),
            ("revoked_key", &self.revoked.key),
        ]
    }

    /// The prober's key.
    pub(crate) fn api_key(&self) -> &ApiKey {
        &self.key
    }

    /// Logs in as a client does: `POST /api/o2/token`, a form, `grant_type=password`.
    pub(crate) async fn log_in(&self, user: &str, password: &str) -> Result<Answer> {
        let fields = [("grant_type", "password"), ("username", user), ("password", password), ("scope", SCOPES)];
        self.http.form(&format!("{}/api/o2/token", self.url()), &[], &fields).await
    }

    /// Changes the prober's password; the old one is refused from the next login on.
    pub(crate) async fn change_password(&mut self, password: &str) -> Result<()> {
        self.alter_user(USER, |user| user["password"] = json!(password)).await?;
        password.clone_into(&mut self.password);
        Ok(())
    }

    /// Takes a scope from a user: the next token lacks it, the tokens that are out keep it.
    pub(crate) async fn remove_scope(&self, user: &str, scope: &str) -> Result<()> {
        self.alter_scopes(user, |scopes| scopes.retain(|have| have != scope)).await
    }

    /// Gives a scope to a user, from the next token on.
    pub(crate) async fn grant_scope(&self, user: &str, scope: &str) -> Result<()> {
        self.alter_scopes(user, |scopes| scopes.push(json!(scope))).await
    }

    /// Lets a user log in or not; tokens that are out go on working.
    pub(crate) async fn enable_user(&self, user: &str, enabled: bool) -> Result<()> {
        self.alter_user(user, |user| user["enabled"] = json!(enabled)).await
    }

    /// Makes a new admin API key.
    pub(crate) async fn create_key(&self) -> Result<ApiKey> {
        let before = self.key_hashes().await?;
        let made = self.admin(Method::POST, "/api/key/", &Value::Null).await?;
        let hash = self.key_hashes().await?.into_iter().find(|hash| !before.contains(hash));
        Ok(ApiKey { key: text(&made, "/key")?, hash: hash.context("the new key is not listed")? })
    }

    /// Disables an API key at once and for good.
    pub(crate) async fn revoke_key(&self, key: &ApiKey) -> Result<()> {
        self.admin(Method::DELETE, &format!("/api/key/{}", key.hash), &Value::Null).await?;
        Ok(())
    }

    /// Stores another signing secret. It is in force only after [`Self::reset_plugin`] or a restart.
    pub(crate) async fn rotate_secret(&mut self, secret: &str) -> Result<()> {
        let path = format!("/api/mod/plugin/{PLUGIN}");
        let mut plugin = self.admin(Method::GET, &path, &Value::Null).await?;
        plugin["parameters"]["key"] = json!(secret);
        self.admin(Method::PUT, &path, &plugin).await?;
        secret.clone_into(&mut self.secret);
        Ok(())
    }

    /// Loads the plugin again, with the parameters that are stored.
    pub(crate) async fn reset_plugin(&self) -> Result<()> {
        self.admin(Method::PUT, &format!("/api/mod/plugin/{PLUGIN}/reset"), &Value::Null).await?;
        Ok(())
    }

    /// Takes the server down: its port refuses connections when this returns.
    pub(crate) fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same port with what it had stored.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.stop();
        self.process = Some(launch(self.dir.path(), self.port, &self.http).await.context("glewlwyd again")?);
        Ok(())
    }

    async fn start_on(port: u16) -> Result<Self> {
        let dir = TempDir::with_prefix("glewlwyd-")?;
        let schema = fs::read_to_string(SCHEMA)
            .with_context(|| format!("glewlwyd's schema {SCHEMA} is missing: run tests/install.sh"))?;
        Connection::open(dir.path().join("glewlwyd.db"))?.execute_batch(&schema)?;
        fs::write(dir.path().join("glewlwyd.conf"), configuration(dir.path(), port))?;
        let http = Http::new()?;
        let process = Some(launch(dir.path(), port, &http).await?);
        let none = ApiKey { key: String::new(), hash: String::new() };
        Ok(Self {
            process,
            http,
            cookie: String::new(),
            secret: FIRST_SECRET.into(),
            password: PASSWORD.into(),
            key: none.clone(),
            revoked: none,
            port,
            dir,
        })
    }

    async fn set_up(&mut self) -> Result<()> {
        // The administrator that the package's schema brings along.
        let login = json!({"username": "admin", "password": "password"});
        let answer = self.http.json(Method::POST, &format!("{}/api/auth/", self.url()), &[], &login).await?;
        ensure!(answer.status == 200, "the administrator cannot log in: {answer:?}");
        self.cookie = answer.cookie;

        self.admin(Method::POST, "/api/mod/plugin/", &plugin()).await?;
        for scope in ["api_read", INSPECT] {
            let scope = json!({"name": scope, "display_name": scope, "password_required": true, "scheme": {}});
            self.admin(Method::POST, "/api/scope/", &scope).await?;
        }
        for user in [
            json!({"username": USER, "password": PASSWORD, "enabled": true, "scope": SCOPES.split(' ').collect::<Vec<_>>()}),
            json!({"username": GUEST, "password": GUEST_PASSWORD, "enabled": true, "scope": ["g_profile", "api_read"]}),
        ] {
            self.admin(Method::POST, "/api/user/", &user).await?;
        }
        self.key = self.create_key().await?;
        self.revoked = self.create_key().await?;
        self.revoke_key(&self.revoked).await
    }

    async fn admin(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.url());
        let answer = self.http.json(method, &url, &[("Cookie", &self.cookie)], body).await;
        answer.and_then(Answer::ok).with_context(|| format!("admin API {path}"))
    }

    async fn key_hashes(&self) -> Result<Vec<String>> {
        let keys = self.admin(Method::GET, "/api/key/", &Value::Null).await?;
        keys.as_array().context("no list of keys")?.iter().map(|key| text(key, "/token_hash")).collect()
    }

    async fn alter_scopes(&self, user: &str, alter: impl FnOnce(&mut Vec<Value>)) -> Result<()> {
        self.alter_user(user, |user| {
            let mut scopes = user["scope"].as_array().cloned().unwrap_or_default();
            alter(&mut scopes);
            user["scope"] = Value::Array(scopes);
        })
        .await
    }

    async fn alter_user(&self, user: &str, alter: impl FnOnce(&mut Value)) -> Result<()> {
        let path = format!("/api/user/{user}");
        let mut user = self.admin(Method::GET, &path, &Value::Null).await?;
        alter(&mut user);
        self.admin(Method::PUT, &path, &user).await?;
        Ok(())
    }
}

async fn launch(dir: &Path, port: u16, http: &Http) -> Result<Process> {
    let configuration = format!("--config-file={}", dir.join("glewlwyd.conf").display());
    let mut process = Process::spawn("glewlwyd", &[configuration], &dir.join("glewlwyd.log"))?;
    process.ready(http, &format!("http://127.0.0.1:{port}/config")).await?;
    Ok(process)
}

/// The two empty TLS files must be named even where TLS is off: without them it refuses to start.
fn configuration(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        r#"
port = {port}
bind_address = "127.0.0.1"
external_url = "http://127.0.0.1:{port}/"
login_url = "login.html"
api_prefix = "api"
log_mode = "console"
log_level = "INFO"
cookie_secure = 0
session_expiration = 2419200
session_key = "GLEWLWYD2_SESSION_ID"
admin_session_authentication = "cookie,api_key"
profile_session_authentication = "cookie"
admin_scope = "g_admin"
profile_scope = "g_profile"
user_module_path = "/usr/lib/glewlwyd/user"
client_module_path = "/usr/lib/glewlwyd/client"
user_auth_scheme_module_path = "/usr/lib/glewlwyd/scheme"
plugin_module_path = "/usr/lib/glewlwyd/plugin"
use_secure_connection = false
secure_connection_key_file = ""
secure_connection_pem_file = ""
hash_algorithm = "SHA512"
database = {{ type = "sqlite3"; path = "{dir}/glewlwyd.db"; }};
"#
    )
}

fn plugin() -> Value {
    json!({
        "module": "oauth2-glewlwyd", "name": PLUGIN, "display_name": "OAuth 2.0", "order_rank": 0, "readonly": false,
        "parameters": {
            "jwt-type": "sha", "jwt-key-size": "256", "key": FIRST_SECRET,
            "access-token-duration": 300, "refresh-token-duration": 3600, "code-duration": 600,
            "refresh-token-rolling": false, "auth-type-code-enabled": false, "auth-type-implicit-enabled": false,
            "auth-type-password-enabled": true, "auth-type-client-enabled": false, "auth-type-refresh-enabled": true,
            "introspection-revocation-allowed": true, "introspection-revocation-allow-target-client": false,
            "introspection-revocation-auth-scope": [INSPECT], "scope": [],
        },
    })
}
