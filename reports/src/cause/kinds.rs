//! What the model says of each kind of change: its delay, its patterns, its chance to do harm.

use storage::record::{Change, ChangeKind, MountHow, SecretRole};

use super::model::Model;

/// Name of a change's delay in the model; nothing where it has no effect of its own.
#[must_use]
pub fn lag(change: &Change) -> Option<&'static str> {
    match change.kind {
        ChangeKind::Note | ChangeKind::Maintenance => None,
        ChangeKind::Secret | ChangeKind::Configmap => renewal(change),
        ChangeKind::Certificate => Some("certificate"),
        ChangeKind::Rollout | ChangeKind::Deploy => Some("rollout"),
        ChangeKind::Restart | ChangeKind::Scale => Some("restart"),
        ChangeKind::JwksAdd | ChangeKind::JwksReplace | ChangeKind::SigningSwitch => Some("jwks_switch"),
        ChangeKind::JwksRemove => Some("jwks_remove"),
        ChangeKind::ApiKey => Some("api_key"),
        ChangeKind::Rbac => Some("rbac"),
        ChangeKind::Expiry => Some("expiry"),
        ChangeKind::UpstreamRotation => Some("upstream"),
    }
}

/// The delay of a mounted object that is renewed while its consumers run; nothing where none of them renews it.
fn renewal(change: &Change) -> Option<&'static str> {
    let how = |wanted: &[MountHow]| change.mounts.iter().any(|mount| wanted.contains(&mount.how));
    if change.mounts.is_empty() || how(&[MountHow::Unknown]) {
        Some("unknown_mount")
    } else if how(&[MountHow::Volume, MountHow::Projected]) {
        Some("volume")
    } else if is_password(change) {
        Some("password")
    } else {
        None
    }
}

/// Whether a secret is a password: it is changed where it is checked as well, and whoever still has the old one is
/// refused at once, however the new one is mounted.
fn is_password(change: &Change) -> bool {
    change.kind == ChangeKind::Secret
        && profiles(change).iter().any(|(profile, share)| *profile == "password" && *share > 0.5)
}

/// Chance that a change breaks what depends on it, before anything is known of an incident.
#[must_use]
pub fn prior(change: &Change, model: &Model) -> f64 {
    model.prior.get(change.kind.as_str()).copied().unwrap_or(0.0)
}

/// Names of a change's patterns in the model, with their shares.
#[must_use]
pub fn profiles(change: &Change) -> Vec<(&'static str, f64)> {
    match change.kind {
        ChangeKind::Secret | ChangeKind::UpstreamRotation => match change.secret_role {
            Some(role) => vec![(of_role(role), 1.0)],
            None => by_name(change),
        },
        ChangeKind::Configmap => vec![("configmap", 1.0)],
        ChangeKind::Rollout | ChangeKind::Deploy | ChangeKind::Maintenance | ChangeKind::Note => vec![("rollout", 1.0)],
        ChangeKind::Restart | ChangeKind::Scale => vec![("restart", 1.0)],
        ChangeKind::JwksAdd | ChangeKind::JwksReplace | ChangeKind::SigningSwitch => vec![("jwks", 1.0)],
        ChangeKind::JwksRemove => vec![("jwks_remove", 1.0)],
        ChangeKind::ApiKey => vec![("api_key", 1.0)],
        ChangeKind::Rbac => vec![("rbac", 1.0)],
        ChangeKind::Certificate => vec![("tls", 1.0)],
        ChangeKind::Expiry => vec![("expiry", 1.0)],
    }
}

fn of_role(role: SecretRole) -> &'static str {
    match role {
        SecretRole::JwtSigning => "jwt_secret",
        SecretRole::ApiKeys => "api_key_secret",
        SecretRole::Password => "password",
        SecretRole::Tls => "tls",
        SecretRole::Other => "other",
    }
}

/// What a secret is for, where only its name tells, and that not for certain.
fn by_name(change: &Change) -> Vec<(&'static str, f64)> {
    const ANY: [(&str, f64); 5] =
        [("jwt_secret", 0.35), ("api_key_secret", 0.2), ("password", 0.2), ("tls", 0.05), ("other", 0.2)];
    const NAMED: f64 = 0.5;
    let name = format!("{} {}", change.object, change.keys.join(" ")).to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let told = if has(&["jwt", "signing", "hs256", "jwks"]) {
        Some("jwt_secret")
    } else if has(&["api-key", "api_key", "apikey"]) {
        Some("api_key_secret")
    } else if has(&["tls", "cert"]) {
        Some("tls")
    } else if has(&["password", "passwd", "database", "postgres"]) {
        Some("password")
    } else {
        None
    };
    let Some(told) = told else { return ANY.to_vec() };
    let mut shares = ANY.map(|(profile, share)| (profile, share * (1.0 - NAMED)));
    for (_, share) in shares.iter_mut().filter(|(profile, _)| *profile == told) {
        *share += NAMED;
    }
    shares.to_vec()
}
