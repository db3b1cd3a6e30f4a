//! A rolling rotation as a prober lives through it: replicas that disagree about a token, then agree again.

use anyhow::Result;
use serde_json::json;

use crate::harness::demo::Demo;
use crate::harness::phase::Phase;

#[tokio::test]
async fn a_rotation_is_seen_replica_by_replica_and_the_key_and_the_login_stay_well() -> Result<()> {
    let demo = Demo::start().await?;
    let daemon = demo.run()?;
    let store = demo.store();
    Phase::begin(&store, "at first all is well").expect(&[]).await?;

    let phase = Phase::begin(&store, "the secret is rotated and no replica uses it");
    let secret = demo.rotate().await?;
    demo.set_secret("signing_secret", &secret)?;
    phase.expect(&[]).await?;

    let phase = Phase::begin(&store, "one replica of three uses the new secret");
    demo.control("/rollout/0", &json!({})).await?;
    // Whether a request meets a replica that agrees with the token is a matter of turns.
    let mixed = [
        ("demo/jwt", "token_rejected|signature_invalid|success"),
        ("demo/jwt-held", "signature_invalid|success"),
        ("demo/can-execute", "token_rejected|signature_invalid|success"),
    ];
    phase.expect(&mixed).await?;

    demo.control("/rollout/1", &json!({})).await?;
    demo.control("/rollout/2", &json!({})).await?;
    let phase = Phase::begin(&store, "all use it");
    phase.expect(&[("demo/jwt-held", "success|signature_invalid")]).await?;
    phase.recover().await?;
    daemon.stop().await?.told(0);
    Ok(())
}
