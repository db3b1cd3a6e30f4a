//! A store that cannot be used: clear words at the start, and while running nothing acknowledged is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::harness::demo::Demo;
use crate::harness::program::{Program, Running, authprobe};
use crate::harness::store::{Records, Store};
use crate::harness::web::Web;

/// Gaps that others write into the store.
const OF_OTHERS: usize = 3000;

#[tokio::test]
async fn a_store_that_is_locked_for_a_while_gets_every_record_afterwards() -> Result<()> {
    let demo = Demo::start().await?;
    let mut daemon = demo.run()?;
    demo.store().runs(2).await?;
    let other = Connection::open(demo.path("authprobe.db"))?;
    other.execute_batch("BEGIN EXCLUSIVE")?;
    daemon.says("the store cannot be written").await?;
    other.execute_batch("ROLLBACK")?;
    daemon.says("the store can be written again").await?;
    complete(daemon, &demo.store()).await?;
    Ok(())
}

#[tokio::test]
async fn a_file_that_cannot_grow_loses_nothing_once_it_can_again() -> Result<()> {
    let demo = Demo::start().await?;
    let (mut daemon, _old_state) = run_with_little_room(&demo).await?;
    daemon.says("the store cannot be written").await?;
    let visible = demo.store().records().await?;
    let lifted = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &daemon.pid().to_string()]).status()?;
    ensure!(lifted.success(), "the limit could not be lifted");
    daemon.says("the store can be written again").await?;
    let records = complete(daemon, &demo.store()).await?;
    assert!(visible.results.iter().all(|result| records.results.contains(result)));
    Ok(())
}

#[tokio::test]
async fn a_file_that_can_never_grow_again_ends_the_daemon_in_time_with_the_number_of_the_lost() -> Result<()> {
    let demo = Demo::start().await?;
    let (mut daemon, _old_state) = run_with_little_room(&demo).await?;
    daemon.says("the store cannot be written").await?;
    let told = daemon.stop().await?.told(3);
    let (kept, lost) = told.split_once(" records kept, ").with_context(|| told.clone())?;
    let kept: usize = kept.rsplit(' ').next().unwrap_or_default().parse()?;
    let lost: usize = lost.split(' ').next().unwrap_or_default().parse()?;
    assert!(lost > 0 && told.contains(&format!("{lost} records could not be written")), "{told}");
    let records = demo.store().records().await?;
    let all = records.results.len() + records.changes.len() + records.gaps.len();
    assert_eq!(all - OF_OTHERS, kept, "{told}");
    Ok(())
}

