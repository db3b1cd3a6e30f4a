//! The YAML text as a tree in which every node knows its place.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned};

use crate::config::mistake::{Mistake, Place};

/// Deepest nesting of lists and maps; the configuration itself needs eight.
const DEEPEST: usize = 32;
/// Largest number of nodes, with everything that aliases repeat.
const MOST_NODES: usize = 250_000;

/// A value in the file.
#[derive(Debug)]
pub(crate) struct Node {
    /// Number of the node in its document.
    pub(crate) id: usize,
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(Integer),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A whole number, as YAML reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Integer {
    Unsigned(u64),
    Negative(i64),
}

/// A key of a map and its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// Reads a whole file.
    ///
    /// # Errors
    /// When it is no YAML: the one mistake at which reading stopped.
    pub(crate) fn parse(text: &str) -> Result<Node, Mistake> {
        let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options()).map_err(|error| worded(&error))?;
        Ok(Numbering(0).node(raw))
    }

    /// Reads a whole file of another tool: what is marked as binary there is kept as it is written.
    ///
    /// # Errors
    /// When it is no YAML: the one mistake at which reading stopped.
    pub(crate) fn parse_foreign(text: &str) -> Result<Node, Mistake> {
        let mut options = options();
        options.ignore_binary_tag_for_string = true;
        let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options).map_err(|error| worded(&error))?;
        Ok(Numbering(0).node(raw))
    }

    /// Reads every document of a file; what is empty is none.
    ///
    /// # Errors
    /// When it is no YAML: the one mistake at which reading stopped.
    pub(crate) fn parse_all(text: &str) -> Result<Vec<Node>, Mistake> {
        let documents: Vec<Spanned<Raw>> =
            serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| worded(&error))?;
        Ok(documents.into_iter().map(|raw| Numbering(0).node(raw)).collect())
    }

    /// The entry of a map under a key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => {
                None
            }
        }
    }

    /// The nodes directly below.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Node> {
        let (list, map): (&[Node], &[Entry]) = match &self.value {
            Value::List(list) => (list, &[]),
            Value::Map(map) => (&[], map),
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) => (&[], &[]),
        };
        list.iter().chain(map.iter().map(|entry| &entry.node))
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Integer::Unsigned(number) => write!(f, "{number}"),
            Integer::Negative(number) => write!(f, "{number}"),
        }
    }
}

/// How files are read: within bounds, and nothing guessed.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEEPEST, max_nodes: MOST_NODES },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MOST_NODES },
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        strict_booleans: true,
        with_snippet: false
    }
}

/// Words an error of the YAML reader without repeating the text, which may be a secret.
fn worded(error: &serde_saphyr::Error) -> Mistake {
    use serde_saphyr::Error as E;
    let message = match error.without_snippet() {
        E::DuplicateMappingKey { key: Some(key), .. } => format!("key `{key}` is given twice: keep one of them"),
        E::DuplicateMappingKey { key: None, .. } => "a key is given twice: keep one of them".into(),
        E::UnknownAnchor { .. } => {
            "`*` refers to an anchor that is not there: put the value in quotes if it only begins with `*`".into()
        }
        E::UnsupportedTag { .. } => {
            "`!` begins a tag, and none is known here: put the value in quotes if it only begins with `!`".into()
        }
        E::MultipleDocuments { .. } => "`---` begins a second document: keep one".into(),
        E::NonFiniteFloat { .. } => "the number is not finite".into(),
        E::SerdeInvalidType { .. } | E::Unexpected { .. } => "a key is a plain text, no list and no map".into(),
        _ => {
            let text = error.to_string();
            let (what, _) = text.split_once(" at line ").unwrap_or((&text, ""));
            format!("this is no YAML: {what}")
        }
    };
    Mistake { place: error.location().map_or(Place::START, |location| place(&location)), path: String::new(), message }
}

fn place(location: &Location) -> Place {
    Place { line: location.line().max(1), column: location.column().max(1) }
}

/// A value as the YAML reader hands it over.
enum Raw {
    Null,
    Bool(bool),
    Integer(Integer),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Key>, Spanned<Raw>)>),
}

/// A key, as the text that stands for it.
struct Key(String);

/// Gives the nodes their numbers, children after their parents.
struct Numbering(usize);

