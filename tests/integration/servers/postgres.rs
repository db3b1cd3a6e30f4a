//! Debian's PostgreSQL with TLS, on loopback, in a directory of its own, as a user that is not root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls};

use super::process::{Process, on_free_ports};

/// Password of the superuser.
const PASSWORD: &str = "postgres-superuser-password";
/// Longest wait for the first answer.
const START_LIMIT: Duration = Duration::from_secs(30);
/// What the service of the first user keeps, but for columns that nobody needs here.
const SCHEMA: &str = "
    CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, password_hash text);
    CREATE TABLE roles (id int PRIMARY KEY, name text UNIQUE);
    CREATE TABLE user_roles (user_id int, role_id int, PRIMARY KEY (user_id, role_id));
    CREATE TABLE api_keys (id int PRIMARY KEY, user_id int, name text, key_hash text, created_at timestamptz DEFAULT now(),
        last_used_at timestamptz, revoked_at timestamptz, expires_at timestamptz, scopes text);";

/// The password of the prober's user in the database.
pub(crate) const PROBER_PASSWORD: &str = "Pk3ProberDatabaseW0rd";

/// A running (or stopped) server of its own, gone when dropped.
pub(crate) struct Postgres {
    process: Option<Process>,
    port: u16,
    dir: TempDir,
}

impl Postgres {
    /// Starts a server with empty tables, and a user `authprobe` that may read what is watched and nothing else.
    pub(crate) async fn start() -> Result<Self> {
        let dir = TempDir::with_prefix("postgres-")?;
        let user = owner()?;
        if let Some((uid, gid, _)) = user {
            chown(dir.path(), Some(uid), Some(gid))?;
        }
        init(dir.path(), user.is_some())?;
        let (port, process) = on_free_ports(|port, _| launch_on(dir.path(), port)).await.context("postgres")?;
        let server = Self { process: Some(process), port, dir };
        server.sql(SCHEMA).await?;
        let rights = format!(
            "CREATE ROLE authprobe LOGIN PASSWORD '{PROBER_PASSWORD}';
             GRANT SELECT (id, user_id, name, key_hash, created_at, last_used_at, revoked_at, expires_at) ON api_keys TO authprobe;
             GRANT SELECT (id, email) ON users TO authprobe;
             GRANT SELECT (id, name) ON roles TO authprobe;
             GRANT SELECT (user_id, role_id) ON user_roles TO authprobe;"
        );
        server.sql(&rights).await?;
        Ok(server)
    }

    /// Where it is, for the prober's user, without a question mark.
    pub(crate) fn url(&self) -> String {
        format!("postgres://authprobe:{PROBER_PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }

    /// The certificate that it shows, in PEM.
    pub(crate) fn certificate(&self) -> Result<String> {
        Ok(fs::read_to_string(self.dir.path().join("server.crt"))?)
    }

    /// Runs statements as the superuser.
    pub(crate) async fn sql(&self, statements: &str) -> Result<()> {
        self.client()
            .await?
            .batch_execute(statements)
            .await
            .with_context(|| statements.chars().take(200).collect::<String>())
    }

    /// Asks for one number.
    pub(crate) async fn number(&self, question: &str) -> Result<i64> {
        Ok(self.client().await?.query_one(question, &[]).await?.try_get(0)?)
    }

    /// How often a table was read by sessions that are over.
    pub(crate) async fn looks(&self, table: &str) -> Result<i64> {
        let scans = format!("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = '{table}'");
        self.number(&scans).await
    }

    /// Takes the server down: its port refuses connections when this returns.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.end_by("QUIT");
        }
    }

    /// Starts it again on the same port with what it had stored.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.stop();
        self.process = Some(launch(self.dir.path(), self.port).await.context("postgres again")?);
        Ok(())
    }

    async fn client(&self) -> Result<Client> {
        connect(self.port).await
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn launch_on(dir: &Path, port: u16) -> Result<(u16, Process)> {
    Ok((port, launch(dir, port).await?))
}

async fn launch(dir: &Path, port: u16) -> Result<Process> {
    let place = |name: &str| dir.join(name).display().to_string();
    let mut words = as_owner()?;
    words.push(program("postgres").display().to_string());
    words.extend(["-D".to_owned(), place("data")]);
    for setting in [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", dir.display()),
        "fsync=off".into(),
        "shared_buffers=16MB".into(),
        "max_connections=20".into(),
        "autovacuum=off".into(),
        "ssl=on".into(),
        format!("ssl_cert_file={}", place("server.crt")),
        format!("ssl_key_file={}", place("server.key")),
    ] {
        words.extend(["-c".to_owned(), setting]);
    }
    let first = words.remove(0);
    let mut process = Process::spawn(&first, &words, &dir.join("log"))?;
    let limit = Instant::now() + START_LIMIT;
    loop {
        process.still_runs()?;
        match connect(port).await {
            Ok(_) => return Ok(process),
            Err(error) => ensure!(Instant::now() < limit, "no answer in {START_LIMIT:?}: {error:#}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn connect(port: u16) -> Result<Client> {
    let url = format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/postgres?sslmode=disable&connect_timeout=5");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn init(dir: &Path, change_owner: bool) -> Result<()> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    for (name, content) in [
        ("server.crt", made.cert.pem()),
        ("server.key", made.signing_key.serialize_pem()),
        ("password", PASSWORD.to_owned()),
    ] {
        let path = dir.join(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        if change_owner {
            let of = fs::metadata(dir)?;
            chown(&path, Some(of.uid()), Some(of.gid()))?;
        }
    }
    let mut words = as_owner()?;
    words.push(program("initdb").display().to_string());
    let first = words.remove(0);
    let made = Command::new(&first)
        .args(words)
        .args(["-U", "postgres", "--auth=scram-sha-256", "--no-sync", "--locale=C", "-E", "UTF8", "-D"])
        .arg(dir.join("data"))
        .arg("--pwfile")
        .arg(dir.join("password"))
        .current_dir("/")
        .output()
        .with_context(|| format!("`{first}` of PostgreSQL: run tests/install.sh"))?;
    ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

/// The user as whom a server runs that refuses to be root: user and group by number, and the name. `None`: this one.
fn owner() -> Result<Option<(u32, u32, &'static str)>> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    for name in ["postgres", "nobody"] {
        let found = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name);
        if let Some([uid, gid]) = found.as_deref().and_then(|fields| fields.get(2..4)) {
            return Ok(Some((uid.parse()?, gid.parse()?, name)));
        }
    }
    anyhow::bail!("this is root, and there is neither a user `postgres` nor `nobody`: run tests/install.sh")
}

/// The words before a command that make it run as that user, in the same process.
fn as_owner() -> Result<Vec<String>> {
    let words = owner()?.map(|(uid, gid, _)| {
        ["setpriv".to_owned(), format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]
    });
    Ok(words.into_iter().flatten().collect())
}

/// A program of the newest PostgreSQL that Debian's packages brought, or else by its name alone.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists());
    found.max().unwrap_or_else(|| name.into())
}
