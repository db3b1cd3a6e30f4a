//! Servers leave nothing behind, and a missing one says what to do.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::servers::etcd::Etcd;
use crate::servers::fixture::{filled, write_credentials};
use crate::servers::glewlwyd::Glewlwyd;
use crate::servers::http::Http;
use crate::servers::process::{Process, on_free_ports};

#[tokio::test]
async fn a_server_dies_with_the_test_that_panics() -> Result<()> {
    let server = Etcd::start().await?;
    let address = server.url().trim_start_matches("http://").to_owned();
    assert!(TcpStream::connect(&address).await.is_ok());
    let test = tokio::spawn(async move {
        let _mine = server;
        panic!("as a failed assertion does");
    });
    assert!(test.await.is_err_and(|error| error.is_panic()));
    assert!(TcpStream::connect(&address).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_not_installed_names_the_install_script() -> Result<()> {
    let dir = TempDir::new()?;
    let error = Process::spawn("no-such-server", &[], &dir.path().join("log")).err().context("it started")?;
    assert_eq!(error.to_string(), "`no-such-server` is not installed: run tests/install.sh");
    Ok(())
}

#[tokio::test]
async fn a_server_that_ends_at_once_is_tried_on_other_ports_and_then_its_log_is_quoted() -> Result<()> {
    let dir = TempDir::new()?;
    let (log, http, tries) = (dir.path().join("log"), Http::new()?, AtomicU32::new(0));
    let refused: Result<()> = on_free_ports(|port, _| {
        tries.fetch_add(1, Ordering::Relaxed);
        let (log, http) = (&log, &http);
        async move {
            let mut process = Process::spawn("ls", &["/no/such/directory".to_owned()], log)?;
            process.ready(http, &format!("http://127.0.0.1:{port}/")).await
        }
    })
    .await;
    let told = refused.err().context("it came up")?.to_string();
    assert!(told.contains("ended at once") && told.contains("/no/such/directory"), "{told}");
    assert_eq!(tries.load(Ordering::Relaxed), 3);
    Ok(())
}

#[tokio::test]
async fn every_place_of_a_configuration_is_filled_and_every_file_it_names_is_written() -> Result<()> {
    let glewlwyd = Glewlwyd::start().await?;
    complete("glewlwyd.yaml", &glewlwyd.url(), &glewlwyd.credentials())?;
    let etcd = Etcd::start().await?;
    complete("etcd.yaml", &etcd.url(), &etcd.credentials())
}

fn complete(fixture: &str, url: &str, credentials: &[(&str, &str)]) -> Result<()> {
    let dir = TempDir::new()?;
    write_credentials(dir.path(), credentials)?;
    let place = dir.path().display().to_string();
    let text = filled(fixture, &[("url", url), ("credentials", &place), ("store", "authprobe.db"), ("every", "1s")])?;
    let configuration: serde_json::Value = serde_saphyr::from_str(&text)?;
    let mut files = Vec::new();
    referred_files(&configuration, &mut files);
    assert!(!files.is_empty(), "{fixture} refers to no credential");
    for file in files {
        assert!(Path::new(&file).is_file(), "{fixture} refers to {file}");
    }
    Ok(())
}

fn referred_files(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            found.extend(map.get("file").and_then(serde_json::Value::as_str).map(str::to_owned));
            map.values().for_each(|value| referred_files(value, found));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| referred_files(value, found)),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}
