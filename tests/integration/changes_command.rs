//! `authprobe changes`: tells a running daemon, and follows a store.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::harness::demo::Demo;
use crate::harness::program::{Program, authprobe};
use crate::harness::wait::{Seen, until};
use crate::harness::web::Web;

const TOKEN: &str = "Hn3TOKEN6CANARY9qW";
const CHANGE: [&str; 6] = ["changes", "add", "--kind", "deploy", "--object", "Deployment/prod/api"];

#[tokio::test]
async fn a_running_daemon_is_told_of_a_change() -> Result<()> {
    let demo = Demo::start().await?;
    fs::write(demo.path("secrets/api-token"), TOKEN)?;
    let config = fs::read_to_string(demo.path("authprobe.yaml"))?;
    fs::write(demo.path("authprobe.yaml"), format!("{config}api_token: {{ file: secrets/api-token }}\n"))?;
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    web.ready().await?;
    let add = |more: &[&str]| Program::new(demo.dir(), &[&CHANGE[..], &["--server", web.url()], more].concat());

    let by_env = add(&["--id", "by-env", "--token-env", "A_TOKEN"]).env("A_TOKEN", TOKEN).end().await?.with(0);
    assert_eq!(by_env, "by-env\n");
    let by_file = add(&["--token-file", "secrets/api-token"]).end().await?.with(0);
    until("both in the store", async || {
        let records = demo.store().records().await?;
        let ids: Vec<&str> = records.changes.iter().map(|change| change.id.as_str()).collect();
        Ok(Seen::when(ids.contains(&"by-env") && ids.contains(&by_file.trim()), (), || format!("{ids:?}")))
    })
    .await?;

    let wrong = add(&["--token-env", "A_TOKEN"]).env("A_TOKEN", "one-that-is-wrong").end().await?.told(2);
    ensure!(wrong.contains("401") && !wrong.contains("one-that-is-wrong"), "{wrong}");
    let none = add(&["--token-env", "A_TOKEN"]).end().await?.told(2);
    ensure!(none.contains("A_TOKEN") && none.contains("not set"), "{none}");
    add(&[]).end().await?.told(2);
    add(&["--token-env", "A_TOKEN", "--store", "other.db"]).end().await?.told(2);
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_cannot_take_it_now_is_told_again() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = thread::spawn(move || -> Result<()> {
        for status in ["503 Service Unavailable", "202 Accepted"] {
            let (stream, _) = listener.accept()?;
            let mut request = BufReader::new(stream);
            let (mut line, mut length) = (String::new(), 0);
            while request.read_line(&mut line)? > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                    length = value.trim().parse()?;
                }
                line.clear();
            }
            request.read_exact(&mut vec![0; length])?;
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nwhy");
            request.into_inner().write_all(answer.as_bytes())?;
        }
        Ok(())
    });
    let dir = TempDir::new()?;
    let arguments = [&CHANGE[..], &["--server", &url, "--token-env", "A_TOKEN", "--id", "c-1"]].concat();
    let ended = Program::new(dir.path(), &arguments).env("A_TOKEN", TOKEN).end().await?;
    assert!(ended.err.contains("503") && ended.err.contains("trying again"), "{ended:?}");
    assert!(!ended.err.contains(TOKEN), "{ended:?}");
    assert_eq!(ended.with(0), "c-1\n");
    server.join().ok().context("the server")??;
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_is_not_reached_is_given_up_in_time() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    drop(listener);
    let dir = TempDir::new()?;
    let arguments = [&CHANGE[..], &["--server", &url, "--token-env", "A_TOKEN", "--give-up-after", "1s"]].concat();
    let told = Program::new(dir.path(), &arguments).env("A_TOKEN", TOKEN).end().await?.told(3);
    assert!(told.contains("was not told") && told.contains("refused"), "{told}");
    Ok(())
}

#[tokio::test]
async fn what_is_recorded_is_followed_from_before_there_is_a_store() -> Result<()> {
    let dir = TempDir::new()?;
    let mut watch = Program::new(dir.path(), &["changes", "watch"]).start()?;
    let mut json = Program::new(dir.path(), &["changes", "watch", "--json", "--kind", "note"]).start()?;
    watch.says("waiting for the store").await?;
    json.says("waiting for the store").await?;
    authprobe(dir.path(), &[&CHANGE[..], &["--id", "c-1", "a\u{1b}[31m summary"]].concat()).await?.with(0);
    let note = ["changes", "add", "--kind", "note", "--object", "x", "--id", "c-2"];
    authprobe(dir.path(), &note).await?.with(0);
    watch.says("is there").await?;
    let out = until("both changes", async || {
        let out = watch.out()?;
        Ok(Seen::when(out.matches('\n').count() == 2, out.clone(), || out))
    })
    .await?;
    assert!(out.contains("  deploy Deployment/prod/api: a\u{fffd}[31m summary  [c-1]\n"), "{out}");
    let out = until("the note", async || {
        let out = json.out()?;
        Ok(Seen::when(out.ends_with('\n'), out.clone(), || out))
    })
    .await?;
    assert!(out.starts_with("{\"type\":\"change\",\"id\":\"c-2\"") && out.lines().count() == 1, "{out}");

    let sent = Command::new("sh").args(["-c", "kill -INT \"$0\"", &watch.pid().to_string()]).status()?;
    ensure!(sent.success(), "SIGINT could not be sent");
    let ended = watch.end().await?;
    assert!(ended.code.is_none_or(|code| code == 0), "{ended:?}");
    Ok(())
}
