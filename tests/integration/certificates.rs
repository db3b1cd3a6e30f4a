//! Servers whose certificates are right, expired, of another name, or of an authority that nobody knows.

use std::fs;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use storage::record::ChangeKind;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::harness::program::{Program, authprobe};
use crate::harness::store::Store;

#[tokio::test]
async fn a_certificate_that_is_not_right_is_a_tls_failure_that_says_why() -> Result<()> {
    let (authority, pem) = authority()?;
    let (right, expired) = (serve(&authority, "localhost", 2099).await?, serve(&authority, "localhost", 2021).await?);
    let other_name = serve(&authority, "elsewhere.example", 2099).await?;
    let dir = TempDir::with_prefix("authprobe-tls-")?;
    fs::write(dir.path().join("key"), "a-key-of-this-test")?;
    fs::write(dir.path().join("ca.pem"), pem)?;
    let target = |name: &str, port: u16, tls: &str| {
        format!(
            "  - {{ name: {name}, url: \"https://localhost:{port}\", every: 30s, tls: {tls}, probes: {{ api_key: \
             {{ header: X-API-Key, key: {{ file: key }}, request: GET / }} }} }}\n"
        )
    };
    let targets = [
        target("right", right, "{ ca: ca.pem }"),
        target("expired", expired, "{ ca: ca.pem }"),
        target("other-name", other_name, "{ ca: ca.pem }"),
        target("named", other_name, "{ ca: ca.pem, server_name: elsewhere.example }"),
        target("unknown", right, "{}"),
    ];
    fs::write(dir.path().join("authprobe.yaml"), format!("store: authprobe.db\ntargets:\n{}", targets.concat()))?;

    authprobe(dir.path(), &["config", "check"]).await?.with(0);
    let page: Value = serde_json::from_str(&authprobe(dir.path(), &["check", "--format", "json"]).await?.with(1))?;
    let result = |target: &str| {
        let results = page["results"].as_array().into_iter().flatten();
        results.into_iter().find(|result| result["target"] == target).cloned().unwrap_or_default()
    };
    for target in ["right", "named"] {
        assert_eq!(result(target)["outcome"], "success", "{page:#}");
        assert!(result(target)["phases_us"]["tls"].as_u64() > Some(0), "{page:#}");
    }
    for (target, word) in [("expired", "expired"), ("other-name", "name"), ("unknown", "issuer")] {
        let failed = result(target);
        assert_eq!((&failed["outcome"], &failed["reason"]), (&"failure".into(), &"tls".into()), "{target}: {page:#}");
        assert!(failed["detail"].as_str().unwrap_or_default().to_lowercase().contains(word), "{target}: {failed:#}");
    }
    Ok(())
}

