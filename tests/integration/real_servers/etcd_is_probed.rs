//! `authprobe run` against a real etcd through everything that its administrator can do wrong.

use anyhow::Result;
use serde_json::Value;

use crate::harness::phase::Phase;
use crate::harness::probed::{Probed, has};
use crate::harness::program::authprobe;
use crate::servers::etcd::Etcd;

#[tokio::test]
async fn each_fault_of_etcd_is_recorded_with_its_reason_and_nothing_else_is() -> Result<()> {
    let mut server = Etcd::start().await?;
    let probed = Probed::new("etcd.yaml", &server.url(), &server.credentials())?;
    let store = probed.store();
    let daemon = probed.run()?;

    Phase::begin(&store, "at first all is well").expect(&[]).await?;

    wrong_password(&mut server, &probed).await?;
    older_tokens(&server, &probed).await?;
    rotated_key(&mut server, &probed).await?;
    role_taken_and_widened(&server, &probed).await?;
    server_down(&mut server, &probed).await?;

    daemon.stop().await?.told(0);
    let [slo, incidents, _] = probed.report(1).await?;
    let objective = &slo["slos"][0];
    has(objective, &["name", "objective", "window", "method", "good", "bad", "no_data", "invalid", "excluded"])?;
    has(objective, &["expected", "sli", "sli_low", "sli_high", "coverage", "budget", "burn", "status", "alerts"])?;
    has(objective, &["by_reason", "by_cause", "latency_us"])?;
    assert_eq!(objective["status"], "missed");
    let open: Vec<&Value> = incidents["incidents"].as_array().into_iter().flatten().collect();
    let security = open.iter().filter(|incident| incident["severity"] == "security");
    assert_eq!(security.count(), 1, "the forbidden key was readable once: {incidents}");
    Ok(())
}

#[tokio::test]
async fn a_check_of_etcd_passes_and_fails_with_the_exit_code() -> Result<()> {
    let server = Etcd::start().await?;
    let probed = Probed::new("etcd.yaml", &server.url(), &server.credentials())?;
    authprobe(probed.dir(), &["check"]).await?.with(0);
    server.revoke_role().await?;
    let failed = authprobe(probed.dir(), &["check"]).await?.with(1);
    assert!(failed.contains("permission_denied"), "{failed}");
    Ok(())
}

async fn wrong_password(server: &mut Etcd, probed: &Probed) -> Result<()> {
    let store = probed.store();
    let phase = Phase::begin(&store, "the user's password is another one");
    server.change_password("etcd-second-password").await?;
    phase
        .expect(&[
            ("etcd/login", "login_rejected|no_token"),
            ("etcd/jwt", "no_token"),
            // An edit of any user makes older tokens fail.
            ("etcd/jwt-held", "token_rejected"),
            ("etcd/can-read-app", "no_token"),
            ("etcd/cannot-read-secret", "no_token"),
        ])
        .await?;
    let phase = Phase::begin(&store, "the prober is told the password");
    probed.set_secret("password", server.credentials()[1].1)?;
    phase.recover().await?;
    Ok(())
}

async fn older_tokens(server: &Etcd, probed: &Probed) -> Result<()> {
    let store = probed.store();
    let phase = Phase::begin(&store, "an edit that concerns nobody");
    server.touch_auth_store().await?;
    let records = phase.expect(&[("etcd/jwt-held", "token_rejected|success")]).await?;
    let said = records.of("etcd/jwt-held").into_iter().filter_map(|result| result.detail.as_deref());
    assert!(said.into_iter().any(|detail| detail.contains("revision of auth store is old")), "{records}");
    phase.recover().await?;
    Ok(())
}

async fn rotated_key(server: &mut Etcd, probed: &Probed) -> Result<()> {
    let store = probed.store();
    let key = "etcd-second-key-64-characters-long-0123456789abcdef0123456789abc";
    let phase = Phase::begin(&store, "the key is rotated and not in force");
    server.rotate_key(key)?;
    probed.set_secret("jwt_secret", key)?;
    phase.expect(&[]).await?;
    server.restart().await?;
    let phase = Phase::begin(&store, "the key is in force after a restart");
    phase.expect(&[("etcd/jwt-held", "signature_invalid|success")]).await?;
    phase.recover().await?;
    Ok(())
}

async fn role_taken_and_widened(server: &Etcd, probed: &Probed) -> Result<()> {
    let store = probed.store();
    let phase = Phase::begin(&store, "the role is taken from the user");
    server.revoke_role().await?;
    phase
        .expect(&[
            ("etcd/jwt", "permission_denied"),
            ("etcd/jwt-held", "token_rejected"),
            ("etcd/can-read-app", "permission_denied"),
        ])
        .await?;
    let phase = Phase::begin(&store, "the role is given back");
    server.grant_role().await?;
    phase.recover().await?;

    let phase = Phase::begin(&store, "the role may read what is forbidden");
    server.open_forbidden_key().await?;
    phase
        .expect(&[("etcd/cannot-read-secret", "unexpectedly_allowed"), ("etcd/jwt-held", "token_rejected|success")])
        .await?;
    let phase = Phase::begin(&store, "it may not any more");
    server.close_forbidden_key().await?;
    phase.recover().await?;
    Ok(())
}

async fn server_down(server: &mut Etcd, probed: &Probed) -> Result<()> {
    let store = probed.store();
    let phase = Phase::begin(&store, "the server is down");
    server.stop();
    phase
        .expect(&[
            ("etcd/login", "connect"),
            ("etcd/jwt", "no_token"),
            ("etcd/jwt-held", "connect"),
            ("etcd/jwt-tampered", "connect"),
            ("etcd/jwt-expired", "connect"),
            ("etcd/jwt-wrong_key", "connect"),
            ("etcd/jwt-alg_none", "connect"),
            ("etcd/can-read-app", "no_token"),
            ("etcd/cannot-read-secret", "no_token"),
            ("etcd/anonymous-cannot-read", "connect"),
        ])
        .await?;
    let phase = Phase::begin(&store, "the server is up again");
    server.restart().await?;
    phase.recover().await?;
    Ok(())
}
