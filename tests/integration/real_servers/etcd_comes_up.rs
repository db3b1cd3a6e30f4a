//! What etcd answers when all is well and under each fault: the ground that probing it stands on.

use anyhow::Result;

use crate::servers::etcd::{Etcd, FORBIDDEN, PERMITTED, USER};
use crate::servers::http::text;
use crate::servers::jwt;

#[tokio::test]
async fn what_is_right_is_let_in() -> Result<()> {
    let server = Etcd::start().await?;
    let token = token(&server).await?;
    assert_eq!(server.read(PERMITTED, &token).await?.ok()?["count"], "1");
    let claims = jwt::claims(&token)?;
    assert_eq!(claims.keys().collect::<Vec<_>>(), ["exp", "revision", "username"]);
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_refused() -> Result<()> {
    let server = Etcd::start().await?;
    let token = token(&server).await?;
    let [.., (_, key)] = server.credentials();
    for forged in [
        jwt::tampered(&token)?,
        jwt::alg_none(&token)?,
        jwt::wrong_key(&token)?,
        jwt::expired(&token, key)?,
        format!("Bearer {token}"),
    ] {
        assert_eq!(server.read(PERMITTED, &forged).await?.status, 401, "{forged}");
    }
    let anonymous = server.read(PERMITTED, "").await?;
    assert_eq!(anonymous.status, 400, "no credentials is a 400 here");
    assert!(anonymous.body.contains("user name is empty"), "{anonymous:?}");
    assert_eq!(server.read(FORBIDDEN, &token).await?.status, 403);
    assert_eq!(server.log_in(USER, "another password").await?.status, 400);
    assert_eq!(server.log_in("nobody", "another password").await?.status, 400);
    Ok(())
}

#[tokio::test]
async fn a_changed_password_refuses_the_old_one_and_every_older_token() -> Result<()> {
    let mut server = Etcd::start().await?;
    let held = token(&server).await?;
    let [_, (_, old), _] = server.credentials();
    let old = old.to_owned();
    server.change_password("etcd-second-password").await?;
    assert_eq!(server.log_in(USER, &old).await?.status, 400);
    assert_eq!(server.read(PERMITTED, &held).await?.status, 400);
    assert_eq!(server.read(PERMITTED, &token(&server).await?).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_revoked_role_refuses_what_it_permitted_until_it_is_granted_again() -> Result<()> {
    let server = Etcd::start().await?;
    server.revoke_role().await?;
    assert_eq!(server.read(PERMITTED, &token(&server).await?).await?.status, 403);
    server.grant_role().await?;
    assert_eq!(server.read(PERMITTED, &token(&server).await?).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_wider_role_lets_in_what_was_forbidden() -> Result<()> {
    let server = Etcd::start().await?;
    server.open_forbidden_key().await?;
    assert_eq!(server.read(FORBIDDEN, &token(&server).await?).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn any_edit_of_the_auth_store_refuses_older_tokens() -> Result<()> {
    let server = Etcd::start().await?;
    let held = token(&server).await?;
    server.touch_auth_store().await?;
    let refused = server.read(PERMITTED, &held).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("revision of auth store is old"), "{refused:?}");
    assert_eq!(server.read(PERMITTED, &token(&server).await?).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_rotated_key_is_in_force_only_after_a_restart() -> Result<()> {
    let mut server = Etcd::start().await?;
    let held = token(&server).await?;
    server.rotate_key("etcd-second-key-64-characters-long-0123456789abcdef0123456789abc")?;
    assert_eq!(server.read(PERMITTED, &held).await?.status, 200, "on disk, not in force");
    server.restart().await?;
    assert_eq!(server.read(PERMITTED, &held).await?.status, 401);
    let fresh = token(&server).await?;
    assert_eq!(server.read(PERMITTED, &fresh).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_restart_keeps_tokens_users_and_roles() -> Result<()> {
    let mut server = Etcd::start().await?;
    let held = token(&server).await?;
    server.stop();
    assert!(server.read(PERMITTED, &held).await.is_err(), "nobody answers on its port");
    server.restart().await?;
    assert_eq!(server.read(PERMITTED, &held).await?.status, 200);
    assert_eq!(server.read(PERMITTED, &token(&server).await?).await?.status, 200);
    Ok(())
}

async fn token(server: &Etcd) -> Result<String> {
    let [_, (_, password), _] = server.credentials();
    text(&server.log_in(USER, password).await?.ok()?, "/token")
}
