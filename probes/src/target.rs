//! What is probed and how: a target, its connection and its probes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use storage::record::{Expect, ProbeKind, Variant};
use url::Url;

use crate::credential::Source;
use crate::kinds::api_key::ApiKey;
use crate::kinds::jwt::Jwt;
use crate::kinds::login::Login;
use crate::kinds::permission::{Identity, Permission, User};
use crate::steps;

/// An API under probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its name, unique in the configuration.
    pub name: String,
    /// Where it is; the paths of the probes are below it.
    pub url: Url,
    /// Limit of each request, from its start to the end of its body.
    pub timeout: Duration,
    /// How it is reached.
    pub connection: Connection,
    /// What is checked.
    pub probes: Probes,
}

impl Target {
    /// Where the key set is that its tokens are verified with, if there is one.
    #[must_use]
    pub fn key_set(&self) -> Option<Url> {
        steps::address(&self.url, self.probes.jwt.as_ref()?.jwks.as_ref()?).ok()
    }
}

/// How a target is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// HTTP version.
    pub http: HttpVersion,
    /// Whether connections are kept between runs. Without it every request connects anew, so that all phases are seen.
    pub keep_alive: bool,
    /// Proxy for every request.
    pub proxy: Option<Url>,
    /// Name for TLS (SNI and certificate) in place of the URL's host. With it, HTTP/2 is spoken only if `http` says
    /// so, and then the name stands for the host as well. It excludes a proxy.
    pub server_name: Option<String>,
    /// How many redirects are followed.
    pub redirects: u8,
    /// Longest response body that is read, in bytes.
    pub body_limit: usize,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            http: HttpVersion::Auto,
            keep_alive: false,
            proxy: None,
            server_name: None,
            redirects: 0,
            body_limit: 256 * 1024,
        }
    }
}

/// HTTP version of a target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// What the server chooses by ALPN; HTTP/1.1 without TLS.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// HTTP/1.1 only.
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2 only; without TLS by prior knowledge.
    #[serde(rename = "2")]
    Http2,
}

/// TLS files of a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the authorities that are trusted in place of the system's.
    pub ca: Option<PathBuf>,
    /// PEM file with the client's certificate and its chain.
    pub client_cert: Option<PathBuf>,
    /// PEM file with the client's private key.
    pub client_key: Option<PathBuf>,
    /// Name for SNI and for the certificate, in place of the URL's host.
    pub server_name: Option<String>,
}

/// What is checked at a target.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probes {
    /// Logs in.
    pub login: Option<Login>,
    /// Verifies and uses tokens.
    pub jwt: Option<Jwt>,
    /// Calls with a static key.
    pub api_key: Option<ApiKey>,
    /// Calls restricted endpoints.
    #[serde(default)]
    pub permission: Vec<Permission>,
}

/// What a probe of a target is called and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Name of the probe, unique in its target.
    pub name: String,
    /// Its kind.
    pub kind: ProbeKind,
    /// Whether it must be let in.
    pub expect: Expect,
    /// Which credential it uses.
    pub variant: Variant,
}

impl Plan {
    /// A probe that is named by the rule: the plain positive probe after its kind, any other `KIND-VARIANT`.
    #[must_use]
    pub fn of(kind: ProbeKind, expect: Expect, variant: Variant) -> Self {
        let plain = matches!(variant, Variant::Valid | Variant::Fresh);
        let name = if plain { kind.to_string() } else { format!("{kind}-{variant}") };
        Self { name, kind, expect, variant }
    }
}

impl Probes {
    /// Every probe, in the order in which a run goes through them.
    #[must_use]
    pub fn plans(&self) -> Vec<Plan> {
        let mut plans = Vec::new();
        if let Some(login) = &self.login {
            plans.push(Plan::of(ProbeKind::Login, Expect::Allow, Variant::Valid));
            plans.extend(login.deny.iter().map(|_| Plan::of(ProbeKind::Login, Expect::Deny, Variant::Unknown)));
        }
        plans.extend((0..self.users().len()).map(other_login));
        if let Some(jwt) = &self.jwt {
            plans.push(Plan::of(ProbeKind::Jwt, Expect::Allow, Variant::Fresh));
            if jwt.request.is_some() {
                if jwt.held {
                    plans.push(Plan::of(ProbeKind::Jwt, Expect::Allow, Variant::Held));
                }
                plans.extend(jwt.deny.iter().map(|forgery| Plan::of(ProbeKind::Jwt, Expect::Deny, forgery.variant())));
            }
        }
        if let Some(api_key) = &self.api_key {
            plans.push(Plan::of(ProbeKind::ApiKey, Expect::Allow, Variant::Valid));
            plans.extend(api_key.deny.iter().map(|key| Plan::of(ProbeKind::ApiKey, Expect::Deny, key.variant())));
        }
        plans.extend(self.permission.iter().map(|permission| Plan {
            name: permission.name.clone(),
            kind: ProbeKind::Permission,
            expect: permission.expect,
            variant: permission.variant(),
        }));
        plans
    }

    /// The other users that permission probes log in as, each once, in the order of their first use.
    #[must_use]
    pub fn users(&self) -> Vec<&User> {
        let mut users: Vec<&User> = Vec::new();
        for permission in &self.permission {
            match &permission.identity {
                Identity::User(user) if !users.contains(&user) => users.push(user),
                Identity::User(_) | Identity::Login | Identity::ApiKey | Identity::Anonymous => (),
            }
        }
        users
    }

    /// The sources of all secrets of the target.
    #[must_use]
    pub fn sources(&self) -> BTreeSet<&Source> {
        self.login
            .iter()
            .flat_map(Login::sources)
            .chain(self.jwt.iter().flat_map(Jwt::sources))
            .chain(self.api_key.iter().flat_map(ApiKey::sources))
            .chain(self.permission.iter().flat_map(Permission::sources))
            .collect()
    }
}

/// The login of the `index`-th other user: `login-unprivileged`, `login-unprivileged-2`, and so on.
pub(crate) fn other_login(index: usize) -> Plan {
    let mut plan = Plan::of(ProbeKind::Login, Expect::Allow, Variant::Unprivileged);
    if index > 0 {
        plan.name = format!("{}-{}", plan.name, index + 1);
    }
    plan
}
