//! The keys of a set, read leniently: a key that nothing is known of is still a key.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The keys of a set, without their order and their metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keys(pub(super) BTreeSet<Key>);

/// A key, as far as it matters to who verifies with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// `kid`, where it has one.
    pub(super) id: Option<String>,
    /// What is the same for the same key (RFC 7638), and never shown: of a shared secret it would tell too much.
    pub(super) print: [u8; 32],
    /// `alg`, or `kty` where it has none, for people.
    pub(super) algorithm: String,
}

impl Keys {
    /// Reads a key set. An empty one is one without keys; what is no key set is none at all.
    ///
    /// # Errors
    /// When it is not a JSON object with a list `keys`.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(body).map_err(|_| "the answer is no JSON object with `keys`")?;
        Ok(Self(set.keys.iter().map(Key::of).collect()))
    }

    /// Whether a key has this id, of which at most the beginning is given.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.iter().filter_map(|key| key.id.as_deref()).any(|known| known == id || cut(known) == id)
    }
}

impl Key {
    fn of(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        Self {
            id: text("kid").map(str::to_owned),
            print: thumbprint(value),
            algorithm: cut(text("alg").or(text("kty")).unwrap_or("of no known kind")),
        }
    }

    /// The key in words.
    pub(super) fn words(&self) -> String {
        match &self.id {
            Some(id) => format!("`{}` ({})", cut(id), self.algorithm),
            None => format!("without an id ({})", self.algorithm),
        }
    }
}

/// At most 128 characters of a text from outside.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(128).collect()
}

/// The thumbprint of RFC 7638: SHA-256 of the members that make the key what it is. Of a key of another kind, or
/// without one of them, all members but the id and the usual metadata are taken.
///
/// The thumbprint of `jsonwebtoken` knows fewer kinds of key, and refuses a key with an algorithm it does not know.
fn thumbprint(key: &Value) -> [u8; 32] {
    const METADATA: [&str; 8] = ["kid", "use", "key_ops", "alg", "x5u", "x5c", "x5t", "x5t#S256"];
    let nothing = Map::new();
    let members = key.as_object().unwrap_or(&nothing);
    let needed: &[&str] = match members.get("kty").and_then(Value::as_str) {
        Some("RSA") => &["e", "kty", "n"],
        Some("EC") => &["crv", "kty", "x", "y"],
        Some("OKP") => &["crv", "kty", "x"],
        Some("oct") => &["k", "kty"],
        Some(_) | None => &[],
    };
    let known = !needed.is_empty() && needed.iter().all(|name| members.get(*name).is_some_and(Value::is_string));
    let taken = |name: &str| if known { needed.contains(&name) } else { !METADATA.contains(&name) };
    let canonical: BTreeMap<&str, &Value> =
        members.iter().map(|(name, value)| (name.as_str(), value)).filter(|(name, _)| taken(name)).collect();
    // What is no object has no members, and is what it is.
    let text = if key.is_object() { json!(canonical).to_string() } else { key.to_string() };
    let mut print = [0; 32];
    print.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    print
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_the_example_in_rfc_7638() {
        let key = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
            "kid": "2011-04-29"
        });
        assert_eq!(URL_SAFE_NO_PAD.encode(thumbprint(&key)), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn order_metadata_and_repetition_make_no_other_set() {
        let one = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"a","kid":"1"},{"kty":"XYZ","z":1,"kid":"2"},7]}"#;
        let other = br#"{"keys":[7,{"kid":"2","z":1,"kty":"XYZ","use":"sig"},{"kid":"1","kty":"OKP","crv":"Ed25519","x":"a","x5c":["b"]},7],"more":true}"#;
        assert_eq!(Keys::read(one), Keys::read(other));
        assert_eq!(Keys::read(one).map(|keys| keys.0.len()), Ok(3));
    }

    #[test]
    fn an_empty_set_is_a_set_and_what_is_none_is_an_error() {
        assert_eq!(Keys::read(br#"{"keys":[]}"#), Ok(Keys::default()));
        for body in ["", "<html>", "[]", "{}", r#"{"keys":null}"#, r#"{"keys":{}}"#, "\u{0}"] {
            assert!(Keys::read(body.as_bytes()).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_key_breaks_its_reader(text in ".{0,40}", number in any::<f64>()) {
            for key in [json!(text), json!(number), json!({"kty": text, "kid": text}), json!({"kty": "RSA", "n": number})] {
                let key = Key::of(&key);
                prop_assert!(key.words().chars().count() < 400);
            }
        }
    }
}