/// The daemon with room for a new store and not much of a log, which others have made longer than that. Whoever reads an
/// old state keeps it from being emptied.
async fn run_with_little_room(demo: &Demo) -> Result<(Running, Connection)> {
    const HALF_KILOBYTES: u32 = 320;
    let daemon = Program::with_file_limit(demo.dir(), HALF_KILOBYTES, &["run"]).start()?;
    demo.store().runs(1).await?;
    let reader = Connection::open(demo.path("authprobe.db"))?;
    reader.execute_batch("BEGIN; SELECT count(*) FROM series")?;
    let gap = |second| {
        let from = format!("2026-01-01T00:{:02}:{:02}Z", second / 60, second % 60);
        format!(r#"{{"type":"gap","feed":"others","from":"{from}","until":"2026-01-02T00:00:00Z"}}"#)
    };
    let lines: Vec<String> = (0..OF_OTHERS).map(gap).collect();
    fs::write(demo.path("others.ndjson"), lines.join("\n"))?;
    authprobe(demo.dir(), &["import", "others.ndjson"]).await?.told(0);
    Ok((daemon, reader))
}

#[tokio::test]
async fn a_disk_that_fills_up_loses_nothing_once_there_is_space_again() -> Result<()> {
    let demo = Demo::start().await?;
    let disk = Disk::of_megabytes(4)?;
    let store = Store::at(&disk.dir().join("authprobe.db"));
    let mut daemon = Program::new(demo.dir(), &["run", "--store", store.path()]).start()?;
    let web = Web::of(&mut daemon).await?;
    web.ready().await?;
    assert_eq!(web.metric("authprobe_store_writable").await?, 1.0);
    let visible = store.runs(2).await?;
    disk.fill()?;
    daemon.says("no space is left").await?;
    let why = web.unready().await?;
    assert!(why.starts_with("store: cannot be written since ") && why.contains("no space is left"), "{why}");
    assert!(why.ends_with("records are kept and tried again\n"), "{why}");
    assert_eq!(web.metric("authprobe_store_writable").await?, 0.0);
    assert!(web.metric("authprobe_store_waiting_records").await? > 0.0);
    disk.empty()?;
    daemon.says("the store can be written again").await?;
    web.ready().await?;
    assert_eq!(web.metric("authprobe_store_writable").await?, 1.0);
    assert_eq!(web.metric("authprobe_store_records_total{state=\"lost\"}").await?, 0.0);
    assert!(web.metric("authprobe_store_records_total{state=\"kept\"}").await? > 0.0);
    let records = complete(daemon, &store).await?;
    assert!(visible.results.iter().all(|result| records.results.contains(result)));
    Ok(())
}

#[tokio::test]
async fn a_store_that_may_not_be_written_is_told_at_the_start_and_can_be_read() -> Result<()> {
    let demo = Demo::start().await?;
    authprobe(demo.dir(), &["check", "--record"]).await?.with(0);
    let plain = TempDir::with_prefix("authprobe-read-only-")?;
    let disk = Disk::of_megabytes(4).ok();
    let dir = disk.as_ref().map_or(plain.path(), Disk::dir);
    let store = dir.join("authprobe.db");
    fs::copy(demo.path("authprobe.db"), &store)?;
    match &disk {
        Some(disk) => disk.read_only()?,
        // Root, whom permissions do not stop, may mount; everybody else is stopped by them.
        None => {
            fs::set_permissions(&store, fs::Permissions::from_mode(0o444))?;
            fs::set_permissions(dir, fs::Permissions::from_mode(0o555))?;
        }
    }
    let path = store.to_str().context("a plain name")?;
    let told = Program::new(demo.dir(), &["run", "--store", path]).end().await?.told(3);
    assert!(told.contains("cannot be written") && told.contains(path), "{told}");
    assert_eq!(Store::at(&store).records().await?, demo.store().records().await?);
    fs::set_permissions(plain.path(), fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[tokio::test]
async fn a_store_that_is_none_is_told_at_the_start_with_what_to_do() -> Result<()> {
    let demo = Demo::start().await?;
    let path = demo.path("authprobe.db");

    fs::write(&path, "this is not a database, and it is long enough to be looked at by SQLite. ".repeat(40))?;
    refused(&demo, &["authprobe.db is not a store", "move it away"]).await?;
    fs::remove_file(&path)?;

    Connection::open(&path)?.execute_batch("CREATE TABLE songs (title TEXT); PRAGMA application_id = 7")?;
    refused(&demo, &["another application"]).await?;
    fs::remove_file(&path)?;

    authprobe(demo.dir(), &["check", "--record"]).await?.with(0);
    Connection::open(&path)?.execute_batch("PRAGMA user_version = 999")?;
    let known = refused(&demo, &["has format 999", "newer version of authprobe"]).await?;
    assert!(known.contains("knows formats up to 4"), "{known}");
    Connection::open(&path)?.execute_batch("PRAGMA user_version = 4")?;

    fs::write(demo.path("authprobe.db.key"), "no key of fingerprints")?;
    let told = authprobe(demo.dir(), &["run"]).await?.told(3);
    assert!(told.contains("authprobe.db.key") && told.contains("remove it"), "{told}");

    // The pages behind the first one are garbage.
    let mut bytes = fs::read(&path)?;
    bytes[4096..].fill(0xa5);
    fs::write(&path, bytes)?;
    let told = Program::new(demo.dir(), &["report", "timeline"]).end().await?.told(3);
    assert!(told.contains("damaged"), "{told}");
    Ok(())
}

/// Runs the daemon, the check that records, and the import: each says the same and ends with 3.
async fn refused(demo: &Demo, words: &[&str]) -> Result<String> {
    fs::write(demo.path("empty.ndjson"), "")?;
    let mut told = String::new();
    for arguments in
        [&["run"][..], &["check", "--record"], &["import", "empty.ndjson"], &["export"], &["report", "slo"]]
    {
        told = authprobe(demo.dir(), arguments).await?.told(3);
        for word in words {
            ensure!(told.contains(word), "{arguments:?} does not say `{word}`: {told}");
        }
    }
    Ok(told)
}

/// Ends the daemon and checks that each slot of its time has a result of each probe.
async fn complete(daemon: Running, store: &Store) -> Result<Records> {
    let log = daemon.stop().await?.told(0);
    ensure!(log.contains(", 0 lost"), "{log}");
    let records = store.records().await?;
    let logins = records.of("demo/login");
    let (first, last) = (logins.first().context("a first login")?, logins.last().context("a last login")?);
    let slots = (last.time.duration_since(first.time).as_millis() + 500) / 1000 + 1;
    ensure!(logins.len() as i128 == slots, "{} of {slots} slots: {records}", logins.len());
    for probe in records.probes() {
        ensure!(records.of(&probe).len() == logins.len(), "{probe} lacks a run: {records}");
    }
    Ok(records)
}

/// A disk of its own, in memory, mounted by root. Gone when dropped.
struct Disk(TempDir);

impl Disk {
    fn of_megabytes(size: u32) -> Result<Self> {
        let dir = TempDir::with_prefix("authprobe-disk-")?;
        let size = format!("size={size}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output()?;
        let told = String::from_utf8_lossy(&mounted.stderr);
        ensure!(mounted.status.success(), "only root may mount a disk (leave the test out with --skip a_disk): {told}");
        Ok(Self(dir))
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    /// Takes up what is left.
    fn fill(&self) -> Result<()> {
        // It ends when the disk is full.
        let _ = fs::write(self.dir().join("filler"), vec![0_u8; 8 << 20]);
        ensure!(fs::write(self.dir().join("more"), [0_u8; 65536]).is_err(), "the disk is full");
        Ok(())
    }

    fn empty(&self) -> Result<()> {
        fs::remove_file(self.dir().join("more"))?;
        Ok(fs::remove_file(self.dir().join("filler"))?)
    }

    fn read_only(&self) -> Result<()> {
        let mounted = Command::new("mount").args(["-o", "remount,ro"]).arg(self.dir()).status()?;
        ensure!(mounted.success(), "remount");
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a program that is being killed may hold a file for another moment.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
