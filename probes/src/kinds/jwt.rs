//! Settings of the JWT probes: which tokens are good, where they are tried, which must be refused.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use storage::record::Variant;

use crate::credential::Source;
use crate::kinds::request::Request;

/// What is expected of the target's tokens. Nothing is required of a token that is not configured.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// Algorithms that are accepted; needed for local verification, never taken from the token.
    #[serde(default)]
    #[schemars(with = "Vec<AlgorithmName>")]
    pub algorithms: Vec<Algorithm>,
    /// Shared secret of HS256, HS384 and HS512.
    pub secret: Option<Source>,
    /// How the secret is written.
    #[serde(default)]
    pub secret_encoding: Encoding,
    /// Public key in PEM of RS, PS, ES and EdDSA.
    pub public_key: Option<Source>,
    /// Where the key set (RFC 7517) is: a path below the target's URL, or a whole URL.
    pub jwks: Option<String>,
    /// How long a key set is used before it is fetched again.
    #[serde(default = "five_minutes", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub jwks_cache: Duration,
    /// Shortest time between two fetches, however many unknown key ids arrive.
    #[serde(default = "ten_seconds", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub jwks_floor: Duration,
    /// Required `iss`.
    pub issuer: Option<String>,
    /// Required `aud`: one of these.
    #[serde(default, deserialize_with = "one_or_more")]
    pub audience: Vec<String>,
    /// Claims that must be there.
    #[serde(default)]
    pub required: Vec<String>,
    /// Tolerance for `exp`, `nbf` and `iat`.
    #[serde(default = "leeway", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub leeway: Duration,
    /// Shortest lifetime that is accepted.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>")]
    pub min_lifetime: Option<Duration>,
    /// Longest lifetime that is accepted.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>")]
    pub max_lifetime: Option<Duration>,
    /// Endpoint where the tokens are tried; absent: they are only verified.
    pub request: Option<Request>,
    /// Whether a token of an earlier run is tried too.
    #[serde(default = "yes")]
    pub held: bool,
    /// Tokens that must be refused.
    #[serde(default)]
    pub deny: Vec<Forgery>,
    /// Beat of the tokens that must be refused; absent: every run.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>")]
    pub deny_every: Option<Duration>,
    /// Statuses that count as refused; empty: any 4xx but 408, 425 and 429, or a redirect to a login page.
    #[serde(default)]
    pub refused: Vec<u16>,
}

/// How a shared secret is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Its bytes are the key.
    #[default]
    Text,
    /// Base64, standard or URL-safe.
    Base64,
    /// Hexadecimal.
    Hex,
}

/// A token that must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Forgery {
    /// Content altered after signing.
    Tampered,
    /// Past its end by more than any leeway.
    Expired,
    /// Signed with another key of the same kind.
    WrongKey,
    /// Unsigned, with the algorithm `none`.
    AlgNone,
}

impl Forgery {
    /// The word of the interchange.
    #[must_use]
    pub fn variant(self) -> Variant {
        match self {
            Forgery::Tampered => Variant::Tampered,
            Forgery::Expired => Variant::Expired,
            Forgery::WrongKey => Variant::WrongKey,
            Forgery::AlgNone => Variant::AlgNone,
        }
    }
}

impl Jwt {
    /// Whether tokens can be verified without asking the server.
    #[must_use]
    pub fn verifies(&self) -> bool {
        self.secret.is_some() || self.public_key.is_some() || self.jwks.is_some()
    }

    /// The sources of all secrets that the probes use.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.secret.iter().chain(&self.public_key).chain(self.request.iter().flat_map(Request::sources))
    }
}

/// The algorithms that can be verified, for the JSON Schema.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "names the algorithms to the JSON Schema, is never built")]
enum AlgorithmName {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    struct OneOrMore;
    impl<'de> Visitor<'de> for OneOrMore {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or a list of texts")
        }

        fn visit_str<E: de::Error>(self, one: &str) -> Result<Vec<String>, E> {
            Ok(vec![one.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = list.next_element()? {
                all.push(one);
            }
            Ok(all)
        }
    }
    from.deserialize_any(OneOrMore)
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn leeway() -> Duration {
    Duration::from_secs(30)
}

fn yes() -> bool {
    true
}
