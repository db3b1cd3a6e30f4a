//! A server process that ends with its owner, and what is needed to start one.

use std::fmt;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tokio::time::{Instant, sleep};

use super::http::Http;

/// Longest wait for a server to answer its first request.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Longest wait for a server that was asked to end.
const END_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How much of a log an error quotes, in characters.
const LOG_QUOTE: usize = 2_000;
/// Ports to draw from: above the registered services, below what the kernel gives to clients.
/// A client that keeps dialling a dead server could otherwise be given that very port and reach itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A child process. Dropping it kills exactly this child, also while a test panics.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with what it prints appended to `log`.
    pub(crate) fn spawn(program: &str, arguments: &[String], log: &Path) -> Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => anyhow!("`{program}` is not installed: run tests/install.sh"),
                _ => anyhow!(error).context(format!("start `{program}`")),
            })?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// Waits until `url` answers 200; fails early, with the end of the log, when the process is gone.
    pub(crate) async fn ready(&mut self, http: &Http, url: &str) -> Result<()> {
        let limit = Instant::now() + START_LIMIT;
        loop {
            self.still_runs()?;
            if http.get(url, &[]).await.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            ensure!(Instant::now() < limit, "no answer from {url} in {START_LIMIT:?}: {}", self.log_end());
            sleep(LOOK_EVERY).await;
        }
    }

    /// Fails with the end of the log when the process is gone.
    pub(crate) fn still_runs(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => Err(anyhow!(EndedAtOnce(format!("{status}: {}", self.log_end())))),
            None => Ok(()),
        }
    }

    /// Sends a signal, by its name, and waits for the end for a while.
    pub(crate) fn end_by(&mut self, signal: &str) {
        let script = format!("kill -{signal} \"$0\"");
        let sent = Command::new("sh").args(["-c", &script, &self.child.id().to_string()]).status();
        let limit = std::time::Instant::now() + END_LIMIT;
        while sent.as_ref().is_ok_and(|sent| sent.success()) && std::time::Instant::now() < limit {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(LOOK_EVERY),
                Ok(Some(_)) | Err(_) => return,
            }
        }
    }

    fn log_end(&self) -> String {
        let mut text = Vec::new();
        let read = File::open(&self.log).and_then(|mut log| log.read_to_end(&mut text));
        match read {
            Err(error) => format!("its log cannot be read: {error}"),
            Ok(_) => {
                let text = String::from_utf8_lossy(&text);
                let skipped = text.chars().count().saturating_sub(LOG_QUOTE);
                text.chars().skip(skipped).collect()
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the child has already ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that ended before it answered: its port was taken, or it refuses its configuration.
#[derive(Debug)]
struct EndedAtOnce(String);

impl fmt::Display for EndedAtOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server ended at once: {}", self.0)
    }
}

impl std::error::Error for EndedAtOnce {}

/// Starts a server on free ports; on other ones when it ends at once, since somebody may have been faster.
pub(crate) async fn on_free_ports<S, F>(start: impl Fn(u16, u16) -> F) -> Result<S>
where
    F: Future<Output = Result<S>>,
{
    let mut last = anyhow!("no free port in {PORTS:?}");
    for _ in 0..3 {
        match start(free_port()?, free_port()?).await {
            Ok(server) => return Ok(server),
            Err(error) if error.is::<EndedAtOnce>() => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Writes a file as a whole: a reader sees the old content or the new one, never half of it.
pub(crate) fn replace_file(path: &Path, content: &str) -> Result<()> {
    let next = path.with_extension("next");
    fs::write(&next, content).with_context(|| format!("write {}", next.display()))?;
    fs::rename(&next, path).with_context(|| format!("replace {}", path.display()))
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> Result<u16> {
    for _ in 0..200 {
        // A new hasher is seeded at random, which spreads the draws of tests that run at once.
        let draw = RandomState::new().hash_one(PORTS.start) % PORTS.len() as u64;
        let port = PORTS.start + draw as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port in {PORTS:?}")
}
