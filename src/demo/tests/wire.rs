//! Faults of the connection do what they say, TLS and HTTP/2 are served, and a stop leaves nothing behind.

use std::time::{Duration, Instant};

use reqwest::Version;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time;

use crate::demo::api::Api;
use crate::demo::fault::Fault;
use crate::demo::state::Settings;
use crate::demo::tests::{Bench, builder, tls};

/// A bound for what must end; never waited for in full unless the test fails.
const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_slow_answer_is_late_by_at_least_what_was_asked() {
    let bench = Bench::start().await;
    bench.api.fault(Fault::Slow { by: Duration::from_millis(80) });
    let before = Instant::now();
    assert_eq!(bench.login().await.status(), 200);
    assert!(before.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn a_hanging_request_is_answered_when_healed() {
    let bench = Bench::start().await;
    bench.api.fault(Fault::Hang);
    let login = bench.login();
    let mut login = std::pin::pin!(login);
    assert!(time::timeout(Duration::from_millis(50), login.as_mut()).await.is_err());
    bench.api.heal();
    assert_eq!(time::timeout(LONG, login).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_connection_closed_early_or_with_garbage_gives_no_answer() {
    let bench = Bench::start().await;
    // The open connection must not hide the fault.
    assert_eq!(bench.login().await.status(), 200);
    for fault in [Fault::CloseEarly, Fault::Garbage] {
        bench.api.fault(fault);
        assert!(bench.get("/api/v1/workflows").send().await.is_err(), "{fault:?}");
        bench.api.heal();
        assert_eq!(bench.login().await.status(), 200);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_had_a_right_head() {
    let bench = Bench::start().await;
    bench.api.fault(Fault::CloseMidBody);
    let answer = bench.login().await;
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.is_err());
}

#[tokio::test]
async fn a_dripping_body_comes_in_many_pieces_and_whole() {
    let bench = Bench::start().await;
    bench.api.fault(Fault::DripBytes { every: Duration::from_millis(1) });
    let mut answer = bench.get("/api/v1/workflows").send().await.unwrap();
    let (mut pieces, mut whole) = (0, Vec::new());
    while let Some(piece) = answer.chunk().await.unwrap() {
        pieces += 1;
        whole.extend_from_slice(&piece);
    }
    assert!(pieces > 5, "{pieces}");
    assert!(serde_json::from_slice::<serde_json::Value>(&whole).is_ok());
}

#[tokio::test]
async fn an_endless_body_goes_on_after_many_megabytes() {
    let bench = Bench::start().await;
    bench.api.fault(Fault::EndlessBody);
    let mut answer = bench.get("/api/v1/workflows").send().await.unwrap();
    let mut read = 0;
    while read < 16 << 20 {
        read += answer.chunk().await.unwrap().expect("the body must not end").len();
    }
}

#[tokio::test]
async fn tls_is_served_and_speaks_http_2() {
    let (config, trusted) = tls();
    let api = Api::start(Settings::default(), Some(config)).await.unwrap();
    let client = builder().tls_certs_only([trusted]).build().unwrap();
    let url = format!("{}/.well-known/jwks.json", api.url());
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    api.fault(Fault::Garbage);
    assert!(client.get(&url).send().await.is_err());
    api.heal();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    time::timeout(LONG, api.stop()).await.unwrap();
}

#[tokio::test]
async fn garbage_is_what_a_raw_client_reads() {
    let bench = Bench::start().await;
    bench.api.fault(Fault::Garbage);
    let address = bench.api.url().trim_start_matches("http://").to_owned();
    let mut raw = TcpStream::connect(address).await.unwrap();
    raw.write_all(b"GET /login HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut read = Vec::new();
    time::timeout(LONG, raw.read_to_end(&mut read)).await.unwrap().unwrap();
    assert!(read.starts_with(b"\x16\x00\xff\xfe this is no HTTP"), "{read:?}");
}

#[tokio::test]
async fn a_dropped_api_answers_no_more() {
    let Bench { api, client } = Bench::start().await;
    let url = api.url().to_owned();
    let tasks = api.tasks();
    assert_eq!(client.get(format!("{url}/login")).send().await.unwrap().status(), 200);
    drop(api);
    tasks.close();
    time::timeout(LONG, tasks.wait()).await.unwrap();
    assert!(client.get(url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn a_stop_ends_even_hanging_requests_and_frees_the_port() {
    let bench = Bench::start().await;
    bench.api.fault(Fault::Hang);
    let Bench { api, client } = bench;
    let url = api.url().to_owned();
    let asking = tokio::spawn({
        let (client, url) = (client.clone(), url.clone());
        async move { client.get(url).send().await }
    });
    while api.counters().endpoints.is_empty() {
        tokio::task::yield_now().await;
    }
    time::timeout(LONG, api.stop()).await.unwrap();
    assert!(time::timeout(LONG, asking).await.unwrap().unwrap().is_err());
    assert!(client.get(url).send().await.unwrap_err().is_connect());
}
