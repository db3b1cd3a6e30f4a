//! The demo's story: an API is healthy, its signing secret is rotated and rolled out, an API key is revoked; then the reports.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use reports::formats::{Format, Layout, render};
use reports::full;
use reports::report::{Kind, Request};
use reports::settings::Settings;
use storage::locator::Locator;
use storage::record::Record;
use storage::sqlite::reader::Reader;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Loaded};
use crate::daemon;
use crate::demo::api::Api;
use crate::demo::changes;
use crate::demo::state;
use crate::file;
use crate::output;

/// Name of the store in the demo's directory.
const STORE: &str = "authprobe.db";

/// Forms in which each report is written, with their endings.
const FORMATS: [(Format, &str); 5] = [
    (Format::Text, "txt"),
    (Format::Markdown, "md"),
    (Format::Html, "html"),
    (Format::Json, "json"),
    (Format::Csv, "csv"),
];

/// What happens, and at which second of the story.
const SCENES: [(u64, Scene); 6] = [
    (12, Scene::Rotate),
    (15, Scene::RollOut(0)),
    (18, Scene::RollOut(1)),
    (21, Scene::RollOut(2)),
    (33, Scene::Revoke),
    (43, Scene::End),
];

#[derive(Debug, Clone, Copy)]
enum Scene {
    /// The signing secret gets a new value, which no replica uses yet.
    Rotate,
    /// A replica is replaced by one that uses the new secret.
    RollOut(usize),
    /// The prober's API key is taken out of use.
    Revoke,
    /// The reports are written.
    End,
}

/// Tells the story in a directory; with `serve` the API and the probing go on afterwards, until `stop`.
pub(crate) async fn tell(dir: &Path, serve: bool, stop: CancellationToken) -> anyhow::Result<()> {
    let api = Api::start(state::Settings::default(), None).await?;
    let stage = Stage::set(dir, &api)?;
    let Loaded { config, .. } = config::load(&stage.config)?;
    let (judging, store) = (config.judging.clone(), config.store.clone());
    let (changes, further) = mpsc::channel(16);
    let probing = CancellationToken::new();
    let (listens, address) = oneshot::channel();
    let daemon = tokio::spawn({
        let (store, probing) = (store.clone(), probing.clone());
        async move { daemon::run(config, &store, probing, Some(further), Some(listens)).await }
    });
    // Without an address the daemon has ended, and says so below.
    let page = address.await.map(|address| format!("http://{address}/")).unwrap_or_default();
    say(&format!("the page is at {page}"));
    let told = stage.play(&api, &changes, &stop).await;
    if let Ok(true) = told {
        stage.report(&judging, &store).await?;
        if serve {
            say(&format!("the demo API goes on at {}, the page at {page}; end them with Ctrl-C", api.url()));
            stop.cancelled().await;
        }
    }
    probing.cancel();
    drop(changes);
    daemon.await.context("the daemon broke")??;
    api.stop().await;
    told.map(|_| ())
}

/// Where the story is told.
struct Stage {
    dir: PathBuf,
    config: PathBuf,
    jwt_secret: PathBuf,
}

