//! The way to a cluster: from within it by its service account, from outside by a kubeconfig.

use std::path::Path;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::changes::kubernetes::failure::words;

/// A server that does not take a connection within this is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A server that sends nothing for so long while something is awaited is gone. Watches are ended by it earlier.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// A client of the cluster. Nothing is sent yet.
///
/// # Errors
/// When there is neither a service account nor a readable kubeconfig, in words that hold no secret.
pub(super) async fn connect(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Client, String> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = match kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).map_err(|error| words(&error))?;
            Config::from_custom_kubeconfig(file, &options).await.map_err(|error| words(&error))?
        }
        None if context.is_some() => Config::from_kubeconfig(&options).await.map_err(|error| words(&error))?,
        None => Config::infer().await.map_err(|error| words(&error))?,
    };
    config.connect_timeout = Some(CONNECT_WITHIN);
    config.read_timeout = Some(ANSWER_WITHIN);
    config.write_timeout = Some(CONNECT_WITHIN);
    Client::try_from(config).map_err(|error| words(&error))
}
