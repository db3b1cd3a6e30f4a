//! `authprobe demo`: the main job with nothing else installed.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::commands::{self, run::cancel_on_signal};
use crate::demo::{api_only, state, story};
use crate::exit::Exit;

/// See it work: a demo API on loopback is probed, its signing secret rotated, an API key revoked, and judged
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe demo
  authprobe demo --dir /tmp/demo --serve
  authprobe demo --api-only              prints a line of JSON with its address, its control port and credentials

Takes under a minute. The configuration, the store and the reports stay in the directory.")]
pub(crate) struct Demo {
    /// Directory for the configuration, the secrets, the store and the reports
    #[arg(long, value_name = "DIR", default_value = "authprobe-demo")]
    dir: PathBuf,

    /// After the story, go on serving and probing the demo API until interrupted
    #[arg(long)]
    serve: bool,

    /// Serve only the demo API, for trying a configuration by hand
    #[arg(long, conflicts_with_all = ["dir", "serve"])]
    api_only: bool,
}

pub(crate) fn run(args: Demo) -> anyhow::Result<Exit> {
    let Demo { dir, serve, api_only } = args;
    let runtime = commands::runtime().context("the runtime cannot be started")?;
    let ended = runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(cancel_on_signal(stop.clone()));
        if api_only {
            return api_only::serve(state::Settings::default(), &mut io::stdout(), stop.cancelled_owned()).await;
        }
        story::tell(&dir, serve, stop).await
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.map(|()| Exit::Fine)
}