impl Stage {
    /// Writes the configuration and the secrets, and removes the store of an earlier demo.
    fn set(dir: &Path, api: &Api) -> anyhow::Result<Self> {
        let failed = || format!("the demo's directory {} cannot be set up", dir.display());
        fs::create_dir_all(dir.join("secrets")).with_context(failed)?;
        for ending in ["", "-wal", "-shm"] {
            match fs::remove_file(dir.join(format!("{STORE}{ending}"))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).with_context(failed),
                Ok(()) | Err(_) => (),
            }
        }
        let credentials = api.credentials();
        let stage = Self {
            dir: dir.to_owned(),
            config: dir.join(config::DEFAULT_FILE),
            jwt_secret: dir.join("secrets/jwt-secret"),
        };
        stage.write_secret("username", &credentials.username)?;
        stage.write_secret("password", &credentials.password)?;
        stage.write_secret("api-key", &credentials.api_key)?;
        stage.write_signing_secret(api)?;
        let text = include_str!("demo.yaml").replace("{URL}", api.url());
        fs::write(&stage.config, text).with_context(failed)?;
        Ok(stage)
    }

    /// Plays the scenes in time. False when it was interrupted.
    async fn play(&self, api: &Api, changes: &mpsc::Sender<Record>, stop: &CancellationToken) -> anyhow::Result<bool> {
        let begun = Instant::now();
        let story = Progress::start(SCENES.last().map_or(0, |(second, _)| *second));
        story.scene(&format!("probing {} every second: login, JWT, API key, permissions", api.url()));
        let mut rollout = changes::Rollout::default();
        for (second, scene) in SCENES {
            tokio::select! {
                () = story.wait(begun, second) => (),
                () = stop.cancelled() => return Ok(false),
            }
            let now = Timestamp::now();
            match scene {
                Scene::Rotate => {
                    api.rotate_secret()?;
                    self.write_signing_secret(api)?;
                    story.scene("the signing secret is rotated; no replica uses the new one yet");
                    send(changes, changes::secret(now)).await?;
                }
                Scene::RollOut(replica) => {
                    api.roll_out(replica)?;
                    story.scene(&format!("replica {} of 3 starts again, with the new secret", replica + 1));
                    send(changes, rollout.advance(now)).await?;
                }
                Scene::Revoke => {
                    if !api.revoke_key(&api.credentials().api_key) {
                        bail!("the demo API does not know the prober's key");
                    }
                    story.scene("the prober's API key is revoked");
                    send(changes, changes::revoked_key(now)).await?;
                }
                Scene::End => story.end(),
            }
        }
        Ok(true)
    }

    /// Writes every report in every form, and prints the incidents and the objectives.
    async fn report(&self, judging: &Settings, store: &Locator) -> anyhow::Result<()> {
        // The last group of results is written within a fifth of a second; the reader must not be ahead of it.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Locator::Sqlite(path) = store;
        let reader = Reader::open(path)?;
        let colour = output::colours(&io::stdout());
        let mut written = Vec::new();
        for (kind, name) in [(Kind::Timeline, "timeline"), (Kind::Incidents, "incidents"), (Kind::Slo, "slo")] {
            let request = Request { kind, window: None, incident: None, now: Timestamp::now() };
            for (format, ending) in FORMATS {
                let report = full::build(&reader, judging, &request, format, false)?;
                let file = self.dir.join(format!("{name}.{ending}"));
                file::replace(&file, |to| Ok(to.write_all(render(&report, format, Layout::default()).as_bytes())?))?;
                written.push(file);
                if kind != Kind::Timeline && format == Format::Text {
                    let page = render(&report, format, Layout { colour, ..Layout::default() });
                    writeln!(output::stdout(), "{page}")?;
                }
            }
        }
        say("written:");
        for file in written.iter().chain([&self.config]) {
            say(&format!("  {}", file.display()));
        }
        say(&format!("look first at {}, in a browser", self.dir.join("incidents.html").display()));
        say(&format!("look further: authprobe report timeline -c {}", self.config.display()));
        Ok(())
    }

    fn write_signing_secret(&self, api: &Api) -> anyhow::Result<()> {
        let secret = api.signing_secret().context("the demo API signs with a secret")?;
        write_private(&self.jwt_secret, &secret)
    }

    fn write_secret(&self, name: &str, value: &str) -> anyhow::Result<()> {
        write_private(&self.dir.join("secrets").join(name), value)
    }
}

async fn send(changes: &mpsc::Sender<Record>, record: Record) -> anyhow::Result<()> {
    changes.send(record).await.context("the daemon ended before the story")
}

/// Writes a secret that only its owner can read, in one step, as a mounted Secret is replaced.
fn write_private(path: &Path, value: &str) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be written", path.display());
    let part = path.with_extension("part");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&part).with_context(failed)?;
    file.write_all(value.as_bytes()).with_context(failed)?;
    fs::rename(&part, path).with_context(failed)
}

fn say(line: &str) {
    eprintln!("{line}");
}

/// The clock of the story, on a terminal; its scenes, everywhere.
struct Progress(ProgressBar);

impl Progress {
    fn start(seconds: u64) -> Self {
        let style =
            ProgressStyle::with_template("{bar:40} {pos}/{len} s").unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::new(seconds).with_style(style))
    }

    fn scene(&self, what: &str) {
        let line = format!("{:>3} s  {what}", self.0.position());
        self.0.suspend(|| say(&line));
    }

    async fn wait(&self, begun: Instant, second: u64) {
        while self.0.position() < second {
            let next = self.0.position() + 1;
            sleep_until(begun + Duration::from_secs(next)).await;
            self.0.set_position(next);
        }
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