impl Numbering {
    fn node(&mut self, Spanned { value, referenced, .. }: Spanned<Raw>) -> Node {
        let id = self.0;
        self.0 += 1;
        let value = match value {
            Raw::Null => Value::Null,
            Raw::Bool(yes) => Value::Bool(yes),
            Raw::Integer(number) => Value::Integer(number),
            Raw::Float(number) => Value::Float(number),
            Raw::Text(text) => Value::Text(text),
            Raw::List(list) => Value::List(list.into_iter().map(|raw| self.node(raw)).collect()),
            Raw::Map(map) => Value::Map(map.into_iter().map(|(key, raw)| self.entry(key, raw)).collect()),
        };
        Node { id, place: place(&referenced), value }
    }

    fn entry(&mut self, key: Spanned<Key>, raw: Spanned<Raw>) -> Entry {
        Entry { place: place(&key.referenced), key: key.value.0, node: self.node(raw) }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfKey;
        impl Visitor<'_> for OfKey {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Key, E> {
                Ok(Key(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, yes: bool) -> Result<Key, E> {
                Ok(Key(yes.to_string()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Key, E> {
                Ok(Key(number.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Key, E> {
                Ok(Key(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Key, E> {
                Ok(Key(number.to_string()))
            }

            fn visit_unit<E: Error>(self) -> Result<Key, E> {
                Ok(Key("null".into()))
            }
        }
        from.deserialize_any(OfKey)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfRaw;
        impl<'de> Visitor<'de> for OfRaw {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E: Error>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }

            fn visit_bool<E: Error>(self, yes: bool) -> Result<Raw, E> {
                Ok(Raw::Bool(yes))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Raw, E> {
                Ok(Raw::Integer(Integer::Unsigned(number)))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Raw, E> {
                let integer = u64::try_from(number).map_or(Integer::Negative(number), Integer::Unsigned);
                Ok(Raw::Integer(integer))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Raw, E> {
                Ok(Raw::Float(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Raw, E> {
                Ok(Raw::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = access.next_element()? {
                    list.push(element);
                }
                Ok(Raw::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = access.next_entry()? {
                    map.push(entry);
                }
                Ok(Raw::Map(map))
            }
        }
        from.deserialize_any(OfRaw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(node: &Node) -> (u64, u64) {
        (node.place.line, node.place.column)
    }

    #[test]
    fn every_node_knows_its_place() {
        let root = Node::parse("a: 1\nb:\n  - c: [x, 2.5]\n").unwrap();
        let list = &root.entry("b").unwrap().node;
        let map = list.children().next().unwrap();
        let inner = map.entry("c").unwrap();
        assert_eq!((at(&root), at(list), at(map)), ((1, 1), (3, 3), (3, 5)));
        assert_eq!(inner.node.children().map(at).collect::<Vec<_>>(), [(3, 9), (3, 12)]);
        assert_eq!(inner.place, Place { line: 3, column: 5 });
    }

    #[test]
    fn what_an_alias_repeats_stands_where_it_is_used() {
        let root = Node::parse("d: &d {every: 30s}\nt: {<<: *d}\n").unwrap();
        assert_eq!(root.entry("t").unwrap().node.entry("every").unwrap().place.line, 2);
    }

    #[test]
    fn broken_yaml_is_one_mistake_with_its_place_and_without_the_text() {
        for (text, line, says) in [
            ("a: 1\na: 2\n", 2, "`a` is given twice"),
            ("a: *canary\n", 1, "in quotes"),
            ("a: !canary x\n", 1, "in quotes"),
            ("a: 'canary\nb: 1\n", 1, "no YAML"),
            ("a: 1\n---\nb: 2\n", 3, "second document"),
            ("? [canary]\n: 1\n", 1, "plain text"),
            ("a: [1\nb: canary\n", 2, "no YAML"),
            ("a: @canary\n", 1, "no YAML"),
        ] {
            let mistake = Node::parse(text).unwrap_err();
            assert_eq!(mistake.place.line, line, "{text}: {mistake}");
            assert!(mistake.message.contains(says), "{text}: {mistake}");
            assert!(!mistake.message.contains("canary"), "{mistake}");
        }
    }

    #[test]
    fn a_bomb_of_aliases_or_brackets_is_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let uses = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{uses}]\n"));
        }
        assert!(Node::parse(&bomb).is_err());
        assert!(Node::parse(&"[".repeat(100_000)).is_err());
    }
}
