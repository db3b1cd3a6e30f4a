//! Secrets that change, vanish and come back while the daemon runs.

use std::fs;

use anyhow::{Context, Result};
use storage::record::{Change, ChangeKind, Known};

use crate::harness::demo::Demo;
use crate::harness::phase::Phase;
use crate::harness::program::Program;

/// The probes that need the API key.
const NEED_KEY: [(&str, &str); 3] = [
    ("demo/api_key", "credential_unavailable"),
    ("demo/api_key-unknown", "credential_unavailable"),
    ("demo/key-can-execute", "credential_unavailable"),
];

#[tokio::test]
async fn a_secret_that_changes_is_used_by_the_next_run_and_recorded_without_its_value() -> Result<()> {
    let demo = Demo::start().await?;
    let daemon = demo.run()?;
    let store = demo.store();
    Phase::begin(&store, "at first all is well").expect(&[]).await?;

    let phase = Phase::begin(&store, "the key of a user without the role");
    demo.set_secret("api_key", demo.get("reader_api_key"))?;
    let records = phase.expect(&[("demo/key-can-execute", "permission_denied")]).await?;
    let [there] = records.changes.as_slice() else { panic!("one change: {:?}", records.changes) };
    told(there, &demo)?;
    assert_eq!(there.reverts, None);

    let phase = Phase::begin(&store, "the old key again");
    demo.set_secret("api_key", demo.get("api_key"))?;
    let records = phase.recover().await?;
    let back = records.changes.iter().find(|change| change.id != there.id).context("a second change")?;
    told(back, &demo)?;
    assert_eq!(back.reverts.as_ref(), Some(&there.id), "it undoes the first");
    assert_eq!(records.changes.len(), 2);

    let log = daemon.stop().await?.told(0);
    assert!(log.contains("a secret changed") && log.contains("api_key"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_secret_that_is_missing_is_the_probers_own_fault_until_it_appears() -> Result<()> {
    let demo = Demo::start().await?;
    fs::remove_file(demo.path("secrets/api_key"))?;
    let daemon = demo.run()?;
    let store = demo.store();
    let records = Phase::begin(&store, "no key").expect(&NEED_KEY).await?;
    let result = records.of("demo/api_key")[0];
    assert_eq!(result.outcome.as_str(), "invalid");
    assert!(result.detail.as_deref().unwrap_or_default().contains("secrets/api_key"), "{result:?}");
    let phase = Phase::begin(&store, "the key appears");
    demo.set_secret("api_key", demo.get("api_key"))?;
    let records = phase.recover().await?;
    assert_eq!(records.changes, [], "the first value that is seen is no change");
    let log = daemon.stop().await?.told(0);
    assert!(log.contains("secrets/api_key"), "the start tells what cannot be read: {log}");
    Ok(())
}

#[tokio::test]
async fn a_secret_that_is_written_by_halves_is_no_rotation() -> Result<()> {
    let demo = Demo::start().await?;
    let daemon = demo.run()?;
    let store = demo.store();
    Phase::begin(&store, "at first all is well").expect(&[]).await?;
    let file = demo.path("secrets/api_key");
    for (what, half) in [("emptied", ""), ("begun", &demo.get("api_key")[..3]), ("a line end", "\n")] {
        let phase = Phase::begin(&store, what);
        fs::write(&file, half)?;
        phase.expect(&NEED_KEY).await?;
    }
    let phase = Phase::begin(&store, "finished");
    fs::write(&file, format!("{}\r\n", demo.get("api_key")))?;
    let records = phase.recover().await?;
    assert_eq!(records.changes, []);
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn a_secret_may_come_from_the_environment() -> Result<()> {
    let demo = Demo::start().await?;
    let file = demo.path("authprobe.yaml");
    let config = fs::read_to_string(&file)?.replace("{ file: secrets/password }", "{ env: PROBE_PASSWORD }");
    fs::write(&file, config)?;
    let check = || Program::new(demo.dir(), &["check", "--probe", "login"]);
    check().env("PROBE_PASSWORD", demo.get("password")).end().await?.with(0);
    let without = check().end().await?.with(3);
    assert!(without.contains("PROBE_PASSWORD") && without.contains("not set"), "{without}");
    Ok(())
}

/// Checks what a change says, and what it does not.
fn told(change: &Change, demo: &Demo) -> Result<()> {
    assert_eq!((change.kind, change.data_changed), (ChangeKind::Secret, Some(Known::Yes)));
    assert!(change.object.starts_with("File/") && change.object.ends_with("secrets/api_key"), "{change:?}");
    assert_eq!(change.targets, ["demo"]);
    assert!(change.time.is_some() || (change.time_lo.is_some() && change.time_hi.is_some()), "{change:?}");
    let text = serde_json::to_string(change)?;
    for key in [demo.get("api_key"), demo.get("reader_api_key")] {
        assert!(!text.contains(key), "{text}");
    }
    let print = change.summary.rsplit(' ').next().unwrap_or_default();
    assert!(
        print.len() == 12 && print.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "a fingerprint: {}",
        change.summary
    );
    Ok(())
}
