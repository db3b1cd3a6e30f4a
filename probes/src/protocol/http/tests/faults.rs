//! Servers that are broken or hostile.

use std::future::pending;

use tokio::net::TcpListener;

use super::*;
use crate::fixtures::server::reply;

async fn meets(bytes: &'static [u8]) -> Exchange {
    let server = Server::raw(move |stream| reply(stream, bytes)).await;
    transport(&server.url(), |_| ()).send(get(&server.url()), LONG).await
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let (reason, detail) = failed(transport(&url, |_| ()).send(get(&url), LONG).await);
    assert_eq!(reason, Reason::Connect);
    assert!(detail.contains("refused"), "{detail}");
    assert!(!detail.contains("http://"), "a URL may carry a credential: {detail}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    let url = "http://no-such-host.invalid/?key=secret-0123456789";
    let exchange = transport(url, |_| ()).send(get(url), LONG).await;
    let phases = exchange.phases.expect("phases");
    assert_eq!((phases.connect, phases.tls, phases.processing, phases.transfer), (0, 0, 0, 0));
    let (reason, detail) = failed(exchange);
    assert_eq!(reason, Reason::Dns);
    assert!(!detail.contains("secret-0123456789"), "{detail}");
}

#[tokio::test]
async fn a_connection_that_closes_early() {
    let (reason, detail) = failed(meets(b"").await);
    assert_eq!((reason, detail.as_str()), (Reason::Connect, "server closed the connection before answering"));
    let (reason, _) = failed(meets(b"HTTP/1.1 200 O").await);
    assert_eq!(reason, Reason::Connect);
    let (reason, detail) = failed(meets(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this").await);
    assert_eq!((reason, detail.as_str()), (Reason::Connect, "server closed the connection in the middle of the body"));
    let (reason, _) = failed(meets(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel").await);
    assert_eq!(reason, Reason::Connect);
}

#[tokio::test]
async fn an_answer_that_is_not_http() {
    for garbage in [
        &b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"[..],
        b"\x16\x03\x01\x00\x05hello",
        b"HTTP/1.1 banana OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
    ] {
        let (reason, detail) = failed(meets(garbage).await);
        assert_eq!(reason, Reason::UnexpectedBody, "{detail}");
    }
}

#[tokio::test]
async fn headers_without_end() {
    let server = Server::raw(|mut stream| async move {
        receive(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx-a: ").await;
        while stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {}
    })
    .await;
    let (reason, detail) = failed(transport(&server.url(), |_| ()).send(get(&server.url()), LONG).await);
    assert_eq!(reason, Reason::UnexpectedBody, "{detail}");
}

#[tokio::test]
async fn a_body_without_end_is_read_to_the_limit() {
    let server = Server::raw(|mut stream| async move {
        receive(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").await;
        while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
    })
    .await;
    let answer = said(
        transport(&server.url(), |connection| connection.body_limit = 100_000).send(get(&server.url()), LONG).await,
    );
    assert_eq!((answer.status, answer.body.len(), answer.truncated), (200, 100_000, true));
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_whole() {
    let server = Server::http(|_| answer("200 OK", &[], &"x".repeat(1000))).await;
    for (limit, truncated) in [(1000, false), (999, true), (0, true)] {
        let transport = transport(&server.url(), |connection| connection.body_limit = limit);
        let answer = said(transport.send(get(&server.url()), LONG).await);
        assert_eq!((answer.body.len(), answer.truncated), (limit, truncated));
    }
}

#[tokio::test]
async fn a_server_that_never_answers() {
    let server = Server::raw(|mut stream| async move {
        receive(&mut stream).await;
        pending::<()>().await;
    })
    .await;
    let exchange = transport(&server.url(), |_| ()).send(get(&server.url()), SHORT).await;
    let phases = exchange.phases.expect("phases");
    assert!(phases.processing > 0 && phases.transfer == 0, "{phases:?}");
    let (reason, detail) = failed(exchange);
    assert_eq!(reason, Reason::Timeout);
    assert!(detail.ends_with("for an answer"), "{detail}");
}

#[tokio::test]
async fn a_server_that_drips() {
    let server = Server::raw(|mut stream| async move {
        receive(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let (reason, detail) = failed(transport(&server.url(), |_| ()).send(get(&server.url()), SHORT).await);
    assert_eq!(reason, Reason::Timeout);
    assert!(detail.ends_with("for the end of the body"), "{detail}");
}

#[tokio::test]
async fn a_server_that_does_not_speak_http2() {
    let server = Server::http(|_| answer("200 OK", &[], "")).await;
    let transport = transport(&server.url(), |connection| connection.http = HttpVersion::Http2);
    let (reason, detail) = failed(transport.send(get(&server.url()), LONG).await);
    assert!(matches!(reason, Reason::Connect | Reason::UnexpectedBody), "{reason}: {detail}");
}
