//! Settings of the login probe: how to log in, where the token is, how it is sent on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use http::Method;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::credential::{Source, Text};
use crate::kinds::request;

/// How to log in.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Path of the login below the target's URL, or a whole URL.
    pub path: String,
    /// HTTP method; POST where absent.
    #[serde(default = "post", deserialize_with = "verb")]
    #[schemars(with = "String")]
    pub method: Method,
    /// How the credentials are sent.
    #[serde(default)]
    pub style: Style,
    /// The user's name, or the client's id.
    pub username: Option<Text>,
    /// The user's password.
    pub password: Option<Source>,
    /// Name of the field that carries the user's name.
    #[serde(default = "username")]
    pub username_field: String,
    /// Name of the field that carries the password.
    #[serde(default = "password")]
    pub password_field: String,
    /// OAuth 2.0 client id; sent with `client_secret` as Basic authentication or in the body, see `client_auth`.
    pub client_id: Option<Text>,
    /// OAuth 2.0 client secret.
    pub client_secret: Option<Source>,
    /// Where the client's credentials go.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// OAuth 2.0 scope.
    pub scope: Option<String>,
    /// Further fields of the body.
    #[serde(default)]
    pub extra: BTreeMap<String, Field>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// Statuses that count as logged in; empty: any 2xx.
    #[serde(default)]
    pub status: Vec<u16>,
    /// Where the token is; absent: the login yields none.
    pub token: Option<TokenPlace>,
    /// How the token is sent on.
    #[serde(default)]
    pub send: Carrier,
    /// Where the answer says how long the token lives, for tokens without `exp`.
    pub expires_in: Option<String>,
    /// Unit of `expires_in`.
    #[serde(default)]
    pub expires_in_unit: Unit,
    /// How long a token lives, where nothing else says it.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>")]
    pub lifetime: Option<Duration>,
    /// After this many straight rejections the login stops, so that the account is not locked.
    #[serde(default = "stop_after")]
    #[schemars(range(min = 1, max = 100))]
    pub stop_after: u32,
    /// A stopped login tries again after this long, or at once when its credential changes.
    #[serde(default = "retry_after_stop", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub stop_for: Duration,
    /// Logins that must be refused.
    #[serde(default)]
    pub deny: Vec<DeniedLogin>,
    /// User whose password is guessed wrong by the probe `login-unknown`; never the probe's own user.
    pub deny_username: Option<Text>,
    /// Beat of `login-unknown`; five minutes at least.
    #[serde(default = "quarter_hour", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub deny_every: Duration,
}

/// How the credentials of a login are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// A JSON object.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// HTTP Basic authentication.
    Basic,
    /// OAuth 2.0 client credentials grant (RFC 6749, section 4.4).
    ClientCredentials,
}

/// Where an OAuth 2.0 client's own credentials go (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// HTTP Basic authentication.
    #[default]
    Basic,
    /// Fields of the body.
    Body,
}

/// Unit of a lifetime in an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds.
    #[default]
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// Logins that must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeniedLogin {
    /// A wrong password for `deny_username`.
    Unknown,
}

/// A further field of a login's body: a value, or a reference to a secret.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub enum Field {
    /// A value that is written in the configuration.
    Value(serde_json::Value),
    /// A secret.
    From(Source),
}

/// Where the token of a login's answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenPlace {
    /// At a JSON pointer (RFC 6901) in the body.
    Pointer(String),
    /// In a response header.
    Header(String),
    /// In a cookie that the answer sets.
    Cookie(String),
}

/// How a token or a key is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization: Bearer TOKEN`.
    #[default]
    Bearer,
    /// `Authorization: TOKEN`.
    Bare,
    /// `Authorization: SCHEME TOKEN`.
    Scheme(String),
    /// In a header of its own.
    Header(String),
    /// In a cookie.
    Cookie(String),
    /// In a query parameter.
    Query(String),
}

impl Login {
    /// The sources of all secrets that the login uses.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        let fields = self.extra.values().filter_map(|field| match field {
            Field::Value(_) => None,
            Field::From(source) => Some(source),
        });
        let texts = [&self.username, &self.client_id, &self.deny_username].into_iter().flatten();
        texts
            .chain(self.headers.values())
            .filter_map(Text::source)
            .chain(&self.password)
            .chain(&self.client_secret)
            .chain(fields)
    }
}

