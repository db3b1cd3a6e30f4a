//! The wall clock is set while the daemon runs: nothing is lost, the step is told, and probing goes on.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use jiff::SignedDuration;
use storage::record::Gap;

use crate::harness::demo::Demo;
use crate::harness::program::{Program, Running};
use crate::harness::store::Records;
use crate::servers::process::replace_file;

/// The targets: one by an interval, one by a calendar, both every second.
const LOGINS: [&str; 2] = ["demo/login", "calendar/login"];

#[tokio::test]
async fn a_clock_that_is_set_forward_and_back_loses_no_result_and_holds_nothing_up() -> Result<()> {
    let demo = Demo::start().await?;
    let config = fs::read_to_string(demo.path("authprobe.yaml"))?;
    let (before, target) = config.split_once("targets:\n").context("targets")?;
    let (target, after) = target.split_once("slos:").context("objectives")?;
    let calendar = target.replace("name: demo", "name: calendar").replace("every: 1s", "cron: \"* * * * * *\"");
    fs::write(demo.path("authprobe.yaml"), format!("{before}targets:\n{target}{calendar}slos:{after}"))?;

    let clock = Clock::of(&demo)?;
    let mut daemon = clock.run()?;
    demo.store().runs(3).await?;
    for (offset, words) in [
        (3600, "set forward by 3600 s"),
        (0, "set back by 3600 s"),
        (-10, "set back by 10 s"),
        (3600, "set forward by"),
    ] {
        let known = demo.store().records().await?;
        let known = LOGINS.map(|login| known.of(login).len());
        clock.set(offset)?;
        daemon.says(words).await?;
        let enough =
            |records: &Records| LOGINS.iter().zip(known).all(|(login, known)| records.of(login).len() >= known + 4);
        demo.store().until(words, enough).await?;
    }
    let log = daemon.stop().await?.told(0);
    let records = demo.store().records().await?;
    let kept: usize = log
        .split(" records kept, 0 lost")
        .next()
        .and_then(|before| before.split(' ').next_back())
        .context("kept")?
        .parse()?;
    assert_eq!(records.results.len() + records.changes.len() + records.gaps.len(), kept, "{log}\n{records}");

    let steps: Vec<&Gap> = records.gaps.iter().filter(|gap| gap.why.starts_with("the clock was set")).collect();
    assert_eq!(steps.len(), 4, "{:?}", records.gaps);
    for gap in steps {
        assert_eq!(gap.feed, "prober");
        let back = gap.why.contains("back");
        // The clock as it went on after the step.
        let from = if back { gap.from } else { gap.until };
        for login in LOGINS {
            let next = records.of(login).into_iter().map(|result| result.time).find(|time| *time >= from);
            let waited = next.context("a result after the step")?.duration_since(from);
            assert!(waited < SignedDuration::from_secs(5), "{login} waited {waited} after {gap:?}");
        }
    }
    assert!(records.results.iter().all(|result| result.took_us < 10_000_000), "a duration of the wall clock");
    Ok(())
}

/// A wall clock of the daemon's own; the steady clock stays the machine's.
struct Clock<'a> {
    demo: &'a Demo,
    library: PathBuf,
}

impl<'a> Clock<'a> {
    fn of(demo: &'a Demo) -> Result<Self> {
        // The folder between is named after the machine's architecture.
        let folders = fs::read_dir("/usr/lib")?.filter_map(|folder| Some(folder.ok()?.path()));
        let library = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists());
        let clock = Self { demo, library: library.context("libfaketime: tests/install.sh installs it")? };
        clock.set(0)?;
        Ok(clock)
    }

    /// Sets it to so many seconds from the machine's.
    fn set(&self, offset: i64) -> Result<()> {
        replace_file(&self.demo.path("clock"), &format!("{offset:+}s"))
    }

    /// `authprobe run` by this clock.
    fn run(&self) -> Result<Running> {
        let path = |path: PathBuf| path.into_os_string().into_string().ok().context("a plain name");
        Program::new(self.demo.dir(), &["run"])
            .env("LD_PRELOAD", &path(self.library.clone())?)
            .env("FAKETIME_TIMESTAMP_FILE", &path(self.demo.path("clock"))?)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1")
            .start()
    }
}
