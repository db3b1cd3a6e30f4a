//! Key sets and signing keys of npm's oidc-provider, found through its metadata.

use anyhow::Result;
use storage::record::ChangeKind;

use crate::harness::probed::Probed;
use crate::servers::issuer::Issuer;

#[tokio::test]
async fn a_rotation_at_a_real_issuer_is_told_step_by_step_with_what_is_wrong_about_it() -> Result<()> {
    let issuer = Issuer::start().await?;
    let probed = Probed::new("issuer.yaml", &issuer.url(), &issuer.credentials())?;
    let daemon = probed.run()?;
    let store = probed.store();
    store.runs(2).await?;

    // A new key signs as soon as it is published, long before verifiers have heard of it.
    issuer.publish(&["b", "a"]).await?;
    let records = store
        .until("the new key and its use", |records| {
            let kinds: Vec<ChangeKind> = records.changes.iter().map(|change| change.kind).collect();
            [ChangeKind::JwksAdd, ChangeKind::SigningSwitch, ChangeKind::Note].iter().all(|kind| kinds.contains(kind))
        })
        .await?;
    let of = |kind: ChangeKind| records.changes.iter().filter(move |change| change.kind == kind);
    assert_eq!(records.changes.len(), 3, "{:#?}", records.changes);
    assert!(records.changes.iter().all(|change| change.keys == ["b"] && change.targets == ["api"]), "{records}");
    assert!(of(ChangeKind::JwksAdd).any(|change| change.summary == "key `b` (RS256) added"));
    let switched = "tokens are signed with `b` (RS256) instead of `a`";
    assert!(of(ChangeKind::SigningSwitch).any(|change| change.summary == switched));
    let early = "verifiers keep a key set for 10m";
    assert!(of(ChangeKind::Note).any(|note| note.summary.ends_with(early)), "{:#?}", records.changes);

    // The old one goes, though its tokens live for a quarter of an hour.
    issuer.publish(&["b"]).await?;
    let records = store.until("the old key gone", |records| records.changes.len() >= 5).await?;
    let gone: Vec<_> = records.changes.iter().filter(|change| change.keys == ["a"]).collect();
    assert!(gone.iter().any(|change| change.summary == "key `a` (RS256) removed"), "{gone:#?}");
    let soon = "tokens live 15m and verifiers keep a key set for 10m";
    assert!(gone.iter().any(|note| note.kind == ChangeKind::Note && note.summary.ends_with(soon)), "{gone:#?}");
    daemon.stop().await?.told(0);
    Ok(())
}
