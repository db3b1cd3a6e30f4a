//! The way to a cluster: from within by the service account, from elsewhere by a kubeconfig.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::{Client, Config, Error};

/// A connection stands within this time, or there is none.
const CONNECT: Duration = Duration::from_secs(10);

/// An API server that accepts a request and says nothing for this long is lost. A quiet watch has bookmarks.
const SILENCE: Duration = Duration::from_secs(150);

/// Longest part of an API server's own words that is repeated, in characters.
const LONGEST: usize = 200;

/// Which cluster, and as whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// A kubeconfig; without one the service account, `KUBECONFIG` or `~/.kube/config`.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// A context of it, in place of the current one.
    pub(crate) context: Option<String>,
}

/// A client; it connects when it is used. A token that is kept in a file is read again as it is renewed.
///
/// # Errors
/// Why there is no way to a cluster, in words that hold no secret.
pub(crate) async fn client(access: &Access) -> Result<Client, String> {
    let options = KubeConfigOptions { context: access.context.clone(), ..KubeConfigOptions::default() };
    // What these errors say may repeat lines of the file, which holds keys.
    let mut config = match (&access.kubeconfig, &access.context) {
        (Some(path), _) => {
            let read = Kubeconfig::read_from(path).map_err(|_| format!("{} cannot be read", path.display()))?;
            Config::from_custom_kubeconfig(read, &options)
                .await
                .map_err(|_| format!("{} names no cluster and user to use", path.display()))?
        }
        (None, Some(context)) => Config::from_kubeconfig(&options)
            .await
            .map_err(|_| format!("there is no kubeconfig with a context `{context}`"))?,
        (None, None) => Config::infer().await.map_err(|_| {
            "there is neither a service account nor a kubeconfig: set `changes.kubernetes.kubeconfig`".to_owned()
        })?,
    };
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(SILENCE);
    config.write_timeout = Some(CONNECT);
    Client::try_from(config).map_err(|_| "the certificates or keys of this cluster cannot be used".into())
}

/// What went wrong, for people. Nothing of what the server sent beyond its own status is repeated:
/// a mistake in an answer would quote the answer.
pub(crate) fn why(error: &Error) -> String {
    match error {
        Error::Api(status) => said(status),
        Error::SerdeError(_) => "what the API server sent is no object of this kind".into(),
        Error::Auth(_) => "the credentials for the API server cannot be read or renewed".into(),
        Error::HyperError(_) | Error::Service(_) | Error::ReadEvents(_) => {
            let mut inner: &dyn std::error::Error = error;
            while let Some(source) = inner.source() {
                inner = source;
            }
            format!("the API server cannot be reached: {}", bounded(&inner.to_string(), LONGEST))
        }
        _ => "the API server's answer cannot be used".into(),
    }
}

/// What the API server said.
pub(crate) fn said(status: &Status) -> String {
    format!("the API server answers {} {}", status.code, bounded(&status.reason, LONGEST))
}

/// Whether an error is an answer with this code.
pub(crate) fn is(error: &Error, code: u16) -> bool {
    matches!(error, Error::Api(status) if status.code == code)
}

/// The beginning of a text from outside.
pub(crate) fn bounded(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}
