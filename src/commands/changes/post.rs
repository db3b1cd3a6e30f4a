//! Tells a running daemon of a change over HTTP, and comes again for a while where it cannot take it now.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use backon::{ExponentialBuilder, Retryable};
use probes::credential::{Credential, Source, Unusable};
use reqwest::{Client, StatusCode, Url, header, redirect};
use storage::interchange;
use storage::record::{Change, Record};

use crate::commands;
use crate::exit::Exit;
use crate::output::printable;
use crate::source;

/// Longest wait for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Pauses between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// Bytes of an answer that are shown.
const SHOWN: usize = 2000;

/// Which daemon is told, and how.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::commands) struct Post {
    /// Daemon to tell instead of writing to a store: URL of its `listen` address
    #[arg(long, value_name = "URL", value_parser = server)]
    server: Option<Url>,

    /// Environment variable that holds the token of `--server`
    #[arg(long, value_name = "NAME", requires = "server")]
    token_env: Option<String>,

    /// File that holds the token of `--server`
    #[arg(long, value_name = "PATH", requires = "server", conflicts_with = "token_env")]
    token_file: Option<PathBuf>,

    /// How long to try again while `--server` is not reached or cannot take it
    #[arg(long, value_name = "D", value_parser = humantime::parse_duration, default_value = "1m")]
    give_up_after: Duration,
}

/// What came of an attempt that failed.
struct Failed {
    why: String,
    /// Whether it may go better soon.
    again: bool,
}

impl Post {
    /// Whether a daemon is to be told.
    pub(in crate::commands) fn is_wanted(&self) -> bool {
        self.server.is_some()
    }

    /// Tells it, in the name of a command.
    ///
    /// # Errors
    /// When it was not reached in time, or could not take it.
    pub(in crate::commands) fn send(&self, change: &Change, command: &str) -> anyhow::Result<Exit> {
        let Some(server) = &self.server else { return Ok(Exit::Usage) };
        let token = match self.token() {
            Ok(token) => token,
            Err(why) => {
                eprintln!("{command}: {why}");
                return Ok(Exit::Usage);
            }
        };
        let mut body = Vec::new();
        interchange::write(&Record::Change(change.clone()), &mut body)?;
        let runtime = commands::runtime().context("the runtime cannot be started")?;
        match runtime.block_on(self.try_for_a_while(server, &token, &body)) {
            Ok(()) => Ok(Exit::Fine),
            Err(Failed { why, again: true }) => anyhow::bail!("{server} was not told: {why}"),
            Err(Failed { why, again: false }) => {
                eprintln!("{command}: {server} refused it: {why}");
                Ok(Exit::Usage)
            }
        }
    }

    fn token(&self) -> Result<Credential, String> {
        let source = match (&self.token_env, &self.token_file) {
            (Some(name), _) => Source::Env(name.clone()),
            (None, Some(path)) => Source::File(path.clone()),
            (None, None) => return Err("`--server` needs `--token-env NAME` or `--token-file PATH`".into()),
        };
        let token = source::read(&source).and_then(|token| token.as_secret().cloned());
        token.map_err(|Unusable(why)| format!("the token in {source}: {why}"))
    }

    async fn try_for_a_while(&self, server: &Url, token: &Credential, body: &[u8]) -> Result<(), Failed> {
        let broken = |error: reqwest::Error| Failed { why: told(error), again: false };
        // Only the first call installs it, and this is the only one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder().timeout(ANSWER_WITHIN).redirect(redirect::Policy::none()).build();
        let client = client.map_err(broken)?;
        let mut bearer = header::HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| Failed { why: "the token holds characters that no header can".into(), again: false })?;
        bearer.set_sensitive(true);
        let pauses = ExponentialBuilder::default()
            .with_min_delay(PAUSES.0)
            .with_max_delay(PAUSES.1)
            .without_max_times()
            .with_total_delay(Some(self.give_up_after))
            .with_jitter();
        let attempt = || attempt(&client, server, &bearer, body);
        let notice = |failed: &Failed, pause: Duration| eprintln!("{}; trying again in {pause:.1?}", failed.why);
        attempt.retry(pauses).when(|failed: &Failed| failed.again).notify(notice).await
    }
}

async fn attempt(client: &Client, server: &Url, bearer: &header::HeaderValue, body: &[u8]) -> Result<(), Failed> {
    let request = client
        .post(server.clone())
        .header(header::AUTHORIZATION, bearer)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.to_vec());
    let mut answer = request.send().await.map_err(|error| Failed { why: told(error), again: true })?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let mut said = Vec::new();
    while said.len() < SHOWN
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        said.extend_from_slice(&chunk);
    }
    said.truncate(SHOWN);
    let why = format!("{status}: {}", printable(String::from_utf8_lossy(&said).trim()));
    let again = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
    Err(Failed { why, again })
}

/// What went wrong, down to its origin.
fn told(error: reqwest::Error) -> String {
    let error = anyhow::Error::new(error.without_url());
    printable(&format!("{error:#}"))
}

/// Where changes are posted on a server.
fn server(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("this is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("begin the URL with `https://` or `http://`".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a secret is never given in the URL: use `--token-env` or `--token-file`".into());
    }
    let below = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{below}/api/v1/changes"));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_go_below_the_path_of_the_server() {
        let url = |text| server(text).map(|url| url.to_string());
        assert_eq!(url("http://127.0.0.1:9464").unwrap(), "http://127.0.0.1:9464/api/v1/changes");
        assert_eq!(url("https://a.example/probe/").unwrap(), "https://a.example/probe/api/v1/changes");
        for wrong in ["127.0.0.1:9464", "ftp://a.example", "https://me:secret@a.example", ""] {
            assert!(!url(wrong).unwrap_err().contains("secret@"), "{wrong}");
        }
    }
}
