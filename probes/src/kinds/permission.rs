//! Settings of a permission probe: who asks for what, and whether it must be let in.

use std::borrow::Cow;
use std::{fmt, iter};

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use storage::record::{Expect, Variant};

use crate::credential::{Source, Text};
use crate::kinds::request::Request;

/// A request to a permission-restricted endpoint.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// Name of the probe.
    pub name: String,
    /// The request.
    pub request: Request,
    /// Whether it must be let in.
    #[schemars(with = "ExpectWord")]
    pub expect: Expect,
    /// Who asks; the login of the target where absent.
    #[serde(default, rename = "as")]
    pub identity: Identity,
    /// Statuses that count as refused; empty: any 4xx but 408, 425 and 429, or a redirect to a login page.
    #[serde(default)]
    pub refused: Vec<u16>,
}

/// Who makes a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Identity {
    /// The user of the target's login, with the token of this run.
    #[default]
    Login,
    /// The holder of the target's API key.
    ApiKey,
    /// Nobody: no credential is sent.
    Anonymous,
    /// Another user, who logs in by the same way as the target's login.
    User(User),
}

/// Another user of the target's login.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The user's name.
    pub username: Text,
    /// The user's password.
    pub password: Source,
}

impl Permission {
    /// The word of the interchange for the credential that is used.
    #[must_use]
    pub fn variant(&self) -> Variant {
        match (&self.identity, self.expect) {
            (Identity::Anonymous, _) => Variant::Anonymous,
            (Identity::User(_), Expect::Deny) => Variant::Unprivileged,
            (Identity::User(_), Expect::Allow) | (Identity::Login, _) => Variant::Fresh,
            (Identity::ApiKey, _) => Variant::Valid,
        }
    }

    /// The sources of all secrets that the probe uses.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        let user = match &self.identity {
            Identity::User(user) => Some(user),
            Identity::Login | Identity::ApiKey | Identity::Anonymous => None,
        };
        user.into_iter()
            .flat_map(|user| user.username.source().into_iter().chain(iter::once(&user.password)))
            .chain(self.request.sources())
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfIdentity;
        impl<'de> Visitor<'de> for OfIdentity {
            type Value = Identity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`login`, `api_key`, `anonymous`, or a map with `username` and `password`")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Identity, E> {
                match word {
                    "login" => Ok(Identity::Login),
                    "api_key" => Ok(Identity::ApiKey),
                    "anonymous" => Ok(Identity::Anonymous),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Identity, A::Error> {
                User::deserialize(MapAccessDeserializer::new(map)).map(Identity::User)
            }
        }
        from.deserialize_any(OfIdentity)
    }
}

impl JsonSchema for Identity {
    fn schema_name() -> Cow<'static, str> {
        "Identity".into()
    }

    fn json_schema(schemas: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let user = schemas.subschema_for::<User>();
        schemars::json_schema!({
            "description": "Who makes the request.",
            "anyOf": [{"enum": ["login", "api_key", "anonymous"]}, user]
        })
    }
}

/// The two words of `expect`, for the JSON Schema.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "names the words to the JSON Schema, is never built")]
enum ExpectWord {
    Allow,
    Deny,
}
