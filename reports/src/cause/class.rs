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
    /// Logs in as somebody who must be refused.
    DenyLogin,
    /// Uses a token that must be refused.
    DenyToken,
    /// Uses a key that must be refused.
    DenyKey,
    /// Uses a permission that it must not have.
    DenyPermission,
}

/// How a probe behaves, coarser than its reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
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
    /// A claim does not fit.
    Claims,
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
    /// It succeeds, but slower than usual, or than an objective allows.
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
const OTHERS: f64 = 15.0;

/// What each role shows, and how often that is what a cause looks like. A role that is left out is healthy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// What it is, in words.
    #[serde(default)]
    pub name: String,
    /// Share of the mixture.
    pub weight: f64,
    #[serde(default)]
    login: Shown,
    #[serde(default)]
    jwt: Shown,
    #[serde(default)]
    held: Shown,
    #[serde(default)]
    api_key: Shown,
    #[serde(default)]
    permission: Shown,
    /// Of the roles below that are left out.
    #[serde(default)]
    deny: Shown,
    deny_login: Option<Shown>,
    deny_token: Option<Shown>,
    deny_key: Option<Shown>,
    deny_permission: Option<Shown>,
}

/// What a role shows: one class, or several with their shares.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Shown {
    /// Always the same.
    One(Class),
    /// One of these; the shares add up to 1.
    Mixed(BTreeMap<Class, f64>),
}

/// What was seen at one target: a class for each role that was probed.
pub type Seen = BTreeMap<Role, Class>;

impl Role {
    /// The role of a probe.
    #[must_use]
    pub fn of(kind: ProbeKind, expect: Expect, variant: Variant) -> Role {
        match (expect, kind) {
            (Expect::Allow, ProbeKind::Login) => Role::Login,
            (Expect::Allow, ProbeKind::Jwt) if variant == Variant::Held => Role::Held,
            (Expect::Allow, ProbeKind::Jwt) => Role::Jwt,
            (Expect::Allow, ProbeKind::ApiKey) => Role::ApiKey,
            (Expect::Allow, ProbeKind::Permission) => Role::Permission,
            (Expect::Deny, ProbeKind::Login) => Role::DenyLogin,
            (Expect::Deny, ProbeKind::Jwt) => Role::DenyToken,
            (Expect::Deny, ProbeKind::ApiKey) => Role::DenyKey,
            (Expect::Deny, ProbeKind::Permission) => Role::DenyPermission,
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
            Some(Reason::ClaimsInvalid) => Class::Claims,
            Some(Reason::TokenRejected | Reason::TokenMalformed) => Class::Token,
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
    /// Likelihood of what was seen at targets that all show this pattern.
    #[must_use]
    pub fn likelihood(&self, seen: &[&Seen], class: model::Class) -> f64 {
        let roles = seen.iter().flat_map(|seen| seen.iter());
        roles.map(|(role, seen)| self.shown(*role).fit(*seen, class)).product()
    }

    /// Everything that the pattern says of its roles.
    pub fn mixtures(&self) -> impl Iterator<Item = &Shown> {
        let optional = [&self.deny_login, &self.deny_token, &self.deny_key, &self.deny_permission];
        [&self.login, &self.jwt, &self.held, &self.api_key, &self.permission, &self.deny]
            .into_iter()
            .chain(optional.into_iter().flatten())
    }

    fn shown(&self, role: Role) -> &Shown {
        match role {
            Role::Login => &self.login,
            Role::Jwt => &self.jwt,
            Role::Held => &self.held,
            Role::ApiKey => &self.api_key,
            Role::Permission => &self.permission,
            Role::DenyLogin => self.deny_login.as_ref().unwrap_or(&self.deny),
            Role::DenyToken => self.deny_token.as_ref().unwrap_or(&self.deny),
            Role::DenyKey => self.deny_key.as_ref().unwrap_or(&self.deny),
            Role::DenyPermission => self.deny_permission.as_ref().unwrap_or(&self.deny),
        }
    }
}

impl Shown {
    fn fit(&self, seen: Class, model: model::Class) -> f64 {
        match self {
            Shown::One(class) => fit(seen, *class, model),
            Shown::Mixed(shares) => shares.iter().map(|(class, share)| share * fit(seen, *class, model)).sum(),
        }
    }

    /// What the shares add up to.
    #[must_use]
    pub fn sum(&self) -> f64 {
        match self {
            Shown::One(_) => 1.0,
            Shown::Mixed(shares) => shares.values().sum(),
        }
    }
}

impl Default for Shown {
    fn default() -> Self {
        Shown::One(Class::Ok)
    }
}

/// Likelihood of what was seen under a mixture of patterns, one of which all the targets show.
#[must_use]
pub fn likelihood(patterns: &[Pattern], seen: &[&Seen], class: model::Class) -> f64 {
    patterns.iter().map(|pattern| pattern.weight * pattern.likelihood(seen, class)).sum()
}

fn fit(seen: Class, pattern: Class, model: model::Class) -> f64 {
    let token = matches!(pattern, Class::Signature | Class::Kid | Class::TokenTime | Class::Claims);
    let refused = matches!(pattern, Class::Key | Class::Creds | Class::Forbidden);
    if seen == pattern {
        1.0 - model.epsilon
    } else if (seen == Class::Token && token) || (seen == Class::Error && (token || refused)) {
        (1.0 - model.epsilon) * model.generic
    } else {
        model.epsilon / OTHERS
    }
}
