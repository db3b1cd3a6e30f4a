//! Redirects: followed as far as the settings say, credentials never beyond the origin.

use super::*;

/// A server that redirects `/STATUS/...` to the rest of the path, `/loop` to itself, and answers everything else.
async fn redirecting() -> Server {
    Server::http(|request| {
        let path = request.line().split(' ').nth(1).unwrap_or_default().to_owned();
        let to = |status: &str, place: &str| answer(&format!("{status} Moved"), &[&format!("location: {place}")], "");
        match path.trim_start_matches('/').split_once('/') {
            Some((status @ ("301" | "302" | "303" | "307" | "308"), rest)) => to(status, &format!("/{rest}")),
            _ if path == "/loop" => to("302", "/loop"),
            _ if path == "/file" => to("302", "file:///etc/passwd"),
            _ => answer("200 OK", &[], "there"),
        }
    })
    .await
}

fn post(url: &str) -> Outgoing {
    let mut outgoing = Outgoing::new(Method::POST, url.parse().expect("a URL"));
    outgoing.body = b"password=secret".to_vec();
    outgoing.header("content-type", "application/x-www-form-urlencoded").expect("a header");
    outgoing.header("authorization", "Bearer secret").expect("a header");
    outgoing
}

#[tokio::test]
async fn a_redirect_is_an_answer_unless_following_is_asked_for() {
    let server = redirecting().await;
    let url = format!("{}/302/there", server.url());
    assert_eq!(said(transport(&url, |_| ()).send(get(&url), LONG).await).status, 302);
    assert_eq!(said(transport(&url, |connection| connection.redirects = 1).send(get(&url), LONG).await).status, 200);
}

#[tokio::test]
async fn a_redirect_for_ever_ends_at_the_limit() {
    let server = redirecting().await;
    let url = format!("{}/loop", server.url());
    let exchange = transport(&url, |connection| connection.redirects = 5).send(get(&url), LONG).await;
    assert!(exchange.phases.expect("phases").total() <= exchange.took.as_micros() as u64);
    assert_eq!(said(exchange).status, 302);
    assert_eq!(server.count("GET /loop"), 6);
}

#[tokio::test]
async fn the_phases_are_those_of_all_requests_together() {
    const EACH: Duration = Duration::from_millis(20);
    let server = Server::raw(|mut stream| async move {
        receive(&mut stream).await;
        sleep(EACH).await;
        let again = answer("302 Found", &["location: /again", "connection: close"], "");
        let _ = stream.write_all(again.as_bytes()).await;
    })
    .await;
    let exchange = transport(&server.url(), |connection| connection.redirects = 3).send(get(&server.url()), LONG).await;
    let phases = exchange.phases.expect("phases");
    assert!(phases.processing >= (EACH * 4).as_micros() as u64, "{phases:?}");
    assert!(phases.total() <= exchange.took.as_micros() as u64, "{phases:?}");
}

#[tokio::test]
async fn a_followed_post_becomes_a_get_or_stays_as_it_is() {
    let server = redirecting().await;
    let transport = transport(&server.url(), |connection| connection.redirects = 2);
    for (status, line, body) in [
        (301, "GET /301", ""),
        (302, "GET /302", ""),
        (303, "GET /303", ""),
        (307, "POST /307", "password=secret"),
        (308, "POST /308", "password=secret"),
    ] {
        let url = format!("{}/{status}/{status}", server.url());
        assert_eq!(said(transport.send(post(&url), LONG).await).status, 200);
        let received = server.received();
        let last = &received[received.len() - 1];
        assert_eq!((last.line(), last.body.as_str()), (line, body));
        assert_eq!(last.header("authorization"), "Bearer secret", "the origin is the same");
        assert_eq!(last.header("content-type").is_empty(), body.is_empty());
    }
}

#[tokio::test]
async fn credentials_do_not_leave_the_origin() {
    let elsewhere = Server::http(|_| answer("200 OK", &[], "")).await;
    for status in [302, 307] {
        let place = format!("location: {}/landing", elsewhere.url());
        let server = Server::http(move |_| answer(&format!("{status} Moved"), &[&place], "")).await;
        let transport = transport(&server.url(), |connection| connection.redirects = 1);
        assert_eq!(said(transport.send(post(&server.url()), LONG).await).status, 200);
    }
    assert_eq!(elsewhere.received().len(), 2);
    for landed in elsewhere.received() {
        let all = format!("{}{}", landed.head, landed.body);
        assert!(!all.contains("secret"), "{all}");
        assert!(landed.header("user-agent").starts_with("authprobe/"));
    }
}

#[tokio::test]
async fn only_http_is_followed() {
    let server = redirecting().await;
    let url = format!("{}/file", server.url());
    let answer = said(transport(&url, |connection| connection.redirects = 3).send(get(&url), LONG).await);
    assert_eq!(answer.status, 302);
}
