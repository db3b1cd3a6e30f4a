//! Opens a connection for one look: bounded, encrypted where the URL asks for it, never able to write.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use probes::credential::{Source, Unusable};
use probes::protocol::tls::{Files, Profile};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;
use zeroize::Zeroizing;

use crate::changes::postgres::failure;
use crate::credentials::Stamp;
use crate::source;

/// Longest wait for the TCP connection to one address.
const CONNECT: Duration = Duration::from_secs(5);

/// What every look begins with. One snapshot for all of its questions, limits so that it never is in the way of
/// others, and no functions but PostgreSQL's own. `LOCAL`, since a pooler may give the session to somebody else.
const BEGIN: &str = "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
                     SET LOCAL statement_timeout = '15s'; SET LOCAL lock_timeout = '2s'; \
                     SET LOCAL search_path = pg_catalog; SET LOCAL TimeZone = 'UTC'";

/// The way into a database.
pub(super) struct Door {
    url: Source,
    ca: Option<PathBuf>,
    /// What TLS trusts, with the stamp of the file that it was read from.
    trust: Option<(Option<Stamp>, Profile)>,
}

/// A connection with a transaction begun. Both end when it is dropped.
pub(super) struct Session {
    pub(super) client: Client,
    _connection: AbortOnDropHandle<()>,
}

impl Door {
    /// A door that was not opened yet.
    pub(super) fn new(url: Source, ca: Option<PathBuf>) -> Self {
        Self { url, ca, trust: None }
    }

    /// Connects with the URL as it is now.
    ///
    /// # Errors
    /// Why it cannot; nothing of the URL but where it is kept.
    pub(super) async fn open(&mut self) -> Result<Session, String> {
        let url = source::read(&self.url).map_err(|Unusable(why)| format!("{}: {why}", self.url))?;
        let config = config(url.expose())?;
        let session = match config.get_ssl_mode() {
            SslMode::Disable => {
                let (client, connection) = config.connect(NoTls).await.map_err(|error| failure::text(&error))?;
                Session::new(client, connection)
            }
            _ => {
                let tls = MakeRustlsConnect::new(self.trust()?.client_config().clone());
                let (client, connection) = config.connect(tls).await.map_err(|error| failure::text(&error))?;
                Session::new(client, connection)
            }
        };
        session.client.batch_execute(BEGIN).await.map_err(|error| failure::text(&error))?;
        Ok(session)
    }

    fn trust(&mut self) -> Result<Profile, String> {
        let stamp = self.ca.as_deref().and_then(Stamp::of);
        if let Some((_, profile)) = self.trust.as_ref().filter(|(of, _)| *of == stamp) {
            return Ok(profile.clone());
        }
        let content = |path: &PathBuf| {
            let bytes = source::file(path, source::LONGEST_PEM);
            bytes.map(|bytes| bytes.to_vec()).map_err(|Unusable(why)| format!("file {}: {why}", path.display()))
        };
        let ca = self.ca.as_ref().map(content).transpose()?;
        let profile = Profile::new(&Files { ca, client: None }).map_err(|error| error.to_string())?;
        self.trust = Some((stamp, profile.clone()));
        Ok(profile)
    }
}

impl Session {
    fn new<S, T>(client: Client, connection: tokio_postgres::Connection<S, T>) -> Self
    where
        tokio_postgres::Connection<S, T>: Future + Send + 'static,
    {
        let driven = async move {
            // Whoever asks the client learns of the error there.
            let _ = connection.await;
        };
        Self { client, _connection: AbortOnDropHandle::new(tokio::spawn(driven)) }
    }
}

fn config(url: &str) -> Result<Config, String> {
    // Whenever TLS is spoken here, certificate and name are verified, so these mean the same.
    let modes = ["sslmode=verify-full", "sslmode=verify-ca"];
    let url =
        modes.iter().fold(Zeroizing::new(url.to_owned()), |url, mode| url.replace(mode, "sslmode=require").into());
    let mut config = Config::from_str(&url).map_err(|_| {
        "this is no URL of a database: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, special characters \
         percent-encoded, `sslmode` one of disable, prefer, require, verify-full"
            .to_owned()
    })?;
    config.application_name("authprobe").connect_timeout(CONNECT).keepalives_idle(CONNECT);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_that_demands_tls_is_taken() {
        for mode in ["require", "verify-ca", "verify-full"] {
            let config = config(&format!("postgres://u:p@h/db?sslmode={mode}")).unwrap();
            assert_eq!(config.get_ssl_mode(), SslMode::Require);
        }
        assert_eq!(config("postgres://u:p@h/db").unwrap().get_ssl_mode(), SslMode::Prefer);
    }

    #[test]
    fn a_url_that_is_none_is_not_repeated() {
        for url in ["postgres://u:hunter2hunter2@h:x/db", "hunter2hunter2", "postgres://u@h/d?hunter2hunter2=1", ""] {
            let said = config(url).and_then(|config| match config.get_hosts() {
                [] => Err("no host".into()),
                _ => Ok(()),
            });
            assert!(!said.unwrap_err().contains("hunter2"), "{url}");
        }
    }
}
