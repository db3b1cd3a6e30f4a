//! Requests against servers of the tests' own: what they send, what they time, what they make of broken servers.

mod faults;
mod redirects;
mod tls;

use http::header::RETRY_AFTER;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::*;
use crate::fixtures::server::{Server, answer, receive};
use crate::protocol::tls::Files;

/// Long enough to never be the reason.
const LONG: Duration = Duration::from_secs(60);

/// Short, and met only by servers that never answer.
const SHORT: Duration = Duration::from_millis(300);

fn transport(url: &str, change: impl FnOnce(&mut Connection)) -> Transport {
    trusting(&Files::default(), url, change)
}

fn trusting(files: &Files, url: &str, change: impl FnOnce(&mut Connection)) -> Transport {
    let mut connection = Connection::default();
    change(&mut connection);
    Transport::new(Profile::new(files).expect("a profile"), connection, &url.parse().expect("a URL"))
        .expect("a transport")
}

fn get(url: &str) -> Outgoing {
    Outgoing::new(Method::GET, url.parse().expect("a URL"))
}

fn said(exchange: Exchange) -> Answer {
    exchange.end.expect("an answer")
}

fn failed(exchange: Exchange) -> (Reason, String) {
    let failure = exchange.end.expect_err("no answer");
    (failure.reason, failure.detail)
}

