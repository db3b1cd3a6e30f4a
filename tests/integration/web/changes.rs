//! Changes that are posted: who may, what is taken, and that neither content nor token does harm.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::canary::hunt::Hunt;
use crate::harness::demo::Demo;
use crate::harness::program::authprobe;
use crate::harness::web::Web;
use crate::servers::http::Header;
use crate::web::taking::{TOKEN, Taking};

const PATH: &str = "/api/v1/changes";
const NDJSON: Header<'_> = ("Content-Type", "application/x-ndjson");
const RIGHT: Header<'_> = ("Authorization", "Bearer Vq4TOKEN8CANARY2zM");

fn deploy(id: &str) -> Value {
    json!({"id": id, "time": "2026-11-01T00:00:00Z", "kind": "deploy", "object": "Deployment/prod/api"})
}

#[tokio::test]
async fn a_change_is_taken_from_who_has_the_token_and_from_nobody_else() -> Result<()> {
    let taking = Taking::start().await?;
    let body = deploy("c-1").to_string();
    let answer = taking.web.post(PATH, &[NDJSON], &body).await?;
    assert_eq!((answer.status, answer.challenge.as_str()), (401, "Bearer"));
    let answer = taking.web.post(PATH, &[NDJSON, ("Authorization", "Bearer something-else")], &body).await?;
    assert_eq!((answer.status, answer.challenge.as_str()), (401, "Bearer"));
    let answer = taking.web.post(PATH, &[NDJSON, RIGHT], &body).await?;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(serde_json::from_str::<Value>(&answer.body)?, json!({"accepted": 1, "refused": []}));
    assert_eq!(taking.stored("api", 1).await?[0].id, "c-1");
    Ok(())
}

