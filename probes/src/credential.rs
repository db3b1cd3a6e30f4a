//! A secret that never prints, and where its value comes from.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, iter};

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// Shortest secret that is taken, in bytes. A shorter one is a mistake, and could not be redacted
/// without blacking out ordinary text.
pub const SHORTEST: usize = 8;

/// A secret value: a password, a key, a token. It has no `Display` and no `Serialize`, and its `Debug` is blank.
/// The memory is wiped when the last copy goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(Arc<Zeroizing<String>>);

impl Credential {
    /// Takes a value that a user configured. Line ends at the end of a file are not part of it.
    ///
    /// # Errors
    /// When it is empty.
    pub fn new(value: String) -> Result<Self, Unusable> {
        let value = Zeroizing::new(value);
        match value.trim_end_matches(['\r', '\n']) {
            "" => Err(Unusable("it is empty".into())),
            trimmed => Ok(Self(Arc::new(Zeroizing::new(trimmed.to_owned())))),
        }
    }

    /// The value as a secret, which a user's name need not be.
    ///
    /// # Errors
    /// When it is shorter than [`SHORTEST`] bytes.
    pub fn as_secret(&self) -> Result<&Self, Unusable> {
        match self.0.len() {
            short if short < SHORTEST => Err(Unusable(format!("it has {short} bytes, the least is {SHORTEST}"))),
            _ => Ok(self),
        }
    }

    /// Takes a secret that a server gave: a token is whatever the server says it is.
    pub(crate) fn captured(value: &str) -> Self {
        Self(Arc::new(Zeroizing::new(value.to_owned())))
    }

    /// The value itself, for the wire and for fingerprints; never for anything that is kept or shown.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// Why a credential cannot be used; says nothing of its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

/// Where the value of a secret comes from. The value itself never stands in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Source {
    /// Name of an environment variable.
    Env(String),
    /// Path of a file, read again when it changes.
    File(PathBuf),
    /// A key of a Kubernetes Secret.
    Kubernetes(SecretKey),
}

/// A key of a Kubernetes Secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretKey {
    /// `NAMESPACE/NAME` of the Secret.
    pub secret: String,
    /// Key within it.
    pub key: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Env(name) => write!(f, "environment variable {name}"),
            Source::File(path) => write!(f, "file {}", path.display()),
            Source::Kubernetes(SecretKey { secret, key }) => write!(f, "key {key} of Secret {secret}"),
        }
    }
}

/// A text that may be written in the configuration or come from a [`Source`]: a user name, a header.
#[derive(Debug, Clone, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(untagged)]
pub enum Text {
    /// Written as it is.
    Plain(String),
    /// Kept elsewhere, and treated as a secret.
    From(Source),
}

impl Text {
    /// The source, if the text is kept elsewhere.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        match self {
            Text::Plain(_) => None,
            Text::From(source) => Some(source),
        }
    }
}

/// The values of a target's credentials at the start of a run.
#[derive(Debug, Clone, Default)]
pub struct Wallet {
    values: HashMap<Source, Result<Held, Unusable>>,
}

/// A credential and, for a while after a rotation, the one before it.
#[derive(Debug, Clone)]
pub struct Held {
    /// The value in force.
    pub current: Credential,
    /// The value before the last change, while tokens signed with it may still be good.
    pub previous: Option<Credential>,
}

impl Wallet {
    /// Puts in the value of a source, or why there is none.
    pub fn insert(&mut self, source: Source, value: Result<Held, Unusable>) {
        self.values.insert(source, value);
    }

    /// The secret in force of a source.
    ///
    /// # Errors
    /// When it could not be read, or is too short for a secret.
    pub(crate) fn get(&self, source: &Source) -> Result<&Credential, Unusable> {
        self.held(source).map(|held| &held.current)
    }