#[tokio::test]
async fn a_request_names_the_prober_and_carries_what_it_was_given() {
    let server = Server::http(|_| answer("200 OK", &["x-a: b"], "hello")).await;
    let mut outgoing = Outgoing::new(Method::POST, format!("{}/a?b=c", server.url()).parse().expect("a URL"));
    outgoing.header("x-key", "the-key-0123456789").expect("a header");
    outgoing.body = b"body".to_vec();
    let exchange = transport(&server.url(), |_| ()).send(outgoing, LONG).await;
    assert_eq!(exchange.asked.as_str(), format!("{}/a", server.url()), "a query may carry a credential");
    let answer = said(exchange);
    assert_eq!((answer.status, answer.header("x-a"), answer.body.as_slice()), (200, Some("b"), &b"hello"[..]));
    let received = &server.received()[0];
    assert_eq!(
        (received.line(), received.header("x-key"), received.body.as_str()),
        ("POST /a?b=c", "the-key-0123456789", "body")
    );
    assert_eq!(received.header("user-agent"), concat!("authprobe/", env!("CARGO_PKG_VERSION")));
    let parent: Vec<&str> = received.header("traceparent").split('-').collect();
    assert_eq!(parent.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn every_request_connects_anew_unless_connections_are_kept() {
    for (keep_alive, connections) in [(false, 3), (true, 1)] {
        let server = Server::http(|_| answer("200 OK", &[], "ok")).await;
        let transport = transport(&server.url(), |connection| connection.keep_alive = keep_alive);
        let mut phases = Vec::new();
        for _ in 0..3 {
            let exchange = transport.send(get(&server.url()), LONG).await;
            phases.push(exchange.phases.expect("phases"));
            assert!(phases[phases.len() - 1].total() <= exchange.took.as_micros() as u64);
            assert_eq!(said(exchange).status, 200);
        }
        assert_eq!(server.connections(), connections, "keep_alive: {keep_alive}");
        let connected: Vec<bool> = phases.iter().map(|phases| phases.connect > 0).collect();
        assert_eq!(connected, [true, !keep_alive, !keep_alive]);
        assert!(phases.iter().all(|phases| phases.processing > 0 && phases.tls == 0 && phases.resolve == 0));
    }
}

#[tokio::test]
async fn a_name_is_resolved_and_timed() {
    let server = Server::http(|_| answer("200 OK", &[], "")).await;
    let url = format!("http://localhost:{}", server.address.port());
    let exchange = transport(&url, |_| ()).send(get(&url), LONG).await;
    assert!(exchange.phases.expect("phases").resolve > 0);
    assert_eq!(said(exchange).status, 200);
}

#[tokio::test]
async fn waits_of_the_server_are_in_the_phase_they_belong_to() {
    const HEAD: Duration = Duration::from_millis(30);
    const BODY: Duration = Duration::from_millis(20);
    let server = Server::raw(|mut stream| async move {
        receive(&mut stream).await;
        sleep(HEAD).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n").await;
        sleep(BODY).await;
        let _ = stream.write_all(b"ok").await;
    })
    .await;
    let exchange = transport(&server.url(), |_| ()).send(get(&server.url()), LONG).await;
    let phases = exchange.phases.expect("phases");
    assert!(phases.processing >= HEAD.as_micros() as u64, "{phases:?}");
    assert!(phases.processing + phases.transfer >= (HEAD + BODY).as_micros() as u64, "{phases:?}");
    assert!(phases.transfer > 0 && phases.total() <= exchange.took.as_micros() as u64, "{phases:?}");
}

#[tokio::test]
async fn a_megabyte_in_a_header_goes_out_whole() {
    let server = Server::http(|request| answer("200 OK", &[], &request.header("x-key").len().to_string())).await;
    let mut outgoing = get(&server.url());
    outgoing.header("x-key", &"k".repeat(1 << 20)).expect("a header");
    let answer = said(transport(&server.url(), |_| ()).send(outgoing, LONG).await);
    assert_eq!(answer.body, (1 << 20).to_string().into_bytes());
}

#[test]
fn what_no_header_can_carry_is_told_without_being_shown() {
    let mut outgoing = get("http://a.invalid");
    let failure = outgoing.header("x-key", "se\r\ncret").expect_err("no header");
    assert_eq!((failure.outcome, failure.reason), (Outcome::Invalid, Reason::CredentialUnavailable));
    assert!(!failure.detail.contains("cret"), "{}", failure.detail);
    assert!(outgoing.header("no header", "value").is_err());
    outgoing.header("x-key", "schlüssel").expect("bytes beyond ASCII are carried");
}

#[tokio::test]
async fn a_proxy_gets_the_whole_url_and_tunnels_tls() {
    let proxy = Server::http(|request| match request.line().split(' ').next() {
        Some("CONNECT") => answer("407 Proxy Authentication Required", &[], ""),
        _ => answer("200 OK", &[], request.line()),
    })
    .await;
    let through = |connection: &mut Connection| connection.proxy = Some(proxy.url().parse().expect("a URL"));
    let plain = transport("http://api.invalid", through).send(get("http://api.invalid/a"), LONG).await;
    assert_eq!(said(plain).body, b"GET http://api.invalid/a");
    let tunnel = transport("https://api.invalid", through).send(get("https://api.invalid/a"), LONG).await;
    assert_eq!(failed(tunnel).0, Reason::Connect);
    assert_eq!(proxy.received()[1].line(), "CONNECT api.invalid:443");
}

#[test]
fn another_name_for_tls_and_a_proxy_exclude_each_other() {
    let both = Connection {
        proxy: "http://proxy:3128".parse().ok(),
        server_name: Some("api.example.com".into()),
        ..Connection::default()
    };
    let profile = Profile::new(&Files::default()).expect("a profile");
    let error = Transport::new(profile, both, &"https://10.0.0.1".parse().expect("a URL")).expect_err("both");
    assert!(error.contains("server_name and a proxy"), "{error}");
}

#[test]
fn a_wait_is_told_in_seconds_or_by_a_date_and_is_an_hour_at_most() {
    let now = Timestamp::from_second(784_111_777).expect("in range");
    for (value, expected) in [
        ("120", Some(120)),
        (" 0 ", Some(0)),
        ("999999999", Some(3600)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", None),
        ("Sat, 06 Nov 2094 08:00:00 GMT", Some(3600)),
        ("-5", None),
        ("1e9", None),
        ("soon", None),
        ("99999999999999999999999", None),
    ] {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().expect("a value"))]);
        let answer = Answer { status: 429, headers, body: Vec::new(), truncated: false };
        assert_eq!(answer.retry_after(now).map(|wait| wait.as_secs()), expected, "{value}");
    }
}
