//! `authprobe run`: the daemon.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use storage::locator::Locator;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::commands;
use crate::config::Loaded;
use crate::config::check::web::address;
use crate::daemon;
use crate::exit::Exit;

/// Threads that are stuck in name resolution do not hold up the exit for longer.
const EXIT_WITHIN: Duration = Duration::from_secs(1);

/// Probe all the time: schedule, credentials, store
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe run
  authprobe run -c /etc/authprobe/authprobe.yaml --store /var/lib/authprobe/authprobe.db

Ends cleanly on SIGTERM and SIGINT: runs under way have a few seconds to end, everything seen is stored.")]
pub(crate) struct Run {
    /// Configuration file
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where to listen, in place of the configuration's `listen`; port 0 takes a free one and says which
    #[arg(long, value_name = "HOST:PORT", env = "AUTHPROBE_LISTEN")]
    listen: Option<String>,

    /// Store to write to, in place of the configuration's
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

pub(crate) fn run(args: Run) -> anyhow::Result<Exit> {
    let Loaded { mut config, .. } = commands::load(args.config)?;
    if let Some(listen) = args.listen {
        if let Err(mistake) = address(&listen, config.web.api_token.is_some() || config.web.behind_proxy) {
            eprintln!("authprobe run: --listen {listen}: {mistake}");
            return Ok(Exit::Usage);
        }
        config.web.listen = listen;
    }
    let store = match args.store {
        Some(given) => given.parse::<Locator>()?,
        None => config.store.clone(),
    };
    // Judging leaves half of the processors to the probes.
    let half = thread::available_parallelism().map_or(1, |all| (all.get() / 2).max(1));
    let threads = rayon::ThreadPoolBuilder::new().num_threads(half).thread_name(|number| format!("judge-{number}"));
    threads.build_global().context("the threads that judge cannot be started")?;
    let runtime = commands::runtime().context("the runtime cannot be started")?;
    let ended = runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(cancel_on_signal(stop.clone()));
        daemon::run(config, &store, stop, None, None).await
    });
    runtime.shutdown_timeout(EXIT_WITHIN);
    ended.map(|()| Exit::Fine)
}

/// Cancels when the process is asked to end.
pub(crate) async fn cancel_on_signal(stop: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    let asked = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    info!("{asked} received");
    stop.cancel();
}
