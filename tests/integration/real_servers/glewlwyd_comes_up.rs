//! What glewlwyd answers when all is well and under each fault: the ground that probing it stands on.

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use crate::servers::glewlwyd::{ApiKey, GUEST, Glewlwyd, INSPECT, SCOPES, USER};
use crate::servers::http::{Answer, Http, text};
use crate::servers::jwt;

#[tokio::test]
async fn what_is_right_is_let_in() -> Result<()> {
    let server = Client::new().await?;
    let login = server.log_in().await?.ok()?;
    assert_eq!(text(&login, "/scope")?, SCOPES);
    assert_eq!(login["expires_in"], 300);
    let token = text(&login, "/access_token")?;
    let claims = jwt::claims(&token)?;
    assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().map(|issued| issued + 300));
    assert!(!claims.contains_key("iss") && !claims.contains_key("sub"), "{claims:?}");

    assert!(server.profile(&token).await?.body.contains(r#""username":"probe""#));
    assert_eq!(server.inspect(&token).await?.body, r#"{"active":false}"#);
    assert_eq!(server.list_users(server.0.api_key()).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_refused() -> Result<()> {
    let server = Client::new().await?;
    let token = server.token().await?;
    let secret = server.credential("jwt_secret");
    for forged in [
        jwt::tampered(&token)?,
        jwt::alg_none(&token)?,
        jwt::wrong_key(&token)?,
        jwt::expired(&token, secret)?,
        "garbage".to_owned(),
    ] {
        assert_eq!(server.profile(&forged).await?.status, 401, "{forged}");
    }
    assert_eq!(server.0.log_in(USER, "another password").await?.status, 403);
    assert_eq!(server.0.log_in("nobody", "another password").await?.status, 403);

    let guest = text(&server.0.log_in(GUEST, server.credential("guest_password")).await?.ok()?, "/access_token")?;
    assert_eq!(server.profile(&guest).await?.status, 200);
    let refused = server.inspect(&guest).await?;
    assert_eq!(refused.status, 401, "a missing scope is a 401 here");
    assert!(refused.challenge.contains("insufficient_scope"), "{refused:?}");

    for key in ["0000000000000000000000000000dead", server.credential("revoked_key")] {
        assert_eq!(server.list_users_with(&format!("token {key}")).await?.status, 401);
    }
    Ok(())
}

#[tokio::test]
async fn a_session_cookie_opens_the_own_profile_but_not_the_list_of_users() -> Result<()> {
    let server = Client::new().await?;
    let url = server.0.url();
    let login = json!({"username": USER, "password": server.credential("password")});
    let answer = server.1.json(Method::POST, &format!("{url}/api/auth/"), &[], &login).await?;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert!(answer.cookie.starts_with("GLEWLWYD2_SESSION_ID="), "{answer:?}");

    let session = [("Cookie", answer.cookie.as_str())];
    assert_eq!(server.1.get(&format!("{url}/api/profile_list"), &session).await?.status, 200);
    assert_eq!(server.1.get(&format!("{url}/api/user/"), &session).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn a_changed_password_refuses_the_old_one() -> Result<()> {
    let mut server = Client::new().await?;
    let old = server.credential("password").to_owned();
    server.0.change_password("glewlwyd-second-password").await?;
    assert_eq!(server.0.log_in(USER, &old).await?.status, 403);
    assert_eq!(text(&server.log_in().await?.ok()?, "/scope")?, SCOPES);
    Ok(())
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_and_another_is_not() -> Result<()> {
    let server = Client::new().await?;
    let other = server.0.create_key().await?;
    server.0.revoke_key(server.0.api_key()).await?;
    assert_eq!(server.list_users(server.0.api_key()).await?.status, 401);
    assert_eq!(server.list_users(&other).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_rotated_secret_is_in_force_only_after_the_reset() -> Result<()> {
    let mut server = Client::new().await?;
    let held = server.token().await?;
    server.0.rotate_secret("glewlwyd-second-secret-64-characters-long-0123456789abcdef012345").await?;
    assert_eq!(server.profile(&held).await?.status, 200, "stored, not in force");

    server.0.reset_plugin().await?;
    let refused = server.profile(&held).await?;
    assert_eq!(refused.status, 401);
    assert!(refused.challenge.contains("invalid_request"), "{refused:?}");
    let fresh = server.token().await?;
    assert_eq!(server.profile(&fresh).await?.status, 200);
    assert_eq!(server.profile(&jwt::wrong_key(&fresh)?).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn a_rotated_secret_is_in_force_after_a_restart_too() -> Result<()> {
    let mut server = Client::new().await?;
    let held = server.token().await?;
    server.0.rotate_secret("glewlwyd-third-secret-64-characters-long-0123456789abcdef0123456").await?;
    server.0.restart().await?;
    assert_eq!(server.profile(&held).await?.status, 401);
    assert_eq!(server.profile(&server.token().await?).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_removed_scope_is_missing_from_the_next_token_only() -> Result<()> {
    let server = Client::new().await?;
    let held = server.token().await?;
    server.0.remove_scope(USER, INSPECT).await?;
    let fresh = server.token().await?;
    assert_eq!(server.inspect(&held).await?.status, 200);
    assert_eq!(server.inspect(&fresh).await?.status, 401);
    assert_eq!(server.profile(&fresh).await?.status, 200);

    server.0.grant_scope(USER, INSPECT).await?;
    assert_eq!(server.inspect(&server.token().await?).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_disabled_user_cannot_log_in_but_the_token_goes_on_working() -> Result<()> {
    let server = Client::new().await?;
    let held = server.token().await?;
    server.0.enable_user(USER, false).await?;
    assert_eq!(server.log_in().await?.status, 403);
    assert_eq!(server.profile(&held).await?.status, 200);
    server.0.enable_user(USER, true).await?;
    assert_eq!(server.log_in().await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_restart_keeps_users_keys_and_secret() -> Result<()> {
    let mut server = Client::new().await?;
    let held = server.token().await?;
    server.0.stop();
    assert!(server.log_in().await.is_err(), "nobody answers on its port");
    server.0.restart().await?;
    assert_eq!(server.profile(&held).await?.status, 200);
    assert_eq!(server.log_in().await?.status, 200);
    assert_eq!(server.list_users(server.0.api_key()).await?.status, 200);
    Ok(())
}

/// The requests that a prober sends.
struct Client(Glewlwyd, Http);

impl Client {
    async fn new() -> Result<Self> {
        Ok(Self(Glewlwyd::start().await?, Http::new()?))
    }

    fn credential(&self, name: &str) -> &str {
        self.0.credentials().into_iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    async fn log_in(&self) -> Result<Answer> {
        self.0.log_in(USER, self.credential("password")).await
    }

    async fn token(&self) -> Result<String> {
        text(&self.log_in().await?.ok()?, "/access_token")
    }

    async fn profile(&self, token: &str) -> Result<Answer> {
        let bearer = format!("Bearer {token}");
        self.1.get(&format!("{}/api/o2/profile", self.0.url()), &[("Authorization", &bearer)]).await
    }

    async fn inspect(&self, token: &str) -> Result<Answer> {
        let bearer = format!("Bearer {token}");
        let url = format!("{}/api/o2/introspect", self.0.url());
        self.1.form(&url, &[("Authorization", &bearer)], &[("token", "none")]).await
    }

    async fn list_users(&self, key: &ApiKey) -> Result<Answer> {
        self.list_users_with(&format!("token {}", key.key)).await
    }

    async fn list_users_with(&self, authorization: &str) -> Result<Answer> {
        self.1.get(&format!("{}/api/user/", self.0.url()), &[("Authorization", authorization)]).await
    }
}