    /// The secret of a source with its predecessor.
    ///
    /// # Errors
    /// As [`Wallet::get`].
    pub(crate) fn held(&self, source: &Source) -> Result<&Held, Unusable> {
        let held = self.value(source)?;
        held.current.as_secret().map_err(|Unusable(why)| Unusable(format!("{source}: {why}")))?;
        Ok(held)
    }

    fn value(&self, source: &Source) -> Result<&Held, Unusable> {
        match self.values.get(source) {
            Some(Ok(held)) => Ok(held),
            Some(Err(Unusable(why))) => Err(Unusable(format!("{source}: {why}"))),
            None => Err(Unusable(format!("{source}: it was not read"))),
        }
    }

    /// The text, from where it is kept. It may be short, as the names of users are.
    ///
    /// # Errors
    /// When it could not be read.
    pub(crate) fn text<'a>(&'a self, text: &'a Text) -> Result<&'a str, Unusable> {
        match text {
            Text::Plain(plain) => Ok(plain),
            Text::From(source) => self.value(source).map(|held| held.current.expose()),
        }
    }

    /// The sources whose values cannot be used, each with why.
    pub fn unusable(&self) -> impl Iterator<Item = (&Source, &Unusable)> {
        self.values.iter().filter_map(|(source, value)| Some((source, value.as_ref().err()?)))
    }

    /// Every value in the wallet, for redaction.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Credential> {
        self.values.values().flatten().flat_map(|held| iter::once(&held.current).chain(&held.previous))
    }
}

/// The map form of a [`Source`], read by serde's own rules for enums.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reference {
    Env(String),
    File(PathBuf),
    Kubernetes(SecretKey),
}

impl From<Reference> for Source {
    fn from(reference: Reference) -> Self {
        match reference {
            Reference::Env(name) => Source::Env(name),
            Reference::File(path) => Source::File(path),
            Reference::Kubernetes(key) => Source::Kubernetes(key),
        }
    }
}

const FORMS: &str = "{env: NAME}, {file: PATH} or {kubernetes: {secret: NS/NAME, key: KEY}}";

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfSource;
        impl<'de> Visitor<'de> for OfSource {
            type Value = Source;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a reference to a secret: {FORMS}")
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Source, E> {
                Err(E::custom(format_args!("a secret value is never written in the file, refer to it: {FORMS}")))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
                Reference::deserialize(MapAccessDeserializer::new(map)).map(Source::from)
            }
        }
        from.deserialize_any(OfSource)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfText;
        impl<'de> Visitor<'de> for OfText {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a text in quotes, or a reference: {FORMS}")
            }

            fn visit_str<E: de::Error>(self, plain: &str) -> Result<Text, E> {
                Ok(Text::Plain(plain.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
                Reference::deserialize(MapAccessDeserializer::new(map)).map(|reference| Text::From(reference.into()))
            }
        }
        from.deserialize_any(OfText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_prints_nothing_of_itself() {
        let credential = Credential::new("correct-horse-battery".into()).expect("long enough");
        assert_eq!(format!("{credential:?}"), "Credential(..)");
    }

    #[test]
    fn an_empty_or_very_short_secret_is_refused_without_showing_it() {
        assert_eq!(Credential::new("\n".into()), Err(Unusable("it is empty".into())));
        let short = Credential::new("hunter2".into()).expect("not empty");
        assert_eq!(short.as_secret(), Err(Unusable("it has 7 bytes, the least is 8".into())));
    }

    #[test]
    fn the_line_end_of_a_file_is_not_part_of_the_secret() {
        let credential = Credential::new("0123456789\r\n".into()).expect("long enough");
        assert_eq!(credential.expose(), "0123456789");
    }

    #[test]
    fn a_secret_written_in_the_file_is_refused_with_the_remedy_and_without_its_value() {
        let error = serde_json::from_str::<Source>(r#""hunter2hunter2""#).expect_err("a plain value");
        assert!(error.to_string().contains("{env: NAME}"), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
