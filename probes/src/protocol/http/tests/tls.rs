//! TLS: whom it trusts, as whom it comes, under which name, and where its time goes.

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::TLS12;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::fixtures::tls::{Authority, Options, Signed};

const HELLO_WAIT: Duration = Duration::from_millis(40);

/// Answers with the HTTP version, the name of SNI and the host that were asked for.
async fn serve(acceptor: TlsAcceptor) -> Server {
    Server::raw(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let name = stream.get_ref().1.server_name().unwrap_or("-").to_owned();
            let service = service_fn(move |request: Request<Incoming>| {
                let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
                let host = host.or(request.uri().authority().map(|host| host.as_str())).unwrap_or("-");
                let text = format!("{:?} {name} {host}", request.version());
                async move { Ok::<_, hyper::Error>(Response::new(text)) }
            });
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        }
    })
    .await
}

fn url_of(server: &Server) -> String {
    format!("https://{}", server.address)
}

fn trust(authority: &Authority) -> Files {
    Files { ca: Some(authority.pem.clone().into_bytes()), client: None }
}

async fn text(files: &Files, url: &str, change: impl FnOnce(&mut Connection)) -> String {
    let answer = said(trusting(files, url, change).send(get(url), LONG).await);
    String::from_utf8(answer.body).expect("text")
}

async fn tls_fault(files: &Files, url: &str, expected: &str) {
    let (reason, detail) = failed(trusting(files, url, |_| ()).send(get(url), LONG).await);
    assert_eq!(reason, Reason::Tls, "{detail}");
    assert!(detail.to_lowercase().contains(expected), "{detail}");
}

#[tokio::test]
async fn an_own_authority_is_trusted_and_an_unknown_one_is_not() {
    let authority = Authority::new();
    let server = serve(authority.acceptor(&authority.sign("127.0.0.1", 2099), Options::default())).await;
    assert_eq!(text(&trust(&authority), &url_of(&server), |_| ()).await, format!("HTTP/1.1 - {}", server.address));
    tls_fault(&trust(&Authority::new()), &url_of(&server), "certificate").await;
    tls_fault(&Files::default(), &url_of(&server), "certificate").await;
}

#[tokio::test]
async fn an_expired_certificate_and_one_for_another_name_are_told() {
    let authority = Authority::new();
    let expired = serve(authority.acceptor(&authority.sign("127.0.0.1", 2021), Options::default())).await;
    tls_fault(&trust(&authority), &url_of(&expired), "expired").await;
    let other = serve(authority.acceptor(&authority.sign("api.example.com", 2099), Options::default())).await;
    tls_fault(&trust(&authority), &url_of(&other), "not valid for name").await;
}

#[tokio::test]
async fn a_certificate_is_seen_whether_or_not_it_is_accepted() {
    let authority = Authority::new();
    for (year, accepted) in [(2099, true), (2021, false)] {
        let signed = authority.sign("127.0.0.1", year);
        let server = serve(authority.acceptor(&signed, Options::default())).await;
        let url = url_of(&server);
        let transport = trusting(&trust(&authority), &url, |_| ());
        let exchange = transport.send(get(&url), Duration::from_secs(10)).await;
        assert_eq!(exchange.end.is_ok(), accepted);
        let peer = exchange.peer.expect("a certificate");
        let der = CertificateDer::from_pem_slice(signed.certificate.as_bytes()).expect("PEM");
        assert_eq!((peer.name.as_str(), peer.certificate.as_slice()), ("127.0.0.1", der.as_ref()));
    }
}

#[tokio::test]
async fn another_name_is_for_tls_alone() {
    let authority = Authority::new();
    let speaks = Options { speaks: &["h2", "http/1.1"], ..Options::default() };
    let server = serve(authority.acceptor(&authority.sign("api.example.com", 2099), speaks)).await;
    let named = |connection: &mut Connection| connection.server_name = Some("api.example.com".into());
    let seen = text(&trust(&authority), &url_of(&server), named).await;
    assert_eq!(seen, format!("HTTP/1.1 api.example.com {}", server.address));
    let by_name = format!("https://localhost:{}", server.address.port());
    let seen = text(&trust(&authority), &by_name, named).await;
    assert_eq!(seen, format!("HTTP/1.1 api.example.com localhost:{}", server.address.port()));
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_wanted() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let wants = Options { clients_of: Some(&clients), ..Options::default() };
    let server = serve(authority.acceptor(&authority.sign("127.0.0.1", 2099), wants)).await;
    tls_fault(&trust(&authority), &url_of(&server), "certificate").await;
    let with = |Signed { certificate, key }: Signed| Files {
        client: Some((certificate.into_bytes(), key.into_bytes())),
        ..trust(&authority)
    };
    assert!(text(&with(clients.sign("probe", 2099)), &url_of(&server), |_| ()).await.starts_with("HTTP/1.1"));
    tls_fault(&with(Authority::new().sign("probe", 2099)), &url_of(&server), "tls").await;
}

