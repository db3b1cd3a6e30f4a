//! A daemon that takes changes over HTTP.

use std::fs;

use anyhow::Result;
use storage::record::Change;

use crate::harness::demo::Demo;
use crate::harness::program::{Program, Running};
use crate::harness::wait::{Seen, until};
use crate::harness::web::Web;

/// The token that it takes them with.
pub(super) const TOKEN: &str = "Vq4TOKEN8CANARY2zM";

/// A daemon that takes changes from whoever has the token.
pub(super) struct Taking {
    pub(super) demo: Demo,
    pub(super) daemon: Running,
    pub(super) web: Web,
}

impl Taking {
    /// Starts it and waits until it is ready.
    pub(super) async fn start() -> Result<Self> {
        let demo = Demo::start().await?;
        fs::write(demo.path("secrets/api-token"), format!("{TOKEN}\n"))?;
        let config = fs::read_to_string(demo.path("authprobe.yaml"))?;
        fs::write(demo.path("authprobe.yaml"), format!("{config}api_token: {{ file: secrets/api-token }}\n"))?;
        let mut daemon = Program::new(demo.dir(), &["--log", "trace", "run"]).start()?;
        let web = Web::of(&mut daemon).await?;
        web.ready().await?;
        Ok(Self { demo, daemon, web })
    }

    /// Waits until so many changes of a source are in the store.
    pub(super) async fn stored(&self, source: &str, count: usize) -> Result<Vec<Change>> {
        until(&format!("{count} changes"), async || {
            let records = self.demo.store().records().await?;
            let posted: Vec<Change> = records.changes.into_iter().filter(|change| change.source == source).collect();
            Ok(Seen::when(posted.len() == count, posted.clone(), || format!("{posted:?}")))
        })
        .await
    }
}
