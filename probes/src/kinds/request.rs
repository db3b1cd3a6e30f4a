//! What a probe sends and which answers it takes: a line such as `GET /path`, or a map with more.

use std::collections::BTreeMap;
use std::fmt;

use http::Method;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::credential::{Source, Text};

/// A request to the target.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(with = "Form")]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Path and query below the target's URL, or a whole URL.
    pub path: String,
    /// Further headers.
    pub headers: BTreeMap<String, Text>,
    /// What is sent as the body.
    pub body: Body,
    /// Statuses that count as let in; empty: any 2xx.
    pub status: Vec<u16>,
    /// What the body of the answer must contain.
    pub body_contains: Option<String>,
}

/// The body of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Body {
    /// None.
    #[default]
    None,
    /// A text as it is.
    Text(String),
    /// A JSON value.
    Json(serde_json::Value),
}

impl Request {
    /// A request without headers and body.
    #[must_use]
    pub fn plain(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: BTreeMap::new(),
            body: Body::None,
            status: Vec::new(),
            body_contains: None,
        }
    }

    /// The sources of secrets in the headers.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.headers.values().filter_map(Text::source)
    }
}

/// How a request is written.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes the two forms to the JSON Schema, is never built")]
enum Form {
    Line(#[schemars(regex(pattern = r"^[A-Z]+ \S+$"), example = &"GET /api/v1/workflows")] String),
    Map(Parts),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parts {
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, Text>,
    body: Option<String>,
    json: Option<serde_json::Value>,
    #[serde(default)]
    status: Vec<u16>,
    body_contains: Option<String>,
}

fn get() -> String {
    "GET".into()
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfRequest;
        impl<'de> Visitor<'de> for OfRequest {
            type Value = Request;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a request such as `GET /path`, or a map with `method` and `path`")
            }

            fn visit_str<E: de::Error>(self, line: &str) -> Result<Request, E> {
                let (verb, path) = line
                    .split_once(' ')
                    .ok_or_else(|| E::custom(format_args!("`{line}` is no request, write it as `GET {line}`")))?;
                Ok(Request::plain(method(verb)?, checked(path.trim())?))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Request, A::Error> {
                let Parts { method: verb, path, headers, body, json, status, body_contains } =
                    Parts::deserialize(MapAccessDeserializer::new(map))?;
                let body = match (body, json) {
                    (None, None) => Body::None,
                    (Some(text), None) => Body::Text(text),
                    (None, Some(json)) => Body::Json(json),
                    (Some(_), Some(_)) => return Err(de::Error::custom("`body` and `json` exclude each other")),
                };
                Ok(Request { method: method(&verb)?, path: checked(&path)?, headers, body, status, body_contains })
            }
        }
        from.deserialize_any(OfRequest)
    }
}

/// Reads an HTTP method; only upper case is one.
pub(crate) fn method<E: de::Error>(verb: &str) -> Result<Method, E> {
    match Method::from_bytes(verb.as_bytes()) {
        Ok(method) if verb.bytes().all(|byte| byte.is_ascii_uppercase()) => Ok(method),
        _ => Err(E::custom(format_args!("`{verb}` is no HTTP method, write GET, POST or another in upper case"))),
    }
}

fn checked<E: de::Error>(path: &str) -> Result<String, E> {
    if path.starts_with('/') || path.starts_with("http://") || path.starts_with("https://") {
        Ok(path.to_owned())
    } else {
        Err(E::custom(format_args!("path `{path}` must begin with `/`")))
    }
}
