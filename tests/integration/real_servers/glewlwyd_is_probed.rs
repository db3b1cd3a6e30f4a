//! `authprobe run` against a real glewlwyd through everything that its administrator can do wrong.

use anyhow::{Context, Result};
use serde_json::Value;
use storage::record::{ChangeKind, Known};

use crate::harness::phase::Phase;
use crate::harness::probed::{Probed, has};
use crate::harness::program::authprobe;
use crate::servers::glewlwyd::{Glewlwyd, INSPECT, USER};

#[tokio::test]
async fn each_fault_of_glewlwyd_is_recorded_with_its_reason_and_nothing_else_is() -> Result<()> {
    let mut server = Glewlwyd::start().await?;
    let probed = Probed::new("glewlwyd.yaml", &server.url(), &server.credentials())?;
    let store = probed.store();
    let daemon = probed.run()?;

    Phase::begin(&store, "at first all is well").expect(&[]).await?;

    wrong_password(&mut server, &probed).await?;
    revoked_key(&server, &probed).await?;
    rotated_secret(&mut server, &probed).await?;
    removed_permission(&server, &probed).await?;
    server_down(&mut server, &probed).await?;

    daemon.stop().await?.told(0);
    let [slo, incidents, timeline] = probed.report(0).await?;
    assert_eq!(slo["slos"], Value::Array(Vec::new()), "no objective is configured");
    let incidents = incidents["incidents"].as_array().cloned().unwrap_or_default();
    assert!(!incidents.is_empty());
    for incident in &incidents {
        has(
            incident,
            &["id", "severity", "start", "end", "detected_at", "closed_at", "episodes", "healthy", "verdict"],
        )?;
        has(
            incident,
            &["causes", "none_probability", "background", "blind_spots", "mitigation", "durations_s", "budget"],
        )?;
    }
    for item in timeline["items"].as_array().into_iter().flatten() {
        has(item, &["at", "known_at", "kind", "role", "title", "detail", "target", "evidence"])?;
    }
    Ok(())
}

#[tokio::test]
async fn a_check_of_glewlwyd_passes_and_fails_with_the_exit_code() -> Result<()> {
    let mut server = Glewlwyd::start().await?;
    let probed = Probed::new("glewlwyd.yaml", &server.url(), &server.credentials())?;
    // One target after the other: of two logins at the same moment this server fails one now and then, with a 500
    // and "Error executing sql query" in its log.
    for target in ["glewlwyd", "glewlwyd-session"] {
        let healthy = authprobe(probed.dir(), &["check", "--target", target]).await?.with(0);
        assert!(healthy.contains(" success") && !healthy.contains("failure"), "{healthy}");
    }
    server.change_password("glewlwyd-second-password").await?;
    let failed = authprobe(probed.dir(), &["check", "--target", "glewlwyd"]).await?.with(1);
    assert!(failed.contains("login_rejected"), "{failed}");
    Ok(())
}

async fn wrong_password(server: &mut Glewlwyd, probed: &Probed) -> Result<()> {
    let store = probed.store();
    let phase = Phase::begin(&store, "the user's password is another one");
    server.change_password("glewlwyd-second-password").await?;
    phase
        .expect(&[
            // After five rejections the login stops, so that the account is not locked.
            ("glewlwyd/login", "login_rejected|no_token"),
            ("glewlwyd/jwt", "no_token"),
            ("glewlwyd/can-inspect", "no_token"),
            ("glewlwyd-session/login", "login_rejected|no_token"),
            ("glewlwyd-session/can-see-own-profile", "no_token"),
            ("glewlwyd-session/cannot-list-users", "no_token"),
        ])
        .await?;
    let phase = Phase::begin(&store, "the prober is told the password");
    let password = server.credentials()[1].1.to_owned();
    probed.set_secret("password", &password)?;
    let records = phase.recover().await?;
    let change = records.changes.iter().find(|change| change.object.ends_with("/password"));
    let change = change.context("the change of the prober's own secret is recorded")?;
    assert_eq!((change.kind, change.data_changed), (ChangeKind::Secret, Some(Known::Yes)));
    assert!(!format!("{change:?}").contains("second-password"), "{change:?}");
    Ok(())
}

async fn revoked_key(server: &Glewlwyd, probed: &Probed) -> Result<()> {
    let store = probed.store();
    let phase = Phase::begin(&store, "the API key is revoked");
    server.revoke_key(server.api_key()).await?;
    phase.expect(&[("glewlwyd/api_key", "api_key_rejected")]).await?;
    let phase = Phase::begin(&store, "the prober is given another key");
    probed.set_secret("api_key", &server.create_key().await?.key)?;
    phase.recover().await?;
    Ok(())
}

async fn rotated_secret(server: &mut Glewlwyd, probed: &Probed) -> Result<()> {
    let store = probed.store();
    let secret = "glewlwyd-second-secret-64-characters-long-0123456789abcdef012345";
    let phase = Phase::begin(&store, "the secret is rotated and not in force");
    server.rotate_secret(secret).await?;
    probed.set_secret("jwt_secret", secret)?;
    phase.expect(&[]).await?;
    let phase = Phase::begin(&store, "the secret is in force after the reset");
    server.reset_plugin().await?;
    // A held token that is refused three times is replaced by a new one.
    phase.expect(&[("glewlwyd/jwt-held", "signature_invalid|success")]).await?;
    phase.recover().await?;
    Ok(())
}

async fn removed_permission(server: &Glewlwyd, probed: &Probed) -> Result<()> {
    let store = probed.store();
    let phase = Phase::begin(&store, "the scope is taken from the user");
    server.remove_scope(USER, INSPECT).await?;
    phase.expect(&[("glewlwyd/can-inspect", "permission_denied")]).await?;
    let phase = Phase::begin(&store, "the scope is given back");
    server.grant_scope(USER, INSPECT).await?;
    phase.recover().await?;
    Ok(())
}

async fn server_down(server: &mut Glewlwyd, probed: &Probed) -> Result<()> {
    let store = probed.store();
    let phase = Phase::begin(&store, "the server is down");
    server.stop();
    phase
        .expect(&[
            ("glewlwyd/login", "connect"),
            ("glewlwyd/jwt", "no_token"),
            ("glewlwyd/jwt-held", "connect"),
            ("glewlwyd/jwt-tampered", "connect"),
            ("glewlwyd/jwt-expired", "connect"),
            ("glewlwyd/jwt-wrong_key", "connect"),
            ("glewlwyd/jwt-alg_none", "connect"),
            ("glewlwyd/api_key", "connect"),
            ("glewlwyd/api_key-unknown", "connect"),
            ("glewlwyd/api_key-revoked", "connect"),
            ("glewlwyd/can-inspect", "no_token"),
            ("glewlwyd/guest-cannot-inspect", "no_token"),
            ("glewlwyd/anonymous-cannot-list-users", "connect"),
            ("glewlwyd/login-unprivileged", "connect"),
            ("glewlwyd-session/login", "connect"),
            ("glewlwyd-session/can-see-own-profile", "no_token"),
            ("glewlwyd-session/cannot-list-users", "no_token"),
        ])
        .await?;
    let phase = Phase::begin(&store, "the server is up again");
    server.restart().await?;
    phase.recover().await?;
    Ok(())
}
