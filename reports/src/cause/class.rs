//! What the probes of a target show together, and how well that fits a kind of change.

use std::collections::BTreeMap;

use serde::Deserialize;
use storage::record::{Expect, ProbeKind, Reason, Variant};

use super::model;

/// What a probe stands for when probes are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Logs in.
    Login,
    /// Uses a token of this run.
    Jwt,
    /// Uses a token from an earlier run.
    Held,
    /// Uses a static key.
    ApiKey,
    /// Uses a permission.
    Permission,
    /// Must be refused.
    Deny,
}

/// How a probe behaves, coarser than its reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Healthy.
    #[default]
    Ok,
    /// The signature does not verify.
    Signature,
    /// The key is not known.
    Kid,
    /// The token's times do not fit.
    TokenTime,
    /// The token is refused without saying why.
    Token,
    /// The API key is refused.
    Key,
    /// The login refuses a credential.
    Creds,
    /// The permission is not there.
    Forbidden,
    /// The server fails or answers nonsense.
    Error,
    /// No answer, or no connection.
    Timeout,
    /// It succeeds, but slower than an objective allows.
    Slow,
    /// The TLS handshake fails.
    Tls,
    /// The name does not resolve.
    Dns,
    /// Too many requests.
    RateLimited,
    /// What had to be refused is let in.
    Allow,
}

/// Number of classes besides the one that a pattern names.
const OTHERS: f64 = 14.0;

/// What each role shows, and how often that is what a cause looks like.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// What it is, in words.
    #[serde(default)]
    pub name: String,
    /// Share of the mixture.
    pub weight: f64,
    #[serde(default)]
    login: Class,
    #[serde(default)]
    jwt: Class,
    #[serde(default)]
    held: Class,
    #[serde(default)]
    api_key: Class,
    #[serde(default)]
    permission: Class,
    #[serde(default)]
    deny: Class,
}

/// What was seen: a class for each role that was probed.
pub type Seen = BTreeMap<Role, Class>;

impl Role {
    /// The role of a probe.
    #[must_use]
    pub fn of(kind: ProbeKind, expect: Expect, variant: Variant) -> Role {
        match (expect, kind) {
            (Expect::Deny, _) => Role::Deny,
            (Expect::Allow, ProbeKind::Login) => Role::Login,
            (Expect::Allow, ProbeKind::Jwt) if variant == Variant::Held => Role::Held,
            (Expect::Allow, ProbeKind::Jwt) => Role::Jwt,
            (Expect::Allow, ProbeKind::ApiKey) => Role::ApiKey,
            (Expect::Allow, ProbeKind::Permission) => Role::Permission,
        }
    }
}

impl Class {
    /// The class of a failure's reason.
    #[must_use]
    pub fn of(reason: Option<Reason>) -> Class {
        match reason {
            Some(Reason::SignatureInvalid) => Class::Signature,
            Some(Reason::KeyUnknown) => Class::Kid,
            Some(Reason::TokenExpired | Reason::TokenNotYetValid) => Class::TokenTime,
            Some(Reason::TokenRejected | Reason::TokenMalformed | Reason::ClaimsInvalid) => Class::Token,
            Some(Reason::ApiKeyRejected) => Class::Key,
            Some(Reason::LoginRejected | Reason::AccountLocked) => Class::Creds,
            Some(Reason::PermissionDenied) => Class::Forbidden,
            Some(Reason::Connect | Reason::Timeout) => Class::Timeout,
            Some(Reason::Slow) => Class::Slow,
            Some(Reason::Tls) => Class::Tls,
            Some(Reason::Dns) => Class::Dns,
            Some(Reason::RateLimited) => Class::RateLimited,
            Some(Reason::UnexpectedlyAllowed) => Class::Allow,
            Some(Reason::TokenMissing | Reason::ServerError | Reason::UnexpectedStatus | Reason::UnexpectedBody) => {
                Class::Error
            }
            Some(
                Reason::NoToken
                | Reason::Overlap
                | Reason::CredentialUnavailable
                | Reason::ProberClock
                | Reason::ProberNetwork
                | Reason::ProberOverloaded,
            )
            | None => Class::Error,
        }
    }
}

impl Pattern {
    /// Likelihood of what was seen under this pattern.
    #[must_use]
    pub fn likelihood(&self, seen: &Seen, class: model::Class) -> f64 {
        seen.iter().map(|(role, seen)| fit(*seen, self.class(*role), class)).product()
    }

    fn class(&self, role: Role) -> Class {
        match role {
            Role::Login => self.login,
            Role::Jwt => self.jwt,
            Role::Held => self.held,
            Role::ApiKey => self.api_key,
            Role::Permission => self.permission,
            Role::Deny => self.deny,
        }
    }
}

/// Likelihood of what was seen under a mixture of patterns.
#[must_use]
pub fn likelihood(patterns: &[Pattern], seen: &Seen, class: model::Class) -> f64 {
    patterns.iter().map(|pattern| pattern.weight * pattern.likelihood(seen, class)).sum()
}

fn fit(seen: Class, pattern: Class, model: model::Class) -> f64 {
    let token = matches!(pattern, Class::Signature | Class::Kid | Class::TokenTime);
    if seen == pattern {
        1.0 - model.epsilon
    } else if seen == Class::Token && token {
        (1.0 - model.epsilon) * model.generic_token
    } else {
        model.epsilon / OTHERS
    }
}
