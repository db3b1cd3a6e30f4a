//! Starts a demo API in this process, steers it, and stops it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

#[cfg(test)]
use crate::demo::counters::Counters;
use crate::demo::directory::Credentials;
#[cfg(test)]
use crate::demo::fault::Fault;
use crate::demo::fault::Faults;
use crate::demo::front::{self, Front};
use crate::demo::state::{Settings, State};
use crate::demo::{control, routes};

/// A running demo API; dropping it ends it, `stop` also waits.
pub(crate) struct Api {
    state: Arc<State>,
    url: String,
    tasks: TaskTracker,
}

impl Api {
    /// Starts on a free loopback port. With `tls` the name to connect to is `localhost`.
    pub(crate) async fn start(settings: Settings, tls: Option<Arc<ServerConfig>>) -> anyhow::Result<Self> {
        let listener = listen().await?;
        let port = listener.local_addr()?.port();
        let url = if tls.is_some() { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") };
        let state = Arc::new(State::generate(&settings)?);
        let (stop, tasks) = (state.stop.clone(), TaskTracker::new());
        let (router, faults) = (routes::router(&state), Arc::clone(&state.faults));
        front::start(Front { listener, tls, router, faults, stop, tasks: tasks.clone() });
        Ok(Self { state, url, tasks })
    }

    /// Opens the control port and gives its URL.
    pub(crate) async fn open_control(&self) -> anyhow::Result<String> {
        let listener = listen().await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, tasks) = (self.state.stop.clone(), self.tasks.clone());
        // The faults are for the API; its control always works.
        let (router, faults) = (control::router(&self.state), Arc::new(Faults::none()));
        front::start(Front { listener, tls: None, router, faults, stop, tasks });
        Ok(url)
    }

    /// Where it listens, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What fits the users and keys of the start.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.state.credentials
    }

    /// The stored signing secret; none where a key pair signs.
    pub(crate) fn signing_secret(&self) -> Option<String> {
        self.state.replicas().stored().secret().map(str::to_owned)
    }

    /// Stores a new signing secret, which no replica knows yet.
    pub(crate) fn rotate_secret(&self) -> anyhow::Result<()> {
        self.state.replicas().rotate(None)
    }

    /// Restarts a replica, numbered from 0, with the stored secret.
    pub(crate) fn roll_out(&self, replica: usize) -> anyhow::Result<()> {
        self.state.replicas().roll_out(replica)
    }

    /// Revokes an API key. False for an unknown key.
    pub(crate) fn revoke_key(&self, key: &str) -> bool {
        self.state.directory().set_revoked(key, true)
    }

    /// Ends every connection and waits until nothing of it runs.
    pub(crate) async fn stop(self) {
        self.state.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What only tests do in the process; from outside it is done at the control port.
#[cfg(test)]
impl Api {
    /// Switches a fault on.
    pub(crate) fn fault(&self, fault: Fault) {
        self.state.faults.add(fault);
    }

    /// Switches every fault off and lifts every lock.
    pub(crate) fn heal(&self) {
        self.state.heal();
    }

    /// Gives a role. False, and nothing changed, when user or role is unknown or the role was held.
    pub(crate) fn grant_role(&self, user: &str, role: &str) -> bool {
        self.state.directory().grant(user, role)
    }

    /// Takes a role away. False when it was not held.
    pub(crate) fn take_role(&self, user: &str, role: &str) -> bool {
        self.state.directory().take(user, role)
    }

    /// What was seen so far.
    pub(crate) fn counters(&self) -> Counters {
        self.state.counters().clone()
    }

    /// Everything that runs for it.
    pub(crate) fn tasks(&self) -> TaskTracker {
        self.tasks.clone()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.state.stop.cancel();
    }
}

async fn listen() -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening on a loopback port")
}