/// The map form of a [`TokenPlace`].
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Place {
    Pointer(String),
    Header(String),
    Cookie(String),
}

/// The map form of a [`Carrier`].
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Carried {
    Scheme(String),
    Header(String),
    Cookie(String),
    Query(String),
}

impl<'de> Deserialize<'de> for TokenPlace {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfPlace;
        impl<'de> Visitor<'de> for OfPlace {
            type Value = TokenPlace;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON pointer such as `/access_token`, or {header: NAME}, or {cookie: NAME}")
            }

            fn visit_str<E: de::Error>(self, pointer: &str) -> Result<TokenPlace, E> {
                checked(pointer)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TokenPlace, A::Error> {
                Ok(match Place::deserialize(MapAccessDeserializer::new(map))? {
                    Place::Pointer(pointer) => checked(&pointer)?,
                    Place::Header(name) => TokenPlace::Header(name),
                    Place::Cookie(name) => TokenPlace::Cookie(name),
                })
            }
        }
        fn checked<E: de::Error>(pointer: &str) -> Result<TokenPlace, E> {
            if pointer.is_empty() || pointer.starts_with('/') {
                Ok(TokenPlace::Pointer(pointer.to_owned()))
            } else {
                Err(E::custom(format_args!("JSON pointer `{pointer}` must begin with `/`: `/{pointer}`")))
            }
        }
        from.deserialize_any(OfPlace)
    }
}

impl<'de> Deserialize<'de> for Carrier {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfCarrier;
        impl<'de> Visitor<'de> for OfCarrier {
            type Value = Carrier;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`bearer`, `bare`, {scheme: NAME}, {header: NAME}, {cookie: NAME} or {query: NAME}")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Carrier, E> {
                match word {
                    "bearer" => Ok(Carrier::Bearer),
                    "bare" => Ok(Carrier::Bare),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Carrier, A::Error> {
                Ok(match Carried::deserialize(MapAccessDeserializer::new(map))? {
                    Carried::Scheme(name) => Carrier::Scheme(name),
                    Carried::Header(name) => Carrier::Header(name),
                    Carried::Cookie(name) => Carrier::Cookie(name),
                    Carried::Query(name) => Carrier::Query(name),
                })
            }
        }
        from.deserialize_any(OfCarrier)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfField;
        impl<'de> Visitor<'de> for OfField {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true, false, or a reference to a secret")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Field, E> {
                Ok(Field::Value(text.into()))
            }

            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Field, E> {
                Ok(Field::Value(yes.into()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Field, E> {
                Ok(Field::Value(number.into()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Field, E> {
                Ok(Field::Value(number.into()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Field, E> {
                Ok(Field::Value(number.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field, A::Error> {
                Source::deserialize(MapAccessDeserializer::new(map)).map(Field::From)
            }
        }
        from.deserialize_any(OfField)
    }
}

impl JsonSchema for TokenPlace {
    fn schema_name() -> Cow<'static, str> {
        "TokenPlace".into()
    }

    fn json_schema(schemas: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let map = schemas.subschema_for::<Place>();
        schemars::json_schema!({
            "description": "Where the token of a login's answer is.",
            "anyOf": [{"type": "string", "pattern": "^(/|$)"}, map]
        })
    }
}

impl JsonSchema for Carrier {
    fn schema_name() -> Cow<'static, str> {
        "Carrier".into()
    }

    fn json_schema(schemas: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let map = schemas.subschema_for::<Carried>();
        schemars::json_schema!({
            "description": "How a token is sent.",
            "anyOf": [{"enum": ["bearer", "bare"]}, map]
        })
    }
}

fn verb<'de, D: Deserializer<'de>>(from: D) -> Result<Method, D::Error> {
    request::method(&String::deserialize(from)?)
}

fn post() -> Method {
    Method::POST
}

fn username() -> String {
    "username".into()
}

fn password() -> String {
    "password".into()
}

fn stop_after() -> u32 {
    5
}

fn retry_after_stop() -> Duration {
    Duration::from_secs(15 * 60)
}

fn quarter_hour() -> Duration {
    Duration::from_secs(15 * 60)
}
