//! Servers whose certificates are right, expired, of another name, or of an authority that nobody knows.

use std::fs;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::harness::program::authprobe;

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

fn authority() -> Result<(Issuer<'static, KeyPair>, String)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let pem = params.self_signed(&key)?.pem();
    Ok((Issuer::new(params, key), pem))
}

/// Answers every request with 200 behind a certificate for a name that ends with a year. Gives the port.
async fn serve(authority: &Issuer<'static, KeyPair>, name: &str, last_year: i32) -> Result<u16> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(last_year, 12, 31);
    let key = KeyPair::generate()?;
    let chain = vec![CertificateDer::from_pem_slice(params.signed_by(&key, authority)?.pem().as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?);
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
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
