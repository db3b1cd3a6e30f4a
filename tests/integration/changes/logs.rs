//! A log file that grows, is rotated and vanishes, seen through the program.

use std::fs::{self, File};
use std::io::Write;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use storage::record::{Change, ChangeKind};

use crate::canary::hunt::Hunt;
use crate::harness::probed::Probed;
use crate::harness::program::{Program, authprobe};
use crate::harness::store::Records;
use crate::harness::wait::{Seen, pass, until};

/// A log and a daemon's directory that watches it, with windows of two seconds.
fn watching(more: &str) -> Result<Probed> {
    let probed = Probed::new("changes.yaml", "http://127.0.0.1:1", &[("api_key", "Zq7OwnApiKeyOfTheProber")])?;
    let file = probed.path("authprobe.yaml");
    let config = fs::read_to_string(&file)?;
    fs::write(
        &file,
        format!("{config}changes:\n  logs: {{files: [secrets/app.log], window: 2s, targets: [api]{more}}}\n"),
    )?;
    Ok(probed)
}

fn add(probed: &Probed, text: &str) -> Result<()> {
    let mut log = File::options().create(true).append(true).open(probed.path("secrets/app.log"))?;
    Ok(log.write_all(text.as_bytes())?)
}

fn bursts<'a>(records: &'a Records, pattern: &str) -> Vec<&'a Change> {
    let ends = format!("app.log/{pattern}");
    records.changes.iter().filter(|change| change.source == "logs" && change.object.ends_with(&ends)).collect()
}

/// Adds a line until it is told as a burst: the first window is only the measure of the next.
async fn until_told(probed: &Probed, line: &str, pattern: &str, count: usize) -> Result<Records> {
    let store = probed.store();
    until(&format!("{count} bursts of {pattern}"), async || {
        add(probed, line)?;
        let Ok(lines) = store.lines().await else { return Ok(Seen::NotYet("no store".into())) };
        let records = Records::parse(&lines)?;
        let found = bursts(&records, pattern).len();
        Ok(Seen::when(found >= count, records, || format!("{found} bursts")))
    })
    .await
}

/// Waits until a burst has ended.
async fn until_over(probed: &Probed, pattern: &str) -> Result<Records> {
    let over = |records: &Records| bursts(records, pattern).iter().all(|change| change.until.is_some());
    probed.store().until("the end of the burst", over).await
}

#[tokio::test]
async fn more_lines_than_usual_are_told_with_their_end_through_a_rotation() -> Result<()> {
    let probed = watching("")?;
    add(&probed, "\"GET /me HTTP/1.1\" 401 27 of long ago\n")?;
    let daemon = probed.run()?;
    probed.store().runs(6).await?;
    until_told(&probed, "\"GET /me HTTP/1.1\" 401 27\n", "status_401", 1).await?;
    let records = until_over(&probed, "status_401").await?;
    let first = bursts(&records, "status_401")[0];
    ensure!(first.kind == ChangeKind::Note && first.targets == ["api"], "{first:#?}");
    ensure!(first.lo() <= first.until && !first.summary.contains("long ago"), "{first:#?}");
    ensure!(
        first.summary.contains(" status_401 in ") && first.summary.contains("as in: `\"GET /me HTTP/1.1\" 401 27`"),
        "{first:#?}"
    );

    fs::rename(probed.path("secrets/app.log"), probed.path("secrets/app.log.1"))?;
    until_told(&probed, "jwt: invalid signature\n", "signature_invalid", 1).await?;
    let records = until_over(&probed, "signature_invalid").await?;
    ensure!(bursts(&records, "status_401").len() == 1, "nothing is read twice: {records}");
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn a_log_that_is_not_there_is_a_gap_until_it_appears() -> Result<()> {
    let probed = watching("")?;
    let mut daemon = probed.run()?;
    daemon.says("secrets/app.log` cannot be seen: there is no such file").await?;
    add(&probed, "hello\n")?;
    daemon.says("secrets/app.log` is seen again").await?;
    pass(SignedDuration::from_secs(5), Timestamp::now()).await;
    until_told(&probed, "permission denied\n", "permission_denied", 1).await?;
    let records = probed.store().until("the gap", |records| records.gaps.iter().any(|gap| gap.feed == "logs")).await?;
    let gap = records.gaps.iter().find(|gap| gap.feed == "logs").context("the gap")?;
    ensure!(gap.why.ends_with("secrets/app.log: there is no such file"), "{gap:?}");
    let log = daemon.stop().await?.told(0);
    ensure!(log.matches("there is no such file").count() == 1, "{log}");
    Ok(())
}

#[tokio::test]
async fn a_flood_of_lines_is_bounded_and_told() -> Result<()> {
    let probed = watching("")?;
    add(&probed, "")?;
    let mut daemon = probed.run()?;
    probed.store().runs(1).await?;
    add(&probed, &("x".repeat(20_000) + "\n").repeat(600))?;
    daemon.says("it grows by more than 4 MiB a second").await?;
    probed.store().runs(6).await?;
    daemon.stop().await?.told(0);
    let records = probed.store().records().await?;
    ensure!(
        records.gaps.iter().any(|gap| gap.feed == "logs" && gap.why.contains("bytes were passed over")),
        "{:?}",
        records.gaps
    );
    Ok(())
}

#[tokio::test]
async fn no_secret_of_a_log_leaves_the_program() -> Result<()> {
    let probed = watching(", samples: 5, patterns: [{name: any, regex: REFUSED}]")?;
    add(&probed, "")?;
    let daemon = Program::new(probed.dir(), &["--log", "trace", "run"]).start()?;
    probed.store().runs(6).await?;
    let planted = [
        "REFUSED Authorization: Bearer Zq7BearerOfSomebody for Zq7Person@example.com",
        r#"{"event":"REFUSED","password":"Zq7Password With Spaces","x-api-key":"Zq7KeyOfSomebody"}"#,
        "REFUSED eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJacTcifQ.Zq7SignatureOfAToken",
        "REFUSED postgres://Zq7UserOfADatabase:Zq7WordOfADatabase@db/x",
        "REFUSED key Zq7OwnApiKeyOfTheProber",
        "REFUSED /cb?session_token=Zq7SessionOfSomebody&x=1 Cookie: sid=Zq7CookieOfSomebody",
    ];
    until_told(&probed, &(planted.join("\n") + "\n"), "any", 1).await?;
    until_over(&probed, "any").await?;
    let ended = daemon.stop().await?;
    let list = authprobe(probed.dir(), &["changes", "list", "--json"]).await?;
    ensure!(list.out.matches("<redacted>").count() >= 5, "{}", list.out);
    fs::write(probed.path("printed"), [ended.out, ended.err, list.out, list.err].concat())?;
    let mut hunt = Hunt::default();
    for core in [
        "Zq7BearerOfSomebody",
        "Zq7Person@example",
        "Zq7Password",
        "Zq7KeyOfSomebody",
        "Zq7SignatureOfAToken",
        "Zq7UserOfADatabase",
        "Zq7WordOfADatabase",
        "Zq7OwnApiKeyOfTheProber",
        "Zq7SessionOfSomebody",
        "Zq7CookieOfSomebody",
    ] {
        hunt.add(core, core);
    }
    let (files, found) = hunt.search(probed.dir(), "secrets")?;
    ensure!(files >= 3 && found.is_empty(), "{files} files: {found:#?}");
    Ok(())
}
