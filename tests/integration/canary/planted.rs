//! The whole program with planted secrets: nothing that it writes, prints or shows to other users holds one.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::echo::Echo;
use super::hunt::Hunt;
use super::secrets::{self, planted};
use crate::harness::demo::Demo;
use crate::harness::probed::Probed;
use crate::harness::program::{Program, Running};
use crate::harness::store::Records;
use crate::harness::wait::{Seen, until};
use crate::harness::web::Web;

/// Answers after which every part of a request was echoed in every form.
const ENOUGH: usize = 500;

#[tokio::test]
async fn no_secret_leaves_the_program_however_a_server_echoes_it() -> Result<()> {
    let all = planted();
    let value = |name: &str| all.iter().find(|secret| secret.name == name).map_or("", |secret| &secret.value);
    let echo = Echo::start(value("jwt_secret"))?;
    let files: Vec<(&str, &str)> = all.iter().map(|secret| (secret.name, secret.value.as_str())).collect();
    let probed = Probed::new("canary.yaml", &echo.url(), &files)?;
    let program = |arguments: &[&str]| Program::new(probed.dir(), arguments).env("PROBE_USERNAME", value("username"));

    // Two daemons, one for each form of the log, while a secret changes.
    let mut text = program(&["--log", "trace", "run", "--store", "text.db"]).start()?;
    let json = program(&["--log", "trace", "--log-format", "json", "run", "--store", "json.db"]).start()?;
    until("half of the echoes", async || {
        Ok(Seen::when(echo.answered() > ENOUGH / 2, (), || echo.answered().to_string()))
    })
    .await?;
    probed.set_secret("password", value("second_password"))?;
    until("the other half", async || Ok(Seen::when(echo.answered() > ENOUGH, (), || echo.answered().to_string())))
        .await?;
    for daemon in [&text, &json] {
        show(&probed, daemon)?;
    }
    let web = Web::of(&mut text).await?;
    for (name, path) in [
        ("metrics", "/metrics"),
        ("on-demand", "/probe?target=json"),
        ("debugged-query", "/probe?target=query&debug=true"),
        ("debugged", "/probe?target=json&debug=true"),
    ] {
        let answer = web.get(path, &[]).await?;
        ensure!(answer.status == 200 && answer.body.contains("probe_success"), "{path}: {answer:?}");
        fs::write(probed.path(name), answer.body)?;
    }
    ensure!(fs::read_to_string(probed.path("debugged"))?.contains("<redacted>"), "what is told was redacted");
    // A store is hunted with its log and its index, as they are while it is written.
    let early = secrets::hunt().search(probed.dir(), "secrets")?;
    ensure!(early.1.is_empty(), "while it runs: {:#?}", early.1);
    for (name, daemon) in [("run-text", text), ("run-json", json)] {
        let ended = daemon.stop().await?;
        ensure!(ended.code == Some(0), "{}", ended.err);
        keep(&probed, name, &ended.out, &ended.err)?;
    }

    let commands: [(&[&str], i32); 19] = [
        (&["check"], 1),
        (&["check", "--format", "json"], 1),
        (&["check", "--format", "junit"], 1),
        (&["--log", "trace", "check", "--record", "--store", "text.db"], 1),
        (&["config", "check"], 0),
        (&["--log", "trace", "--log-format", "json", "config", "check"], 0),
        (&["export", "--store", "text.db"], 0),
        (&["export", "--store", "json.db", "-o", "exported.ndjson"], 0),
        (&["import", "--store", "again.db", "exported.ndjson"], 0),
        (&["changes", "list", "--store", "text.db"], 0),
        (&["changes", "list", "--store", "text.db", "--json"], 0),
        (&["report", "slo", "--store", "text.db"], 1),
        (&["report", "slo", "--store", "text.db", "--format", "json"], 1),
        (&["report", "incidents", "--store", "text.db"], 0),
        (&["report", "incidents", "--store", "text.db", "-o", "incidents.json"], 0),
        (&["report", "timeline", "--store", "text.db"], 0),
        (&["report", "timeline", "--store", "text.db", "-o", "timeline.json"], 0),
        (&["report", "timeline", "--store", "nowhere.db"], 3),
        (&["run", "--store", "/proc/nowhere.db"], 3),
    ];
    for (index, (arguments, code)) in commands.into_iter().enumerate() {
        let ended = program(arguments).end().await?;
        ensure!(ended.code == Some(code), "{arguments:?}: {:?}: {}", ended.code, ended.err);
        keep(&probed, &format!("{index}-{}", arguments.join("_").replace(['/', '.'], "")), &ended.out, &ended.err)?;
    }

    // The hunt is worth something only if the secrets were sent, echoed, and the answers looked at.
    let mut hunt = secrets::hunt();
    let sent = echo.seen();
    for secret in all.iter().filter(|secret| secret.name != "jwt_secret") {
        ensure!(sent.contains(&secret.core), "{} was never sent", secret.name);
    }
    let tokens = echo.tokens();
    ensure!(tokens.len() > 50, "{} tokens", tokens.len());
    add_tokens(&mut hunt, &tokens);
    let exported = fs::read_to_string(probed.path("exported.ndjson"))?;
    let records = Records::parse(&exported)?;
    let details: Vec<&str> = records.results.iter().filter_map(|result| result.detail.as_deref()).collect();
    let redacted = details.iter().filter(|detail| detail.contains("<redacted>")).count();
    ensure!(redacted > 20, "{redacted} of {} details were redacted", details.len());
    ensure!(records.changes.iter().any(|change| change.object.ends_with("secrets/password")), "the change is recorded");

    let (files, found) = hunt.search(probed.dir(), "secrets")?;
    ensure!(files > 45, "only {files} files were searched");
    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}

