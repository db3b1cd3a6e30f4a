//! Tokens that a server must refuse, forged from one of its own.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

/// The claims, whatever the signature.
pub(crate) fn claims(token: &str) -> Result<Map<String, Value>> {
    let payload = token.split('.').nth(1).context("no second part")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

/// The same claims signed with HS256 and another key.
pub(crate) fn wrong_key(token: &str) -> Result<String> {
    sign(&claims(token)?, "a key that no server of these tests has ever had")
}

/// The same claims, an hour in the past, signed with the server's own key.
pub(crate) fn expired(token: &str, key: &str) -> Result<String> {
    let mut claims = claims(token)?;
    for name in ["exp", "iat", "nbf"] {
        if let Some(at) = claims.get(name).and_then(Value::as_i64) {
            claims.insert(name.into(), json!(at - 3600));
        }
    }
    sign(&claims, key)
}

/// The token with another user name under the old signature.
pub(crate) fn tampered(token: &str) -> Result<String> {
    let mut claims = claims(token)?;
    claims.insert("username".into(), json!("root"));
    let (head, rest) = token.split_once('.').context("no first part")?;
    let (_, signature) = rest.split_once('.').context("no third part")?;
    Ok(format!("{head}.{}.{signature}", part(&Value::Object(claims))))
}

/// The same claims, unsigned.
pub(crate) fn alg_none(token: &str) -> Result<String> {
    Ok(format!("{}.{}.", part(&json!({"typ": "JWT", "alg": "none"})), part(&Value::Object(claims(token)?))))
}

fn sign(claims: &Map<String, Value>, key: &str) -> Result<String> {
    Ok(encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(key.as_bytes()))?)
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
