//! A source of changes that goes blind is told, and that it sees again.

use std::fs;
use std::time::Duration;

use anyhow::Result;

use super::{events, heard, receivers};
use crate::harness::demo::Demo;
use crate::harness::wait::{Seen, until, until_within};
use crate::servers::alertmanager::Alertmanager;
use crate::servers::hook::{Hook, Manner};

#[tokio::test]
#[ignore = "two minutes pass before a blind source is told: tests/long.sh runs it"]
async fn a_blind_source_fires_in_alertmanager_and_is_resolved_when_it_sees_again() -> Result<()> {
    let (demo, alertmanager) = (Demo::start().await?, Alertmanager::start().await?);
    let (keys, chat) = (Hook::start(Manner::Fails).await?, Hook::start(Manner::Takes).await?);
    let file = demo.path("authprobe.yaml");
    let changes = format!("changes:\n  jwks: [{{ url: '{}', every: 1s }}]\n", keys.url("jwks.json"));
    fs::write(&file, fs::read_to_string(&file)? + &changes)?;
    let lines = [
        format!("{{alertmanager: '{}', every: 10s, send: [feed]}}", alertmanager.url()),
        format!("{{webhook: '{}', send: [feed]}}", chat.url("x")),
    ];
    receivers(&demo, &lines)?;
    let mut daemon = demo.run()?;
    let alert = until_within(Duration::from_secs(160), "the blind source in Alertmanager", async || {
        let firing = alertmanager.firing().await?;
        Ok(firing.into_iter().next().map_or_else(|| Seen::NotYet("nothing fires".into()), Seen::Done))
    })
    .await?;
    let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default();
    assert_eq!((label("alertname"), label("feed"), label("severity")), ("AuthprobeFeedBlind", "jwks", "ticket"));
    assert_eq!(alert["annotations"]["link"], format!("{}/changes", daemon.listens().await?));
    heard(&chat, "opened").await?;
    keys.becomes(Manner::Keys);
    // It looks at what does not answer with pauses that have grown to a minute, and a little off.
    until_within(Duration::from_secs(150), "a message that it sees", async || {
        let got = events(&chat.got());
        Ok(Seen::when(got.iter().any(|(_, event)| event == "closed"), (), || format!("{got:?}")))
    })
    .await?;
    until("its end in Alertmanager", async || {
        let firing = alertmanager.firing().await?;
        Ok(Seen::when(firing.is_empty(), (), || format!("{firing:?}")))
    })
    .await?;
    daemon.stop().await?.told(0);
    Ok(())
}
