//! A heartbeat is heard while authprobe works; a test message tells how each receiver answers.

use anyhow::Result;

use super::receivers;
use crate::harness::demo::Demo;
use crate::harness::program::authprobe;
use crate::harness::wait::{Seen, until};
use crate::servers::hook::{Hook, Manner};

#[tokio::test]
async fn a_heartbeat_is_heard_while_the_daemon_works() -> Result<()> {
    let demo = Demo::start().await?;
    let hook = Hook::start(Manner::Takes).await?;
    receivers(&demo, &[format!("{{heartbeat: '{}', every: 10s}}", hook.url("beat"))])?;
    let daemon = demo.run()?;
    until("two beats", async || Ok(Seen::when(hook.got().len() >= 2, (), || format!("{} beats", hook.got().len()))))
        .await?;
    assert!(hook.got()[0].head.starts_with("GET /beat "), "{}", hook.got()[0].head);
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn a_test_message_says_how_each_receiver_answers_and_names_no_url() -> Result<()> {
    let demo = Demo::start().await?;
    let (takes, fails) = (Hook::start(Manner::Takes).await?, Hook::start(Manner::Fails).await?);
    let redirects = Hook::start(Manner::Redirects).await?;
    let lines = [
        format!("{{name: chat, webhook: '{}', template: '{{\"text\": {{{{ summary }}}}}}'}}", takes.url("canary")),
        format!("{{webhook: '{}'}}", fails.url("canary")),
        format!("{{webhook: '{}', headers: {{X-Team: sre}}}}", redirects.url("canary")),
        "{webhook: 'http://127.0.0.1:1/canary'}".to_owned(),
        "{command: [sh, -c, 'cat >&2; exit 7']}".to_owned(),
        format!("{{heartbeat: '{}'}}", takes.url("beat")),
    ];
    receivers(&demo, &lines)?;
    let said = authprobe(demo.dir(), &["alerts", "test"]).await?.with(1);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "1 webhook chat took it");
    assert_eq!(lines[1], "2 webhook did not take it: it answers 500");
    assert!(lines[2].contains("it answers 307: redirects are not followed"), "{said}");
    assert!(lines[3].starts_with("4 webhook did not take it: ") && lines[3].contains("refused"), "{said}");
    assert!(lines[4].starts_with("5 command did not take it: it ended with exit status: 7: {\"schema\":"), "{said}");
    assert_eq!(lines[5], "6 heartbeat took it");
    assert!(!said.contains("canary"), "{said}");
    let got = takes.got();
    assert_eq!(got[0].body["text"], "authprobe: this is a test, nothing is wrong");

    let one = authprobe(demo.dir(), &["alerts", "test", "--receiver", "chat"]).await?.with(0);
    assert_eq!(one.lines().count(), 1);
    authprobe(demo.dir(), &["alerts", "test", "--receiver", "nobody"]).await?.with(2);
    Ok(())
}