#[tokio::test]
async fn older_tls_and_newer_http_are_spoken() {
    let authority = Authority::new();
    let signed = authority.sign("127.0.0.1", 2099);
    let old = serve(authority.acceptor(&signed, Options { versions: &[&TLS12], ..Options::default() })).await;
    assert!(text(&trust(&authority), &url_of(&old), |_| ()).await.starts_with("HTTP/1.1"));
    let both = serve(authority.acceptor(&signed, Options { speaks: &["h2", "http/1.1"], ..Options::default() })).await;
    for (http, version) in
        [(HttpVersion::Auto, "HTTP/2.0"), (HttpVersion::Http1, "HTTP/1.1"), (HttpVersion::Http2, "HTTP/2.0")]
    {
        let seen = text(&trust(&authority), &url_of(&both), |connection| connection.http = http).await;
        assert!(seen.starts_with(version), "{http:?}: {seen}");
    }
    let connections = both.connections();
    let transport = trusting(&trust(&authority), &url_of(&both), |_| ());
    for _ in 0..2 {
        assert!(transport.send(get(&url_of(&both)), LONG).await.phases.expect("phases").tls > 0);
    }
    assert_eq!(both.connections(), connections + 2, "HTTP/2 connections are not shared either");
}

#[tokio::test]
async fn http2_is_spoken_without_tls_by_prior_knowledge() {
    let server = Server::raw(|stream| async move {
        let service = service_fn(|request: Request<Incoming>| async move {
            Ok::<_, hyper::Error>(Response::new(format!("{:?}", request.version())))
        });
        let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
    })
    .await;
    let transport = transport(&server.url(), |connection| connection.http = HttpVersion::Http2);
    assert_eq!(said(transport.send(get(&server.url()), LONG).await).body, b"HTTP/2.0");
}

#[tokio::test]
async fn the_handshake_is_timed_apart() {
    let authority = Authority::new();
    let acceptor = authority.acceptor(&authority.sign("127.0.0.1", 2099), Options::default());
    let server = Server::raw(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            // The client has begun its handshake once its first byte is here.
            let _ = stream.peek(&mut [0]).await;
            sleep(HELLO_WAIT).await;
            if let Ok(mut stream) = acceptor.accept(stream).await {
                receive(&mut stream).await;
                let _ = stream.write_all(answer("200 OK", &[], "").as_bytes()).await;
            }
        }
    })
    .await;
    let exchange = trusting(&trust(&authority), &url_of(&server), |_| ()).send(get(&url_of(&server)), LONG).await;
    let phases = exchange.phases.expect("phases");
    assert!(phases.tls >= HELLO_WAIT.as_micros() as u64, "{phases:?}");
    assert!(phases.connect > 0 && phases.processing > 0, "{phases:?}");
    assert!(phases.total() <= exchange.took.as_micros() as u64, "{phases:?}");
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_or_hangs_up() {
    let plain = Server::http(|_| answer("400 Bad Request", &[], "")).await;
    let garbage = Server::raw(|mut stream: TcpStream| async move {
        let _ = stream.peek(&mut [0]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let closing = Server::raw(|stream| async move {
        let _ = stream.peek(&mut [0]).await;
    })
    .await;
    for server in [&garbage, &closing] {
        let (reason, detail) = failed(transport(&url_of(server), |_| ()).send(get(&url_of(server)), LONG).await);
        assert_eq!(reason, Reason::Tls, "{detail}");
    }
    let (reason, detail) = failed(transport(&url_of(&plain), |_| ()).send(get(&url_of(&plain)), SHORT).await);
    assert_eq!((reason, detail.contains("TLS handshake")), (Reason::Timeout, true), "{detail}");
}