#[tokio::test]
async fn the_control_finds_a_leak_in_each_kind_of_file_that_is_searched() -> Result<()> {
    let demo = Demo::start().await?;
    // The name of a target is no secret; it stands in for one that leaks.
    let config = fs::read_to_string(demo.path("authprobe.yaml"))?;
    fs::write(
        demo.path("authprobe.yaml"),
        config.replace("name: demo", "name: Zq9CONTROL7Kw3").replace("demo/*", "*/*"),
    )?;
    let daemon = Program::new(demo.dir(), &["--log", "trace", "run"]).start()?;
    demo.store().runs(1).await?;
    let mut hunt = Hunt::default();
    hunt.add("control", "Zq9CONTROL7Kw3");
    let (_, while_running) = hunt.search(demo.dir(), "secrets")?;
    ensure!(while_running.iter().any(|found| found.contains("authprobe.db")), "{while_running:?}");
    let ended = daemon.stop().await?;
    keep(&demo, "run", &ended.out, &ended.err)?;
    for (name, arguments) in [
        ("check", &["check"][..]),
        ("export", &["export"]),
        ("slo", &["report", "slo"]),
        ("timeline", &["report", "timeline"]),
    ] {
        let ended = Program::new(demo.dir(), arguments).end().await?;
        keep(&demo, name, &ended.out, &ended.err)?;
    }
    let (_, found) = hunt.search(demo.dir(), "secrets")?;
    for file in ["run.err", "check.out", "export.out", "authprobe.db"] {
        ensure!(found.iter().any(|found| found.contains(&format!("/{file}: "))), "{file}: {found:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_demo_api_that_echoes_everything_gets_nothing_stored_either() -> Result<()> {
    let demo = Demo::start().await?;
    demo.fault(&json!({"fault": "echo_everything"})).await?;
    demo.fault(&json!({"fault": "key_revoked"})).await?;
    demo.fault(&json!({"fault": "role_removed"})).await?;
    let daemon = Program::new(demo.dir(), &["--log", "trace", "run"]).start()?;
    let records = demo.store().runs(3).await?;
    let failed = records
        .results
        .iter()
        .filter(|result| result.detail.as_deref().is_some_and(|detail| detail.contains("<redacted>")));
    ensure!(failed.count() > 0, "no echo was redacted: {records}");
    show(&demo, &daemon)?;
    let ended = daemon.stop().await?;
    keep(&demo, "run", &ended.out, &ended.err)?;
    for (name, arguments) in
        [("check", &["check"][..]), ("export", &["export"]), ("incidents", &["report", "incidents"])]
    {
        let ended = Program::new(demo.dir(), arguments).end().await?;
        keep(&demo, name, &ended.out, &ended.err)?;
    }
    let mut hunt = Hunt::default();
    for name in ["password", "api_key", "revoked_api_key", "signing_secret"] {
        hunt.add(name, demo.get(name));
    }
    let (_, found) = hunt.search(demo.dir(), "secrets")?;
    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}

/// Keeps what a program printed beside its files, to be searched with them.
fn keep(probed: &Probed, name: &str, out: &str, err: &str) -> Result<()> {
    let kept = probed.path("kept");
    fs::create_dir_all(&kept)?;
    fs::write(kept.join(format!("{name}.out")), out)?;
    Ok(fs::write(kept.join(format!("{name}.err")), err)?)
}

/// Keeps what every user of the machine sees of a running program, and what it printed so far.
fn show(probed: &Probed, daemon: &Running) -> Result<()> {
    let process = Path::new("/proc").join(daemon.pid().to_string());
    let line = fs::read(process.join("cmdline")).context("the command line")?;
    ensure!(String::from_utf8_lossy(&line).contains("run"), "it is the program's own command line");
    let name = fs::read_to_string(process.join("comm"))?;
    keep(
        probed,
        &format!("shown-{}", daemon.pid()),
        &format!("{}\n{name}", String::from_utf8_lossy(&line)),
        &daemon.err()?,
    )
}

/// A token is told from others by its signature; an unsigned one has none.
fn add_tokens(hunt: &mut Hunt, tokens: &[String]) {
    let mut signatures: Vec<&str> = tokens.iter().filter_map(|token| token.rsplit('.').next()).collect();
    signatures.retain(|signature| signature.len() >= 20);
    signatures.sort_unstable();
    signatures.dedup();
    for signature in signatures {
        hunt.add("a token", &signature[..20]);
    }
}