#[tokio::test]
async fn without_a_token_in_the_configuration_nobody_may_and_is_told_what_to_do() -> Result<()> {
    let demo = Demo::start().await?;
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    let answer = web.post(PATH, &[NDJSON, RIGHT], &deploy("c-1").to_string()).await?;
    assert!(answer.status == 403 && answer.body.contains("api_token"), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn who_guesses_tokens_is_stopped() -> Result<()> {
    let taking = Taking::start().await?;
    let mut seen = Vec::new();
    for guess in 0..12 {
        let bearer = format!("Bearer guess-number-{guess}");
        seen.push(taking.web.post(PATH, &[NDJSON, ("Authorization", &bearer)], "{}").await?.status);
    }
    assert_eq!(seen, [401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 429, 429]);
    Ok(())
}

#[tokio::test]
async fn a_new_token_is_in_force_without_a_restart() -> Result<()> {
    let taking = Taking::start().await?;
    taking.demo.set_secret("api-token", "a-newer-token-of-the-api")?;
    let body = deploy("c-1").to_string();
    assert_eq!(taking.web.post(PATH, &[NDJSON, RIGHT], &body).await?.status, 401);
    let newer = ("Authorization", "Bearer a-newer-token-of-the-api");
    assert_eq!(taking.web.post(PATH, &[NDJSON, newer], &body).await?.status, 202);
    Ok(())
}

#[tokio::test]
async fn a_line_that_is_none_is_told_and_the_others_are_taken() -> Result<()> {
    let taking = Taking::start().await?;
    let body = format!("{}\nnot JSON\n\n{}\n{{\"kind\":\"rumour\"}}\n", deploy("c-1"), deploy("c-2"));
    let answer = taking.web.post(PATH, &[NDJSON, RIGHT], &body).await?;
    assert_eq!(answer.status, 400);
    let told: Value = serde_json::from_str(&answer.body)?;
    assert_eq!(told["accepted"], 2, "{told}");
    assert_eq!((&told["refused"][0]["line"], &told["refused"][1]["line"]), (&json!(2), &json!(5)), "{told}");
    taking.stored("api", 2).await?;
    Ok(())
}

#[tokio::test]
async fn the_same_change_posted_again_adds_nothing_with_and_without_an_id() -> Result<()> {
    let taking = Taking::start().await?;
    let mut without = deploy("");
    without.as_object_mut().into_iter().for_each(|fields| drop(fields.remove("id")));
    for _ in 0..3 {
        let body = format!("{}\n{without}\n", deploy("c-1"));
        assert_eq!(taking.web.post(PATH, &[NDJSON, RIGHT], &body).await?.status, 202);
    }
    assert_eq!(taking.web.post(PATH, &[NDJSON, RIGHT], &deploy("c-last").to_string()).await?.status, 202);
    taking.stored("api", 3).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_too_much_or_of_another_form_is_refused() -> Result<()> {
    let taking = Taking::start().await?;
    let long = json!({"kind": "note", "object": "x", "time": "2026-11-01T00:00:00Z", "summary": "x".repeat(2 << 20)});
    assert_eq!(taking.web.post(PATH, &[NDJSON, RIGHT], &long.to_string()).await?.status, 413);
    let many = format!("{}\n", deploy("c")).repeat(1001);
    assert_eq!(taking.web.post(PATH, &[NDJSON, RIGHT], &many).await?.status, 413);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let answer = taking.web.post(PATH, &[form, RIGHT], "{}").await?;
    assert!(answer.status == 415 && answer.body.contains("application/json"), "{answer:?}");
    assert_eq!(taking.web.post(PATH, &[NDJSON, RIGHT], "").await?.status, 400);
    assert_eq!(taking.web.get("/api/v1/changes/flux", &[RIGHT]).await?.status, 405);
    taking.stored("api", 0).await?;
    Ok(())
}

#[tokio::test]
async fn hostile_content_is_kept_and_shown_harmless() -> Result<()> {
    let taking = Taking::start().await?;
    let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}<script>alert(1)</script>\r\nsecond\u{9b}31m line\u{0}";
    let change = json!({"id": format!("id{hostile}"), "time": "2026-11-01T00:00:00Z", "kind": "note", "summary": hostile,
        "object": format!("Secret/{hostile}"), "targets": [hostile], "actor": hostile, "revision": hostile,
        "keys": [hostile], "mounts": [{"workload": hostile, "how": "env"}]});
    assert_eq!(taking.web.post(PATH, &[NDJSON, RIGHT], &change.to_string()).await?.status, 202);
    taking.stored("api", 1).await?;
    let shown = authprobe(taking.demo.dir(), &["changes", "list"]).await?.with(0);
    assert!(shown.contains("<script>"), "{shown}");
    ensure!(!shown.chars().any(|one| one.is_control() && one != '\n'), "{shown:?}");
    Ok(())
}

#[tokio::test]
async fn the_token_is_nowhere_but_in_its_file() -> Result<()> {
    let taking = Taking::start().await?;
    assert_eq!(taking.web.post(PATH, &[NDJSON, RIGHT], &deploy("c-1").to_string()).await?.status, 202);
    assert_eq!(taking.web.post(PATH, &[NDJSON, ("Authorization", &format!("Basic {TOKEN}"))], "{}").await?.status, 401);
    let dir = taking.demo.dir();
    fs::write(dir.join("metrics"), taking.web.get("/metrics", &[]).await?.body)?;
    taking.stored("api", 1).await?;
    let mut hunt = Hunt::default();
    hunt.add("the token", TOKEN);
    let (_, while_running) = hunt.search(dir, "secrets")?;
    ensure!(while_running.is_empty(), "{while_running:?}");
    let Taking { demo, daemon, .. } = taking;
    let ended = daemon.stop().await?;
    fs::write(demo.path("log"), ended.err)?;
    let (files, found) = hunt.search(demo.dir(), "secrets")?;
    ensure!(files > 3 && found.is_empty(), "{files} files: {found:?}");
    Ok(())
}