#[tokio::test]
async fn a_replaced_certificate_is_told_and_so_is_an_end_that_is_near() -> Result<()> {
    let (authority, pem) = authority()?;
    let now = Timestamp::now();
    let near = now.checked_add(SignedDuration::from_hours(5 * 24))?;
    let served = Arc::new(Mutex::new(acceptor(&authority, "localhost", near)?));
    let port = serve_with(Arc::clone(&served)).await?;
    let dir = TempDir::with_prefix("authprobe-tls-")?;
    fs::write(dir.path().join("key"), "a-key-of-this-test")?;
    fs::write(dir.path().join("ca.pem"), pem)?;
    let target = format!(
        "store: authprobe.db\ntargets:\n  - {{ name: api, url: \"https://localhost:{port}\", every: 1s, tls: {{ ca: ca.pem }}, \
         probes: {{ api_key: {{ header: X-API-Key, key: {{ file: key }}, request: GET / }} }} }}\n"
    );
    fs::write(dir.path().join("authprobe.yaml"), target)?;
    let daemon = Program::new(dir.path(), &["run"]).start()?;
    let store = Store::at(&dir.path().join("authprobe.db"));
    store.runs(2).await?;
    // It is past its end: refused, but seen.
    let past = now.checked_sub(SignedDuration::from_hours(24))?;
    *served.lock().unwrap_or_else(PoisonError::into_inner) = acceptor(&authority, "localhost", past)?;
    let records = store.until("the other certificate", |records| records.changes.len() >= 3).await?;
    let of = |kind: ChangeKind| records.changes.iter().filter(|change| change.kind == kind).collect::<Vec<_>>();
    let ends: Vec<_> = of(ChangeKind::Expiry).iter().filter_map(|change| Some(change.time?.as_second())).collect();
    assert_eq!(ends, [past.as_second(), near.as_second()], "{:#?}", records.changes);
    assert_eq!(of(ChangeKind::Certificate).len(), 1, "{:#?}", records.changes);
    for change in &records.changes {
        assert_eq!((change.object.as_str(), change.targets.as_slice()), ("Certificate/localhost", &["api".into()][..]));
    }
    store.until("its refusal", |records| records.endings("api/api_key").contains(&"tls")).await?;
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn a_receiver_is_told_over_tls_when_its_authority_is_given_and_not_without() -> Result<()> {
    let (authority, pem) = authority()?;
    let (right, other_name) =
        (serve(&authority, "localhost", 2099).await?, serve(&authority, "elsewhere.example", 2099).await?);
    let dir = TempDir::with_prefix("authprobe-tls-")?;
    fs::write(dir.path().join("key"), "a-key-of-this-test")?;
    fs::write(dir.path().join("ca.pem"), pem)?;
    let config = format!(
        "store: authprobe.db\ntargets:\n  - {{ name: api, url: 'http://localhost:1', every: 30s, probes: {{ api_key: \
         {{ header: X-API-Key, key: {{ file: key }}, request: GET / }} }} }}\nalerts:\n  - {{ name: a, webhook: \
         'https://localhost:{right}/x', ca: ca.pem }}\n  - {{ name: b, alertmanager: 'https://localhost:{right}', ca: \
         ca.pem }}\n  - {{ name: c, heartbeat: 'https://localhost:{right}/', ca: ca.pem }}\n  - {{ name: d, webhook: \
         'https://localhost:{right}/x' }}\n  - {{ name: e, webhook: 'https://localhost:{other_name}/x', ca: ca.pem }}\n"
    );
    fs::write(dir.path().join("authprobe.yaml"), config)?;
    let said = authprobe(dir.path(), &["alerts", "test"]).await?.with(1);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..3], ["1 webhook a took it", "2 alertmanager b took it", "3 heartbeat c took it"], "{said}");
    assert!(lines[3].starts_with("4 webhook d did not take it: ") && lines[3].contains("certificate"), "{said}");
    assert!(lines[4].starts_with("5 webhook e did not take it: ") && lines[4].contains("name"), "{said}");
    Ok(())
}

fn authority() -> Result<(Issuer<'static, KeyPair>, String)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let pem = params.self_signed(&key)?.pem();
    Ok((Issuer::new(params, key), pem))
}

/// Answers every request with 200 behind a certificate for a name that ends with a year. Gives the port.
async fn serve(authority: &Issuer<'static, KeyPair>, name: &str, last_year: i32) -> Result<u16> {
    let ends = format!("{last_year}-12-31T00:00:00Z").parse()?;
    serve_with(Arc::new(Mutex::new(acceptor(authority, name, ends)?))).await
}

/// Shows a certificate for a name that ends at a moment.
fn acceptor(authority: &Issuer<'static, KeyPair>, name: &str, ends: Timestamp) -> Result<TlsAcceptor> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = SystemTime::from(ends).into();
    let key = KeyPair::generate()?;
    let chain = vec![CertificateDer::from_pem_slice(params.signed_by(&key, authority)?.pem().as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Answers every request with 200 behind the certificate that is shown at the time. Gives the port.
async fn serve_with(served: Arc<Mutex<TlsAcceptor>>) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = served.lock().unwrap_or_else(PoisonError::into_inner).clone();
            tokio::spawn(async move {
                // A client that refuses the certificate goes away.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    Ok(port)
}
