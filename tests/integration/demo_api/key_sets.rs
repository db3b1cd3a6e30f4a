//! Tokens that are signed with a private key, and the set of public keys that says whether they are good.

use anyhow::Result;
use serde_json::{Value, json};
use storage::record::ChangeKind::{self, JwksAdd, JwksRemove, SigningSwitch};

use crate::harness::demo::Demo;
use crate::harness::phase::Phase;
use crate::harness::program::authprobe;

#[tokio::test]
async fn tokens_of_each_family_verify_against_the_published_keys() -> Result<()> {
    let demo = Demo::start().await?;
    demo.configure("demo-key-set.yaml", demo.url())?;
    for signing in ["rs256", "es256", "eddsa"] {
        sign_with(&demo, Some(signing)).await?;
        authprobe(demo.dir(), &["check"]).await?.with(0);
    }
    // A shared secret is not among the algorithms, and no key set can hold it.
    sign_with(&demo, Some("hs256")).await?;
    assert_eq!(reason(&demo, "jwt").await?, "signature_invalid");
    Ok(())
}

#[tokio::test]
async fn a_key_that_is_not_published_is_key_unknown() -> Result<()> {
    let demo = Demo::start().await?;
    demo.configure("demo-key-set.yaml", demo.url())?;
    sign_with(&demo, Some("rs256")).await?;
    demo.fault(&json!({"fault": "unknown_kid"})).await?;
    assert_eq!(reason(&demo, "jwt").await?, "key_unknown");
    Ok(())
}

#[tokio::test]
async fn a_rotated_key_is_fetched_when_it_is_met_and_held_tokens_are_told_apart() -> Result<()> {
    let demo = Demo::start().await?;
    demo.configure("demo-key-set.yaml", demo.url())?;
    sign_with(&demo, Some("es256")).await?;
    let daemon = demo.run()?;
    let store = demo.store();
    Phase::begin(&store, "at first all is well").expect(&[]).await?;
    let phase = Phase::begin(&store, "another key signs, the old one is not published any more");
    sign_with(&demo, None).await?;
    phase.expect(&[("demo/jwt-held", "key_unknown|success")]).await?;
    phase.recover().await?;
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn a_rotation_tells_which_keys_came_and_went_and_which_one_signs() -> Result<()> {
    let demo = Demo::start().await?;
    demo.configure("demo-key-set.yaml", demo.url())?;
    sign_with(&demo, Some("rs256")).await?;
    let daemon = demo.run()?;
    let store = demo.store();
    store.runs(2).await?;
    demo.control("/rotate", &json!({})).await?;
    store.until("the new key", |records| records.changes.iter().any(|change| change.kind == JwksAdd)).await?;
    for replica in 0..3 {
        demo.control(&format!("/rollout/{replica}"), &json!({})).await?;
    }
    let wanted = [JwksAdd, SigningSwitch, JwksRemove];
    let records = store
        .until("the switch and the old key's end", |records| {
            wanted.iter().all(|kind| records.changes.iter().any(|change| change.kind == *kind))
        })
        .await?;
    let told = |kind: ChangeKind| {
        let of_kind: Vec<_> = records.changes.iter().filter(|change| change.kind == kind).collect();
        assert!(of_kind.iter().all(|change| change.targets == ["demo"]), "{of_kind:#?}");
        of_kind.iter().map(|change| change.summary.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(JwksAdd), ["key `demo-3` (RS256) added"]);
    assert_eq!(told(SigningSwitch), ["tokens are signed with `demo-3` (RS256) instead of `demo-2`"]);
    assert_eq!(told(JwksRemove), ["key `demo-2` (RS256) removed"]);
    daemon.stop().await?.told(0);
    Ok(())
}

/// Rotates to a key of a kind, or another of the same, and rolls it out to every replica.
async fn sign_with(demo: &Demo, signing: Option<&str>) -> Result<()> {
    demo.control("/rotate", &signing.map_or(json!({}), |signing| json!({ "signing": signing }))).await?;
    for replica in 0..3 {
        demo.control(&format!("/rollout/{replica}"), &json!({})).await?;
    }
    Ok(())
}

/// The reason of one probe in a check that fails.
async fn reason(demo: &Demo, probe: &str) -> Result<String> {
    let page = authprobe(demo.dir(), &["check", "--format", "json"]).await?.with(1);
    let json: Value = serde_json::from_str(&page)?;
    let result = json["results"].as_array().into_iter().flatten().find(|result| result["probe"] == probe);
    Ok(result.and_then(|result| result["reason"].as_str()).unwrap_or("success").to_owned())
}
