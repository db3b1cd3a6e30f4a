//! Pages: what they show of what is recorded, who may see them, and that nothing from outside is obeyed.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::harness::demo::Demo;
use crate::harness::program::Program;
use crate::harness::wait::{Seen, until};
use crate::harness::web::Web;
use crate::servers::http::{Answer, Header};
use crate::web::taking::{TOKEN, Taking};

/// Every page, with what it is asked for.
const PAGES: [&str; 10] = [
    "/",
    "/?last=90d&page=2",
    "/target?target=demo",
    "/incidents",
    "/changes?last=7d",
    "/slos",
    "/results?probe=login&outcome=success",
    "/search?q=login",
    "/live",
    "/results?from=2026-01-01&until=2026-01-02",
];
const FORM: Header<'_> = ("Content-Type", "application/x-www-form-urlencoded");
const WAY_OUT: &str = "<form class=\"out\" method=\"post\" action=\"/logout\">";
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{1b}[31m\u{202e}=cmd|'/c calc'!A1";

#[tokio::test]
async fn every_page_is_there_and_may_do_nothing_but_show() -> Result<()> {
    let taking = Taking::start().await?;
    until("a judgement of results", async || {
        let page = taking.web.get("/", &[]).await?.body;
        Ok(Seen::when(page.contains("No incident is open") && page.contains("jwt-held"), (), || page))
    })
    .await?;
    for page in PAGES {
        let answer = taking.web.get(page, &[]).await?;
        assert_eq!(answer.status, 200, "{page}: {}", answer.body);
        assert!(answer.body.starts_with("<!DOCTYPE html>") && !answer.body.contains(" style="), "{page}");
        assert!(!answer.body.contains("<script>"), "{page}");
        assert!(answer.policy.contains("default-src 'none'") && !answer.policy.contains("unsafe"), "{page}");
    }
    for (page, status) in [
        ("/target?target=nobody", 404),
        ("/incident?id=i-0", 404),
        ("/nowhere", 404),
        ("/results?outcome=maybe", 400),
        ("/?last=yesterday", 400),
        ("/?from=2026-01-02&until=2026-01-01", 400),
    ] {
        assert_eq!(taking.web.get(page, &[]).await?.status, status, "{page}");
    }
    Ok(())
}

#[tokio::test]
async fn what_comes_from_outside_is_shown_and_not_obeyed() -> Result<()> {
    let taking = Taking::start().await?;
    let long = format!("{HOSTILE}{}", "x".repeat(100_000));
    let change = json!({"id": HOSTILE, "time": jiff::Timestamp::now(), "kind": "deploy", "object": long,
        "summary": HOSTILE, "actor": HOSTILE, "source": HOSTILE, "targets": ["demo", HOSTILE]});
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Content-Type", "application/json"), ("Authorization", bearer.as_str())];
    assert_eq!(taking.web.post("/api/v1/changes", &headers, &change.to_string()).await?.status, 202);
    taking.stored(HOSTILE, 1).await?;
    for page in ["/changes", "/search?q=alert", "/target?target=demo"] {
        let shown = until("the change", async || {
            let body = taking.web.get(page, &[]).await?.body;
            Ok(Seen::when(body.contains("alert(1)"), body.clone(), || body))
        })
        .await?;
        assert!(!shown.contains("<script>alert") && !shown.contains("<img"), "{page}");
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{page}");
        assert!(shown.len() < 60_000, "{page} has {} bytes", shown.len());
    }
    let asked = taking.web.get("/search?q=%3Cscript%3Ealert(1)%22%27%3E&target=%22%3E%3Cimg%3E", &[]).await?;
    assert!(!asked.body.contains("<script>") && !asked.body.contains("<img"), "{}", asked.body);
    Ok(())
}

#[tokio::test]
async fn where_nobody_logs_in_there_is_no_way_out() -> Result<()> {
    let taking = Taking::start().await?;
    assert!(!taking.web.get("/", &[]).await?.body.contains(WAY_OUT));
    Ok(())
}

#[tokio::test]
async fn a_site_whose_name_was_made_to_lead_here_reads_nothing() -> Result<()> {
    let taking = Taking::start().await?;
    for path in ["/", "/api/v1/results"] {
        assert_eq!(taking.web.get(path, &[("Host", "evil.example")]).await?.status, 421, "{path}");
        assert_eq!(taking.web.get(path, &[("Host", "localhost:1")]).await?.status, 200, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn on_another_address_than_loopback_a_reader_logs_in() -> Result<()> {
    let demo = Demo::start().await?;
    fs::write(demo.path("secrets/api-token"), TOKEN)?;
    let config = fs::read_to_string(demo.path("authprobe.yaml"))?;
    fs::write(demo.path("authprobe.yaml"), format!("{config}api_token: {{ file: secrets/api-token }}\n"))?;
    let mut daemon = Program::new(demo.dir(), &["run", "--listen", "0.0.0.0:0"]).start()?;
    let web = Web::of(&mut daemon).await?;
    web.ready().await?;
    assert_eq!(web.get("/", &[]).await?.status, 303);
    assert_eq!(web.get("/live/events", &[]).await?.status, 303);
    let refused = web.get("/api/v1/targets", &[]).await?;
    assert_eq!((refused.status, refused.challenge.as_str()), (401, "Bearer"));
    assert_eq!(web.get("/login", &[]).await?.status, 200);
    assert_eq!(web.post("/login", &[FORM], "token=something-else").await?.status, 401);
    let right = format!("token={TOKEN}");
    let foreign: [Header<'_>; 2] = [FORM, ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(web.post("/login", &foreign, &right).await?.status, 403);
    let entered = web.post("/login", &[FORM], &right).await?;
    assert_eq!(entered.status, 303);
    let cookie: &str = &entered.cookie;
    assert!(!cookie.contains(TOKEN) && !cookie.is_empty(), "{cookie}");
    let inside = web.get("/", &[("Cookie", cookie)]).await?;
    assert_eq!((inside.status, inside.body.contains(WAY_OUT)), (200, true));
    // A session reads; what writes takes the token itself.
    let change = r#"{"kind":"deploy","object":"x","time":"2026-11-01T00:00:00Z"}"#;
    let headers = [("Content-Type", "application/json"), ("Cookie", cookie)];
    assert_eq!(web.post("/api/v1/changes", &headers, change).await?.status, 401);
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(web.get("/api/v1/targets", &[("Authorization", &bearer)]).await?.status, 200);
    assert_eq!(web.post("/logout", &[("Cookie", cookie)], "").await?.status, 303);
    assert_eq!(web.get("/", &[("Cookie", cookie)]).await?.status, 303);
    Ok(())
}

#[tokio::test]
async fn results_are_read_page_by_page_and_each_once() -> Result<()> {
    let taking = Taking::start().await?;
    let store = taking.demo.store();
    let stored = store.until("some results", |records| records.results.len() > 40).await?;
    let last = stored.results.iter().map(|result| result.time).max().context("a result")?;
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let path = format!("/api/v1/results?from=2026-01-01&until={last}&limit=7{cursor}");
        let answer = taking.web.get(&path, &[]).await?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let page: Value = serde_json::from_str(&answer.body)?;
        let results = page["results"].as_array().context("an array")?;
        assert!(results.len() <= 7);
        seen.extend(results.iter().map(|one| format!("{} {} {}", one["time"], one["target"], one["probe"])));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let expected = stored.results.iter().filter(|result| result.time < last).count();
    assert_eq!(seen.len(), expected);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), expected);
    Ok(())
}

#[tokio::test]
async fn everything_of_the_api_is_there_and_a_mistake_is_told_as_a_problem() -> Result<()> {
    let taking = Taking::start().await?;
    until("a judgement", async || {
        let answer = taking.web.get("/api/v1/slos", &[]).await?;
        Ok(Seen::when(answer.status == 200, (), || answer.body))
    })
    .await?;
    for name in ["targets", "results", "changes", "incidents", "slos", "timeline", "openapi.json"] {
        let answer: Answer = taking.web.get(&format!("/api/v1/{name}"), &[]).await?;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        serde_json::from_str::<Value>(&answer.body)?;
        if name != "openapi.json" {
            for wrong in ["limit=0", "limit=x", "limit=1001", "cursor=x", "nothing=1"] {
                let answer = taking.web.get(&format!("/api/v1/{name}?{wrong}"), &[]).await?;
                let told: Value = serde_json::from_str(&answer.body)?;
                assert_eq!((answer.status, &told["status"]), (400, &json!(400)), "{name}?{wrong}");
            }
        }
    }
    let answer = taking.web.post("/api/v1/targets", &[], "").await?;
    assert_eq!(serde_json::from_str::<Value>(&answer.body)?["status"], 405);
    Ok(())
}

#[tokio::test]
async fn ten_thousand_requests_for_pages_make_no_probe_late() -> Result<()> {
    let taking = Taking::start().await?;
    let sending = (0..10).map(|client| {
        let web = &taking.web;
        async move {
            let mut statuses = Vec::new();
            for number in 0..1000 {
                // Each asks for something else, so that nothing is answered from memory.
                let path = format!("/?last={}s", 1 + client * 1000 + number);
                statuses.push(web.get(&path, &[]).await?.status);
            }
            Ok::<_, anyhow::Error>(statuses)
        }
    });
    let statuses = futures_util::future::try_join_all(sending).await?.concat();
    assert!(statuses.iter().all(|status| [200, 429, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200));
    let stopped = taking.daemon.stop().await?;
    assert!(stopped.err.contains("stopped: "), "{}", stopped.err);
    let records = taking.demo.store().records().await?;
    let skipped =
        records.results.iter().filter(|result| result.reason == Some(storage::record::Reason::Overlap)).count();
    assert_eq!(skipped, 0);
    Ok(())
}
